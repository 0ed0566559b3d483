package sentrytel

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse/httpguard"
)

const maxSpans = 100 // of one trace

// trace is a request whose trace is kept.
type trace struct {
	start time.Time
	up    upstream
	id    sentry.SpanID

	mu    sync.Mutex
	spans []*sentry.Span
	over  bool // finished: nothing is added any more
}

type traceKey struct{}

// Span times one step of the request that ctx belongs to; call End when it is
// over. Where the trace of the request is not kept it costs one look into ctx.
// The operation is a word of Sentry's vocabulary, for example "db"; the name says
// which one and must be one of few: never what a client sent.
func (m *Monitor) Span(ctx context.Context, operation, name string) Span {
	if !m.Enabled() {
		return Span{}
	}
	t, _ := ctx.Value(traceKey{}).(*trace)
	if t == nil {
		return Span{}
	}
	return Span{trace: t, operation: operation, name: name, start: time.Now()}
}

// Span is a step of a request. The zero Span does nothing.
type Span struct {
	trace           *trace
	operation, name string
	start           time.Time
}

// End ends the step, which failed if err is not nil. The error itself is not
// sent.
func (s Span) End(err error) {
	if s.trace == nil {
		return
	}
	span := &sentry.Span{
		SpanID: newSpanID(), ParentSpanID: s.trace.id,
		Op: s.operation, Description: s.name, Origin: "auto." + sentry.SpanOrigin(s.operation),
		StartTime: s.start, EndTime: time.Now(), Status: sentry.SpanStatusOK,
	}
	if err != nil {
		span.Status = sentry.SpanStatusInternalError
	}
	t := s.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over && len(t.spans) < maxSpans {
		t.spans = append(t.spans, span)
	}
}

// finish sends the trace of a request that was answered.
func (m *Monitor) finish(t *trace, r *http.Request, status int) {
	t.mu.Lock()
	t.over = true
	spans := t.spans
	t.mu.Unlock()

	q := requestOf(r)
	id := t.up.traceID
	if id == (sentry.TraceID{}) {
		id = traceIDOf(q.correlation)
	}
	for _, s := range spans {
		s.TraceID = id
	}
	about := sentry.Context{
		"trace_id": id, "span_id": t.id, "op": "http.server", "origin": "auto.http.gatehouse",
		"status": sentry.HTTPtoSpanStatus(status),
		"data": map[string]any{
			"http.request.method": q.method, "http.route": q.endpoint, "http.response.status_code": status,
		},
	}
	if t.up.parent != (sentry.SpanID{}) {
		about["parent_span_id"] = t.up.parent
	}
	m.queue.offer(&sentry.Event{
		Type: "transaction", Transaction: q.name(), TransactionInfo: &sentry.TransactionInfo{Source: sentry.SourceRoute},
		StartTime: t.start, Timestamp: time.Now(), Spans: spans,
		Contexts: map[string]sentry.Context{"trace": about},
		Tags:     map[string]string{tagCorrelation: q.correlation},
	})
}

// request is what is told of a request.
type request struct {
	correlation, method, endpoint string
}

// requestOf returns what may be told of r: nothing that a client can choose
// freely.
func requestOf(r *http.Request) request {
	q := request{method: method(r.Method)}
	if g, ok := httpguard.FromContext(r.Context()); ok {
		q.correlation, q.endpoint = g.CorrelationID, g.Endpoint
		return q
	}
	q.endpoint = r.Pattern
	if s, ok := r.Context().Value(soloKey{}).(*solo); ok {
		q.correlation = s.correlation
		if q.endpoint == "" {
			q.endpoint = s.request.Pattern
		}
	}
	if q.endpoint == "" {
		q.endpoint = httpguard.Unmatched
	}
	return q
}

// name returns the method and the route, for example "POST /api/auth/login".
func (q request) name() string {
	if strings.HasPrefix(q.endpoint, q.method+" ") {
		return q.endpoint
	}
	return q.method + " " + q.endpoint
}

// method returns a method that everybody knows, or OTHER.
func method(s string) string {
	switch s {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return s
	case "":
		return http.MethodGet
	}
	return "OTHER"
}

// upstream is the trace that a caller goes on with here.
type upstream struct {
	traceID sentry.TraceID
	parent  sentry.SpanID
	sampled sentry.Sampled
	ignored bool
}

// parseUpstream reads the header traceparent (W3C Trace Context, section 3.2) or,
// without one, sentry-trace. What is malformed is as if it were not there.
func parseUpstream(h http.Header) (up upstream) {
	if values := h["Traceparent"]; len(values) == 1 {
		return parseTraceparent(values[0])
	}
	if c, ok := sentry.ParseTraceParentContext([]byte(h.Get(sentry.SentryTraceHeader))); ok && c.TraceID != (sentry.TraceID{}) {
		return upstream{traceID: c.TraceID, parent: c.ParentSpanID, sampled: c.Sampled}
	}
	return upstream{}
}

func parseTraceparent(s string) (up upstream) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' || s != strings.ToLower(s) {
		return upstream{}
	}
	// Version 00 ends here; later ones may go on, after a dash. ff is invalid.
	if len(s) > length && (s[:2] == "00" || s[length] != '-') || s[:2] == "ff" {
		return upstream{}
	}
	var version, flags [1]byte
	_, err1 := hex.Decode(version[:], []byte(s[:2]))
	_, err2 := hex.Decode(up.traceID[:], []byte(s[3:35]))
	_, err3 := hex.Decode(up.parent[:], []byte(s[36:52]))
	_, err4 := hex.Decode(flags[:], []byte(s[53:55]))
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil ||
		up.traceID == (sentry.TraceID{}) || up.parent == (sentry.SpanID{}) {
		return upstream{}
	}
	up.sampled = sentry.SampledFalse
	if flags[0]&1 != 0 {
		up.sampled = sentry.SampledTrue
	}
	return up
}
