package httpguard

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
)

// DefaultMaxBody is how many bytes of a request's body are read by default.
const DefaultMaxBody = 64 << 10

// The endpoints of requests that belong to no pattern. Random paths share them,
// so that they cannot invent counters.
const (
	// Unmatched is the endpoint of requests that no pattern of the mux matches.
	Unmatched = "unmatched"
	// AnyEndpoint is the endpoint of every request where there is no mux to ask.
	AnyEndpoint = "any"
)

// Admitter decides whether a request may go on. *guard.Guard is one. Admit is
// called concurrently.
type Admitter interface {
	Admit(ctx context.Context, e gatehouse.Event) gatehouse.Decision
}

// Options change how requests are guarded. The zero value is useful.
type Options struct {
	// Clients tells the client's address and which proxies are trusted.
	// Default: the connection's address, and no proxy is trusted.
	Clients *clientip.Finder
	// Mux names the endpoint of a request by the pattern that it matches there,
	// or Unmatched. Default: the handler given to Wrap, if it is a ServeMux or
	// made by Routes.
	Mux *http.ServeMux
	// Endpoint names the endpoint of a request; it takes the place of Mux. It
	// must return one of few names, never the path. Default: see Mux, or
	// AnyEndpoint without one.
	Endpoint func(*http.Request) string
	// Refusal says as which kind of event the request is recorded if it is
	// refused. Requests that give gatehouse.SignupRefused are counted by the
	// rapid-signup rule. Default: gatehouse.RequestRefused.
	Refusal func(*http.Request) gatehouse.Kind
	// Around are instruments, the first one outermost. They see each request
	// once it is identified, so that FromContext works, and before it is
	// admitted; Status tells how it was answered. A panic passes through them.
	Around []func(http.Handler) http.Handler
	// MaxBody is how many bytes of a body a handler can read; after that it
	// gets a *http.MaxBytesError, which HandlerFunc answers with 413. Default:
	// DefaultMaxBody. Negative: no limit.
	MaxBody int64
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger hears of panics and unexpected errors. Default: slog.Default().
	Logger *slog.Logger
	// OnPanic is called with each recovered panic before the answer, in the
	// goroutine of the request. FromContext works on r.
	OnPanic func(r *http.Request, value any, stack []byte)
	// OnError is called with each error that a HandlerFunc returned and nobody
	// foresaw, before the answer. FromContext works on r.
	OnError func(r *http.Request, err error)
}

// Middleware guards handlers. It is safe for concurrent use, and may wrap
// several handlers.
type Middleware struct {
	admitter Admitter
	o        Options
}

// New returns middleware that asks g about each request. A nil g lets every
// request go on: detection is switched off, the rest works.
func New(g Admitter, o Options) *Middleware {
	if o.Clients == nil {
		o.Clients, _ = clientip.New(clientip.Options{}) // no options, no error
	}
	if o.Endpoint == nil && o.Mux != nil {
		o.Endpoint = patternOf(o.Mux)
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Middleware{admitter: g, o: o}
}

func (m *Middleware) logger() *slog.Logger {
	if m.o.Logger != nil {
		return m.o.Logger
	}
	return slog.Default()
}

// Wrap returns a handler that guards next.
func (m *Middleware) Wrap(next http.Handler) http.Handler {
	g := &guarded{Middleware: m, next: next, matched: next, endpoint: m.o.Endpoint}
	if g.endpoint == nil {
		switch h := next.(type) {
		case *http.ServeMux:
			g.endpoint = patternOf(h)
		case routes:
			g.endpoint, g.matched = patternOf(h.mux), h.mux
		default:
			g.endpoint = func(*http.Request) string { return AnyEndpoint }
		}
	}
	g.around = http.HandlerFunc(g.serve)
	for _, instrument := range slices.Backward(m.o.Around) {
		g.around = instrument(g.around)
	}
	return g
}

func patternOf(mux *http.ServeMux) func(*http.Request) string {
	return func(r *http.Request) string {
		if _, pattern := mux.Handler(r); pattern != "" {
			return pattern
		}
		return Unmatched
	}
}

type guarded struct {
	*Middleware
	next     http.Handler
	matched  http.Handler // next, or shorter where the endpoint is known
	endpoint func(*http.Request) string
	around   http.Handler // serve, with the instruments around it
}

// ServeHTTP does what the package comment says.
func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Context: r.Context(), middleware: g.Middleware}
	x.writer.ResponseWriter = w
	r = r.WithContext(x)
	defer g.recover(&x.writer, r)

	x.identify(r)
	x.setHeaders(w.Header())
	x.request.Endpoint = g.endpoint(r)
	g.around.ServeHTTP(&x.writer, r)
}

// serve asks whether the request may go on, and lets it.
func (g *guarded) serve(w http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	q := &x.request
	if !g.admit(w, r, q) {
		return
	}
	if g.o.MaxBody > 0 && r.Body != nil && r.Body != http.NoBody {
		// The server's own writer, which learns from it to close the connection.
		r.Body = http.MaxBytesReader(x.writer.ResponseWriter, r.Body, g.o.MaxBody)
	}
	next := g.next
	if q.Endpoint != Unmatched {
		next = g.matched
	}
	next.ServeHTTP(w, r)
}

// admit asks the engine and, when the answer is not to go on, answers.
func (g *guarded) admit(w http.ResponseWriter, r *http.Request, q *Request) bool {
	if g.admitter == nil {
		return true
	}
	kind := gatehouse.RequestRefused
	if g.o.Refusal != nil {
		kind = g.o.Refusal(r)
	}
	d := g.admitter.Admit(r.Context(), q.Event(kind))
	if d.Allowed() {
		return true
	}
	Problem(w, r, Refused(d))
	return false
}
