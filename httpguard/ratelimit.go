package httpguard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// Policy is one limit and what it is kept for. It must not be changed once it is
// in use.
type Policy struct {
	// Name is what clients see in the headers: up to 64 letters, digits and
	// "-_.". Policies of one name, secret and store share their counts.
	Name      string
	Limit     gatehouse.Limit
	Algorithm gatehouse.Algorithm
	// By names what the limit is kept for: ByPrefix, ByHeader, ByEndpoint, ByAll
	// or a function of one's own. A request for which it returns "" is not
	// limited by this policy. It is called concurrently. Default: ByPrefix.
	By func(*http.Request) string
	// Cost is how much of the threshold a request takes; one that costs nothing
	// is not limited by this policy, and one that costs more than the threshold
	// is always refused. It is called concurrently. Default: 1.
	Cost func(*http.Request) int
}

// RateLimitOptions say what is limited and how. Policies is required.
type RateLimitOptions struct {
	// Policies hold all at once: a request goes on if each has room for it, and
	// takes nothing from any if one has none.
	Policies []Policy
	// Allow are networks whose clients are not limited.
	Allow []netip.Prefix
	// Shadow lets every request go on: the headers, OnRefused and the log tell
	// what would have happened.
	Shadow bool
	// Secret is the key of the hash by which limits are named, so that neither
	// their names nor collisions can be guessed. Processes that share a store
	// share it. Default: a random one, which is of use for a store of this
	// process only.
	Secret []byte
	// Fallback decides while rates fails, with half of each threshold, so that
	// nobody is unlimited then. If it fails as well, requests are answered 503.
	// Default: a store in memory of 4 MiB.
	Fallback gatehouse.Rates
	// Now is the clock. Default: that of the Middleware around, or time.Now.
	Now func() time.Time
	// OnRefused is told of each policy that refuses a request, or would if it
	// were not for Shadow, in the goroutine of the request.
	OnRefused func(r *http.Request, policy string)
	// OnError is told that rates has failed, once a minute at most.
	OnError func(ctx context.Context, err error)
	// Logger hears once a minute at most how many requests each policy has
	// refused. Default: slog.Default().
	Logger *slog.Logger
}

// pause is how long rates is not asked after it could not answer, so that a dead
// store holds up no more than a few requests.
const pause = 250 * time.Millisecond

// fallbackBytes bounds the default Fallback.
const fallbackBytes = 4 << 20

// RateLimit returns middleware that limits requests by some policies, or an
// error that says what is wrong with them. Within a Middleware it belongs into
// Options.Around or around handlers, where FromContext works; on its own it goes
// by the address of the connection.
//
// Every answer has the headers RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers-09) with an item for each policy that
// limits the request. The answer to one that is refused is 429, the document
// that Refused returns, with the header Retry-After unless waiting is of no use.
//
// The deadline of a decision is that of the store.
func RateLimit(rates gatehouse.Rates, o RateLimitOptions) (func(http.Handler) http.Handler, error) {
	if rates == nil {
		return nil, errors.New("httpguard: no store of rate limits is given")
	}
	policies, err := newPolicies(o.Policies)
	if err != nil {
		return nil, err
	}
	if o.Fallback == nil {
		o.Fallback = memory.NewRates(memory.Options{MaxBytes: fallbackBytes})
	}
	l := &rateLimit{o: o, rates: rates, policies: policies, header: policyItems(policies), names: newNamer(o.Secret)}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if l.admit(w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}, nil
}

// rateLimit is what the handlers of one RateLimit have in common.
type rateLimit struct {
	o        RateLimitOptions
	rates    gatehouse.Rates
	policies []*policy
	header   string // RateLimit-Policy, if all of them limit a request
	names    namer
	retryAt  atomic.Int64 // ns since 1970, until which rates is left alone
	tellAt   atomic.Int64 // the same, until which OnError is
}

// fewPolicies is how many are asked without allocating.
const fewPolicies = 4

// admit reports whether a request may go on, and answers it if not.
func (l *rateLimit) admit(w http.ResponseWriter, r *http.Request) bool {
	if l.allowed(r) {
		return true
	}
	var few [fewPolicies]gatehouse.Take
	var fewAsked [fewPolicies]*policy
	takes, asked := few[:0], fewAsked[:0]
	for _, p := range l.policies {
		of, cost := p.By(r), 1
		if p.Cost != nil {
			cost = p.Cost(r)
		}
		if of == "" || cost <= 0 {
			continue
		}
		takes = append(takes, gatehouse.Take{
			Key: l.names.key(p.Name, of), Limit: p.Limit, Algorithm: p.Algorithm, Cost: cost,
		})
		asked = append(asked, p)
	}
	if len(takes) == 0 {
		return true
	}
	at := l.now(r)
	if err := l.take(r.Context(), at, takes); err != nil {
		if l.o.Shadow {
			return true
		}
		Problem(w, r, Refused(gatehouse.Decision{Verdict: gatehouse.Busy}))
		return false
	}
	l.setHeaders(w.Header(), asked, takes)
	return l.judge(w, r, at, asked, takes)
}

// judge tells of the policies that have no room.
func (l *rateLimit) judge(w http.ResponseWriter, r *http.Request, at time.Time, asked []*policy, takes []gatehouse.Take) bool {
	refused, hopeless, retry := false, false, time.Duration(0)
	for i := range takes {
		q := &takes[i].Quota
		if !q.Over {
			continue
		}
		refused = true
		hopeless = hopeless || q.RetryAfter == 0
		retry = max(retry, q.RetryAfter)
		if l.o.OnRefused != nil {
			l.o.OnRefused(r, asked[i].Name)
		}
		if n := asked[i].told.count(at); n > 0 {
			l.logger(r).InfoContext(r.Context(), "requests over the limit",
				"policy", asked[i].Name, "requests", n, "shadow", l.o.Shadow)
		}
	}
	if !refused || l.o.Shadow {
		return true
	}
	p := Refused(gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: retry})
	if hopeless {
		p.RetryAfter = 0
	}
	Problem(w, r, p)
	return false
}

func (l *rateLimit) now(r *http.Request) time.Time {
	switch x := exchangeOf(r.Context()); {
	case l.o.Now != nil:
		return l.o.Now()
	case x != nil:
		return x.middleware.o.Now()
	}
	return time.Now()
}

func (l *rateLimit) logger(r *http.Request) *slog.Logger {
	switch x := exchangeOf(r.Context()); {
	case l.o.Logger != nil:
		return l.o.Logger
	case x != nil:
		return x.middleware.logger()
	}
	return slog.Default()
}

func (l *rateLimit) allowed(r *http.Request) bool {
	if len(l.o.Allow) == 0 {
		return false
	}
	ip := clientOf(r)
	for _, p := range l.o.Allow {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// clientOf returns the address of the client: as the Middleware found it, or
// that of the connection.
func clientOf(r *http.Request) netip.Addr {
	if x := exchangeOf(r.Context()); x != nil {
		return x.request.Client.IP.Unmap()
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr().Unmap().WithZone("") // the zero Addr for a Unix socket
}
