package sentrytel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// OnError captures an unexpected error of a handler. It fits
// httpguard.Options.OnError.
func (m *Monitor) OnError(r *http.Request, err error) {
	if !m.Enabled() || err == nil {
		return
	}
	defer m.survive()
	q := requestOf(r)
	if !m.allowSame(kindOf(err) + "\x00" + q.endpoint) {
		return
	}
	e := m.client.EventFromException(err, sentry.LevelError)
	m.captureAbout(r, q, e, err)
}

// OnPanic captures a recovered panic. It fits httpguard.Options.OnPanic: called
// while the panic unwinds, it finds the place of the panic by itself; stack may
// be nil. Of values that are neither errors, texts nor numbers only the type is
// sent.
func (m *Monitor) OnPanic(r *http.Request, value any, _ []byte) {
	if !m.Enabled() || value == nil || value == http.ErrAbortHandler {
		return
	}
	defer m.survive()
	q := requestOf(r)
	if !m.allowSame(fmt.Sprintf("panic %T\x00%s", value, q.endpoint)) {
		return
	}
	var e *sentry.Event
	err, isError := value.(error)
	if isError {
		e = m.client.EventFromException(err, sentry.LevelFatal)
	} else {
		e = &sentry.Event{Level: sentry.LevelFatal}
		e.Exception = []sentry.Exception{{Type: fmt.Sprintf("panic(%T)", value), Value: tell(value)}}
	}
	outermost := &e.Exception[len(e.Exception)-1]
	outermost.Stacktrace = sentry.NewStacktrace()
	if outermost.Mechanism == nil {
		outermost.Mechanism = new(sentry.Mechanism)
	}
	outermost.Mechanism.Type = "panic"
	outermost.Mechanism.SetUnhandled()
	m.captureAbout(r, q, e, err)
}

// Survived captures a failure that nobody noticed but us, for example of a store
// whose place a local limiter took. It fits guard.Options.OnError.
func (m *Monitor) Survived(ctx context.Context, doing string, err error) {
	if !m.Enabled() || err == nil || !m.allowSame("survived\x00"+doing) {
		return
	}
	defer m.survive()
	e := m.client.EventFromException(err, sentry.LevelWarning)
	m.dress(e, CorrelationID(ctx))
	e.Tags["doing"] = doing
	e.Fingerprint = []string{"gatehouse", "survived", doing}
	m.queue.offer(e)
}

// survive, deferred, sees to it that an error which panics when it is asked for
// its text harms nobody.
func (m *Monitor) survive() {
	if recover() != nil {
		m.counts.drop(Failed)
	}
}

// captureAbout captures an event about a request.
func (m *Monitor) captureAbout(r *http.Request, q request, e *sentry.Event, err error) {
	m.dress(e, q.correlation)
	e.Tags["endpoint"] = q.endpoint
	e.Transaction = q.name()
	e.Request = tellRequest(r, q)
	// The stack is that of the middleware for every error, so the endpoint has
	// its say.
	e.Fingerprint = []string{"{{ default }}", q.endpoint}
	var s gatehouse.Subject
	if m.o.UserOf != nil && err != nil {
		s.User = m.o.UserOf(r, err)
	}
	if g, ok := httpguard.FromContext(r.Context()); ok {
		e.User = m.user(s, g.Client.IP)
		e.Contexts["client"] = sentry.Context{"ip_id": m.addressID(g.Client.IP)}
		e.Breadcrumbs = m.crumbs.about(q.correlation, e.User.ID, m.addressID(g.Client.IP))
	} else {
		e.User = m.user(s, gatehouse.Client{}.IP)
		e.Breadcrumbs = m.crumbs.about(q.correlation, e.User.ID, "")
	}
	m.queue.offer(e)
}

// dress gives an event that the SDK made what all events have.
func (m *Monitor) dress(e *sentry.Event, correlation string) {
	for i := range e.Exception {
		e.Exception[i].Value = shorten(e.Exception[i].Value)
	}
	own := newEvent(e.Level, correlation)
	e.Tags, e.Contexts, e.Timestamp = own.Tags, own.Contexts, own.Timestamp
}

// allowSame reports whether one more event of the same cause may be sent.
func (m *Monitor) allowSame(cause string) bool {
	if m.queue.fullOfUrgent() {
		m.counts.drop(QueueFull)
		return false
	}
	if m.same.hit(cause, m.o.Now()) > m.o.SameEventsPerMinute {
		m.counts.drop(Limited)
		return false
	}
	return m.allow(m.events)
}

// kindOf names an error by the types in its chain.
func kindOf(err error) string {
	kind := ""
	for range 5 {
		kind += fmt.Sprintf("%T ", err)
		if err = errors.Unwrap(err); err == nil {
			break
		}
	}
	return kind
}

// tell returns a panic's value if it is a text or a number.
func tell(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return fmt.Sprint(v)
	}
	return ""
}

// tellRequest returns what may be told of a request: no path, no query, no body,
// no cookie.
func tellRequest(r *http.Request, q request) *sentry.Request {
	told := &sentry.Request{Method: q.method, URL: q.endpoint, Headers: make(map[string]string, 3)}
	for _, name := range [...]string{"User-Agent", "Content-Type"} {
		if v := r.Header.Get(name); v != "" {
			told.Headers[name] = gatehouse.CleanText(v, 256)
		}
	}
	if r.ContentLength >= 0 {
		told.Headers["Content-Length"] = strconv.FormatInt(r.ContentLength, 10)
	}
	return told
}
