package httpguard

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/iplist"
)

// BlockOptions say who is kept out, and how. The zero value keeps nobody out.
type BlockOptions struct {
	// Allow are lists whose addresses are never kept out. They win over Blocks
	// and Deny.
	Allow []*iplist.List
	// Deny are lists whose addresses are kept out.
	Deny []*iplist.List
	// Blocks are asked about addresses that are on no list. Default: none.
	Blocks gatehouse.Blocks
	// Clients tells the client's address where there is no Middleware around
	// that has found it. Default: the connection's address.
	Clients *clientip.Finder
	// TooMany answers 429 with Retry-After, as the Middleware does, so that one
	// cannot tell a block from a limit. Default: 403, which tells nothing of an
	// end.
	TooMany bool
	// Shadow lets every request go on; OnRefused tells what would have happened.
	Shadow bool
	// OnRefused is told of each request that is refused, or would be if it were
	// not for Shadow, in the goroutine of the request. Of a block that comes
	// from a list it gets the network in the list and no more.
	OnRefused func(r *http.Request, b gatehouse.Block)
	// OnError is told that Blocks could not be asked. The request is answered
	// 503, but for Shadow.
	OnError func(ctx context.Context, err error)
	// Now is the clock. Default: that of the Middleware around, or time.Now.
	Now func() time.Time
}

// Block returns middleware that keeps addresses out of any handler. It may be
// around a Middleware, so that nothing is done for whom it keeps out, or within
// one, where answers have a correlation ID and the client is known already.
//
// A client whose address is not known, as on a Unix socket, is on no list and
// under no block. What it does for a request that goes on allocates nothing. It
// is safe for concurrent use, and lists may be swapped at any time.
func Block(o BlockOptions) func(http.Handler) http.Handler {
	if o.Clients == nil {
		o.Clients, _ = clientip.New(clientip.Options{}) // no options, no error
	}
	o.Allow, o.Deny = slices.Clone(o.Allow), slices.Clone(o.Deny)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if o.admit(w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// admit reports whether a request may go on, and answers it if not.
func (o *BlockOptions) admit(w http.ResponseWriter, r *http.Request) bool {
	ip, at := o.client(r)
	b, found, err := o.blocked(r.Context(), ip, at)
	switch {
	case err != nil:
		if o.OnError != nil {
			o.OnError(r.Context(), err)
		}
		if !o.Shadow {
			Problem(w, r, Refused(gatehouse.Decision{Verdict: gatehouse.Busy}))
		}
		return o.Shadow
	case !found:
		return true
	}
	if o.OnRefused != nil {
		o.OnRefused(r, b)
	}
	if !o.Shadow {
		Problem(w, r, o.answer(b, at))
	}
	return o.Shadow
}

// client returns the address of the client, and when it asked.
func (o *BlockOptions) client(r *http.Request) (netip.Addr, time.Time) {
	if x := exchangeOf(r.Context()); x != nil {
		if o.Now == nil {
			return x.request.Client.IP, x.request.Time
		}
		return x.request.Client.IP, o.Now()
	}
	if o.Now == nil {
		return o.Clients.FromRequest(r), time.Now()
	}
	return o.Clients.FromRequest(r), o.Now()
}

// blocked returns what keeps an address out.
func (o *BlockOptions) blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	for _, l := range o.Allow {
		if l.Contains(ip) {
			return gatehouse.Block{}, false, nil
		}
	}
	for _, l := range o.Deny {
		if s := l.Load(); s.Contains(ip) {
			p, _ := s.Network(ip)
			return gatehouse.Block{Prefix: p}, true, nil
		}
	}
	if o.Blocks == nil {
		return gatehouse.Block{}, false, nil
	}
	return o.Blocks.Blocked(ctx, ip, at)
}

// listRetry is when to come back from a list, which has no end.
const listRetry = time.Hour

func (o *BlockOptions) answer(b gatehouse.Block, at time.Time) ProblemDetails {
	if !o.TooMany {
		return ProblemDetails{Status: http.StatusForbidden, Detail: "Requests from this address are not accepted."}
	}
	retry := listRetry
	if !b.Until.IsZero() {
		retry = b.Until.Sub(at)
	}
	return Refused(gatehouse.Decision{Verdict: gatehouse.Blocked, RetryAfter: retry})
}
