package httpguard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// CorrelationHeader is the header that joins a request, its answer and every
// record about it.
const CorrelationHeader = "X-Correlation-Id"

// Request is what the middleware found out about a request.
type Request struct {
	CorrelationID string
	Client        gatehouse.Client // IP and UserAgent; the latter made safe to keep
	Endpoint      string           // the route, never the raw path
	Secure        bool             // sent over TLS, to us or to a trusted proxy that says so
	Time          time.Time        // when it arrived
}

// Event returns an event of the given kind with what is known of the request.
func (q Request) Event(kind gatehouse.Kind) gatehouse.Event {
	return gatehouse.Event{
		Kind: kind, Time: q.Time, Client: q.Client,
		Endpoint: q.Endpoint, CorrelationID: q.CorrelationID,
	}
}

// FromContext returns what the middleware found out about the request that ctx
// belongs to, and whether there is any.
func FromContext(ctx context.Context) (Request, bool) {
	if x := exchangeOf(ctx); x != nil {
		return x.request, true
	}
	return Request{}, false
}

// Status returns the status of the answer to the request that ctx belongs to, or
// 0 as long as there is none. It is for instruments; see Options.Around. Call it
// in the goroutine that serves the request.
func Status(ctx context.Context) int {
	if x := exchangeOf(ctx); x != nil {
		return x.writer.status
	}
	return 0
}

// exchange is everything that is kept for one request, in one allocation: the
// context that carries it, and the writer that its answer goes through.
type exchange struct {
	context.Context
	middleware *Middleware
	request    Request
	writer     responseWriter
	values     [3]string // the values of the headers that setHeaders sets
}

type exchangeKey struct{}

// Value finds the exchange itself, or what the request's context holds.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// identify finds out all but the endpoint.
func (x *exchange) identify(r *http.Request) {
	o := &x.middleware.o
	q := &x.request
	q.Time = o.Now()
	q.Client.IP = o.Clients.FromRequest(r)
	q.Client.UserAgent = gatehouse.CleanText(r.UserAgent(), gatehouse.MaxText)
	q.Secure = r.TLS != nil
	if o.Clients.Trusted(r) {
		if ids := r.Header[CorrelationHeader]; len(ids) == 1 && wellFormed(ids[0]) {
			q.CorrelationID = ids[0]
		}
		q.Secure = q.Secure || forwardedSecurely(r)
	}
	if q.CorrelationID == "" {
		q.CorrelationID = newCorrelationID()
	}
}

// setHeaders sets what every answer carries. A handler may change it.
func (x *exchange) setHeaders(h http.Header) {
	x.values = [...]string{x.request.CorrelationID, "nosniff", "no-store"}
	h[CorrelationHeader] = x.values[0:1:1]
	h["X-Content-Type-Options"] = x.values[1:2:2]
	h["Cache-Control"] = x.values[2:3:3]
}

// forwardedSecurely reports what the nearest trusted proxy says: it wrote the
// last value.
func forwardedSecurely(r *http.Request) bool {
	protos := r.Header["X-Forwarded-Proto"]
	if len(protos) == 0 {
		return false
	}
	last := protos[len(protos)-1]
	last = last[strings.LastIndexByte(last, ',')+1:]
	return strings.EqualFold(strings.TrimSpace(last), "https")
}

const maxCorrelationID = 64

func wellFormed(id string) bool {
	if len(id) == 0 || len(id) > maxCorrelationID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// newCorrelationID returns 128 random bits in hexadecimal.
func newCorrelationID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}
