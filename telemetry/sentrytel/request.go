package sentrytel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// Around traces the requests of a handler behind package httpguard; give it to
// httpguard.Options.Around. Panics pass through it: give OnPanic and OnError to
// httpguard as well. Without a DSN it returns next itself.
func (m *Monitor) Around(next http.Handler) http.Handler {
	if !m.Enabled() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.trace(next, w, r) })
}

func (m *Monitor) trace(next http.Handler, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	keep, up := m.decide(r)
	if !keep {
		next.ServeHTTP(w, r)
		m.afterwards(r, start, up)
		return
	}
	t := &trace{start: start, up: up, id: newSpanID()}
	ctx := context.WithValue(r.Context(), traceKey{}, t)
	traced := r.WithContext(ctx)
	finished := false
	defer func() {
		status := httpguard.Status(ctx)
		switch {
		case status == 0 && finished:
			status = http.StatusOK // which net/http answers for a silent handler
		case status == 0:
			status = http.StatusInternalServerError // a panic on its way to httpguard
		}
		m.attacks.take(requestOf(traced).correlation)
		m.finish(t, traced, status)
	}()
	next.ServeHTTP(w, traced)
	finished = true
}

// decide says whether the trace of a request is kept whatever happens, before
// anything is built for it.
func (m *Monitor) decide(r *http.Request) (keep bool, up upstream) {
	if m.o.Ignore(r) {
		return false, upstream{ignored: true}
	}
	if m.o.TrustTrace != nil && m.o.TrustTrace(r) {
		up = parseUpstream(r.Header)
	}
	switch up.sampled {
	case sentry.SampledFalse:
		return false, up
	case sentry.SampledUndefined:
		if m.keepBelow == 0 || mathrand.Uint64() > m.keepBelow {
			return false, up
		}
	}
	if m.queue.full() {
		m.counts.drop(QueueFull)
		return false, upstream{ignored: true}
	}
	return m.allow(m.traces), up
}

// afterwards keeps the trace of a request that turned out to be part of an
// attack.
func (m *Monitor) afterwards(r *http.Request, start time.Time, up upstream) {
	attack := httpguard.Status(r.Context()) == http.StatusTooManyRequests
	if !attack && m.attacks.any.Load() {
		attack = m.attacks.take(requestOf(r).correlation)
	}
	if !attack || up.ignored || m.keepBelow == 0 || m.queue.full() || !m.allow(m.odd) {
		return
	}
	m.finish(&trace{start: start, up: up, id: newSpanID()}, r, httpguard.Status(r.Context()))
}

// Handler traces the requests of any handler and captures its panics, for those
// who do not use package httpguard. It gives each request a correlation ID, and
// what httpguard.Status and Span need. A panic goes on after it was captured.
// Without a DSN it returns next itself.
//
// The transaction is named by the pattern of the http.ServeMux that next is or
// leads to.
func (m *Monitor) Handler(next http.Handler) http.Handler {
	if !m.Enabled() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.alone(next, w, r)
	})
}

// alone does what httpguard would do for trace.
func (m *Monitor) alone(next http.Handler, w http.ResponseWriter, r *http.Request) {
	s := &solo{Context: r.Context(), correlation: newCorrelationID(), writer: statusWriter{ResponseWriter: w}}
	s.request = r.WithContext(s)
	start := time.Now()
	keep, up := m.decide(r)
	var t *trace
	if keep {
		t = &trace{start: start, up: up, id: newSpanID()}
		s.trace = t
	}
	defer func() {
		status := s.writer.status
		v := recover()
		switch {
		case v != nil:
			defer panic(v)
			m.OnPanic(s.request, v, nil)
			if status == 0 {
				status = http.StatusInternalServerError
			}
		case status == 0:
			status = http.StatusOK
		}
		attack := m.attacks.take(s.correlation) || status == http.StatusTooManyRequests
		if t == nil && attack && !up.ignored && m.keepBelow > 0 && !m.queue.full() && m.allow(m.odd) {
			t = &trace{start: start, up: up, id: newSpanID()}
		}
		if t != nil {
			m.finish(t, s.request, status)
		}
	}()
	next.ServeHTTP(&s.writer, s.request)
}

// solo is what is kept of a request without httpguard, in one allocation.
type solo struct {
	context.Context
	correlation string
	trace       *trace
	request     *http.Request // as the handler got it
	writer      statusWriter
}

type soloKey struct{}

// Value finds the solo itself, its trace, or what the request's context holds.
func (s *solo) Value(key any) any {
	switch key {
	case soloKey{}:
		return s
	case traceKey{}:
		if s.trace != nil {
			return s.trace
		}
	}
	return s.Context.Value(key)
}

// statusWriter notes the status of the answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Flush() { http.NewResponseController(w.ResponseWriter).Flush() }

// CorrelationID returns the ID that joins what is known of the request that ctx
// belongs to: the one of httpguard, or else the one of Handler, or "".
func CorrelationID(ctx context.Context) string {
	if q, ok := httpguard.FromContext(ctx); ok {
		return q.CorrelationID
	}
	if s, ok := ctx.Value(soloKey{}).(*solo); ok {
		return s.correlation
	}
	return ""
}

func newCorrelationID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	return hex.EncodeToString(id[:])
}
