package httpguard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// HandlerFunc is a handler that returns an error instead of rendering it. The
// error is answered by Error.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP calls f and answers the error that it returns, if any.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f(w, r); err != nil {
		Error(w, r, err)
	}
}

// Error answers a request that failed with err:
//
//   - ProblemDetails, wrapped or not, as they are;
//   - *http.MaxBytesError with 413;
//   - gatehouse.ErrBusy and gatehouse.ErrUnavailable with 503 and Retry-After;
//   - anything else with a plain 500 that tells the client nothing more.
//
// ErrUnavailable and unforeseen errors are logged and given to
// Options.OnError. When the answer has begun already it is broken off, so that
// the client cannot take it for a whole one.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	p, expected := problemFor(r, err)
	if !expected {
		report(r, err)
	}
	if begun(w) {
		panic(http.ErrAbortHandler)
	}
	Problem(w, r, p)
}

// problemFor returns the answer to err, and whether nobody need hear of it.
func problemFor(r *http.Request, err error) (p ProblemDetails, expected bool) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &tooLarge):
		return ProblemDetails{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The body may have at most %d bytes.", tooLarge.Limit),
		}, true
	case errors.Is(err, gatehouse.ErrBusy), errors.Is(err, gatehouse.ErrUnavailable):
		return Refused(gatehouse.Decision{Verdict: gatehouse.Busy, RetryAfter: 2 * time.Second}), errors.Is(err, gatehouse.ErrBusy)
	case r.Context().Err() != nil: // the client is gone, or time was up
		return Refused(gatehouse.Decision{Verdict: gatehouse.Busy}), true
	}
	return ProblemDetails{}, false
}

func report(r *http.Request, err error) {
	x := exchangeOf(r.Context())
	if x == nil {
		slog.Default().ErrorContext(r.Context(), "request failed", "error", err)
		return
	}
	x.middleware.logger().ErrorContext(r.Context(), "request failed", "error", err,
		"endpoint", x.request.Endpoint, "correlation_id", x.request.CorrelationID)
	if hook := x.middleware.o.OnError; hook != nil {
		hook(r, err)
	}
}

// recover answers a panic of the handler with a plain 500, or breaks the answer
// off if it has begun. It must be deferred itself.
func (m *Middleware) recover(w *responseWriter, r *http.Request) {
	value := recover()
	if value == nil {
		return
	}
	if value == http.ErrAbortHandler {
		panic(value)
	}
	stack := debug.Stack()
	q, _ := FromContext(r.Context())
	m.logger().ErrorContext(r.Context(), "panic in handler",
		"panic", gatehouse.CleanText(fmt.Sprint(value), gatehouse.MaxText),
		"endpoint", q.Endpoint, "correlation_id", q.CorrelationID, "stack", string(stack))
	if m.o.OnPanic != nil {
		m.o.OnPanic(r, value, stack)
	}
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	for _, name := range [...]string{"Set-Cookie", "Location", "Retry-After", "Www-Authenticate"} {
		w.Header().Del(name) // what the handler meant for another answer
	}
	Problem(w, r, ProblemDetails{})
}
