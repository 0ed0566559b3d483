package httpguard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
)

// policy is a Policy in force.
type policy struct {
	Policy
	header string // its item in RateLimit-Policy
	told   tellSeldom
}

func newPolicies(list []Policy) ([]*policy, error) {
	if len(list) == 0 {
		return nil, errors.New("httpguard: no rate limit policy is given")
	}
	var all []*policy
	for _, p := range list {
		if !wellFormed(p.Name) { // so that it needs no escapes in a header
			return nil, fmt.Errorf("httpguard: rate limit policy %q: use a name of letters, digits, dots and dashes, %d at most", p.Name, maxCorrelationID)
		}
		if slices.ContainsFunc(all, func(q *policy) bool { return q.Name == p.Name }) {
			return nil, fmt.Errorf("httpguard: there are two rate limit policies %q", p.Name)
		}
		if l := p.Limit; l.Threshold < 1 || l.Threshold > 10_000 || l.Window < time.Millisecond || l.Window > 7*24*time.Hour {
			return nil, fmt.Errorf("httpguard: rate limit policy %q: %d within %v: use 1 to 10,000 within 1ms to 7 days", p.Name, l.Threshold, l.Window)
		}
		if p.Algorithm > gatehouse.GCRA {
			return nil, fmt.Errorf("httpguard: rate limit policy %q: there is no algorithm %d", p.Name, p.Algorithm)
		}
		if p.By == nil {
			p.By = ByPrefix
		}
		all = append(all, &policy{Policy: p, header: `"` + p.Name + `";q=` + strconv.Itoa(p.Limit.Threshold) +
			";w=" + strconv.FormatInt(seconds(p.Limit.Window), 10)})
	}
	return all, nil
}

// seconds returns d in whole seconds, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// The names of the headers as net/http writes them; names have no case.
const (
	policyHeader = "Ratelimit-Policy"
	limitHeader  = "Ratelimit"
)

// policyItems returns the value of RateLimit-Policy.
func policyItems(list []*policy) string {
	items := make([]string, len(list))
	for i, p := range list {
		items[i] = p.header
	}
	return strings.Join(items, ", ")
}

// setHeaders adds lists of items (RFC 9651): strings with integers as
// parameters. Items of a limiter further out stay.
func (l *rateLimit) setHeaders(h http.Header, asked []*policy, takes []gatehouse.Take) {
	policies := l.header
	if len(asked) < len(l.policies) {
		policies = policyItems(asked)
	}
	var b [128]byte
	limits := b[:0]
	for i, p := range asked {
		if i > 0 {
			limits = append(limits, ", "...)
		}
		q := &takes[i].Quota
		limits = append(append(append(limits, '"'), p.Name...), `";r=`...)
		limits = strconv.AppendInt(limits, int64(q.Remaining), 10)
		limits = strconv.AppendInt(append(limits, ";t="...), seconds(q.ResetAfter), 10)
	}
	h[policyHeader] = append(h[policyHeader], policies)
	h[limitHeader] = append(h[limitHeader], string(limits))
}

// ByPrefix is the network by which the client's address is counted: the address
// itself for IPv4, its /64 for IPv6.
func ByPrefix(r *http.Request) string {
	ip := clientOf(r)
	if !ip.IsValid() {
		return "none" // a Unix socket; never unlimited
	}
	prefix := clientip.CountingPrefix(ip)
	a := prefix.Addr().As16()
	return string(append(a[:], byte(prefix.Bits())))
}

// ByHeader is the value of a header, such as an API key. A request without it is
// not limited by the policy, and whoever invents values escapes it: have another
// policy by ByPrefix beside it, or check the key before.
func ByHeader(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

// ByEndpoint is the endpoint as the Middleware names it, or else the pattern of
// the mux that matched the request, never the path.
func ByEndpoint(r *http.Request) string {
	if x := exchangeOf(r.Context()); x != nil {
		return x.request.Endpoint
	}
	if r.Pattern != "" {
		return r.Pattern
	}
	return AnyEndpoint
}

// ByAll is all of some things together, such as ByPrefix and ByEndpoint. It is
// empty if one of them is.
func ByAll(all ...func(*http.Request) string) func(*http.Request) string {
	return func(r *http.Request) string {
		var b []byte
		for _, by := range all {
			part := by(r)
			if part == "" {
				return ""
			}
			b = appendPart(b, part)
		}
		return string(b)
	}
}

// tellSeldom counts what is told once a minute, together with what came since.
type tellSeldom struct {
	next  atomic.Int64 // ms since 1970
	quiet atomic.Int64 // how many have not been told
}

// count returns how many to tell of, or 0.
func (t *tellSeldom) count(at time.Time) int64 {
	quiet, next := t.quiet.Add(1), t.next.Load()
	if at.UnixMilli() < next || !t.next.CompareAndSwap(next, at.Add(time.Minute).UnixMilli()) {
		return 0
	}
	t.quiet.Add(-quiet)
	return quiet
}
