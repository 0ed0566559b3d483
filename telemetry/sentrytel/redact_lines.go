package sentrytel

import (
	"github.com/getsentry/sentry-go"
	"github.com/getsentry/sentry-go/attribute"
)

// beforeSendLog takes out of a log line what must not leave, and joins it to the
// trace of its request.
func (m *Monitor) beforeSendLog(l *sentry.Log) (kept *sentry.Log) {
	defer func() {
		if recover() != nil {
			m.counts.drop(Failed)
			kept = nil
		}
	}()
	l.Body = m.text(l.Body)
	if id := l.Attributes[tagCorrelation]; id.Type() == attribute.STRING && l.SpanID == (sentry.SpanID{}) {
		l.TraceID = traceIDOf(id.AsString())
	}
	m.redactAttributes(l.Attributes)
	return l
}

func (m *Monitor) beforeSendMetric(x *sentry.Metric) (kept *sentry.Metric) {
	defer func() {
		if recover() != nil {
			m.counts.drop(Failed)
			kept = nil
		}
	}()
	x.Name = m.text(x.Name)
	m.redactAttributes(x.Attributes)
	return x
}

// redactAttributes scrubs attributes in place. It knows users and the host by
// the names that the SDK gives them.
func (m *Monitor) redactAttributes(attrs map[string]attribute.Value) {
	for k, v := range attrs {
		switch k {
		case "sentry.server.address", "user.email", "user.name":
			delete(attrs, k)
			continue
		case "user.id":
			attrs[k] = attribute.StringValue(m.pseudonym("user", v.String()))
			continue
		case "sentry.sdk.name", "sentry.sdk.version", "sentry.release", "sentry.environment":
			continue
		}
		switch v.Type() {
		case attribute.STRING:
			attrs[k] = attribute.StringValue(m.keyed(k, v.AsString(), maxMessage))
		case attribute.STRINGSLICE:
			clean := make([]string, 0, len(v.AsStringSlice()))
			for _, s := range v.AsStringSlice() {
				clean = append(clean, m.keyed(k, s, maxMessage))
			}
			attrs[k] = attribute.StringSliceValue(clean)
		}
	}
}
