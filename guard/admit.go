package guard

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/rules"
)

// askAgain is the Retry-After of an answer that only says "not now".
const askAgain = time.Second

var allow = gatehouse.Decision{Verdict: gatehouse.Allow}

// Admit decides whether a request may go on, before any work is done for it:
// not from a blocked address, and not beyond the request rate of its address
// and endpoint. On a signup (e.Kind is SignupRefused) the rapid-signup rule
// stands in for bot activity, as long as it is enabled; in the shadow it counts
// beside it.
//
// e.Kind is what a refusal is recorded as; the record is durable when Admit
// returns. When a store cannot answer in time the verdict is Busy.
func (g *Guard) Admit(ctx context.Context, e gatehouse.Event) gatehouse.Decision {
	e.IP = gatehouse.CleanAddr(e.IP)
	if d := g.blocked(ctx, e.IP, e.Time); !d.Allowed() {
		return g.refuse(ctx, e, d)
	}
	set := g.rules.Load()
	d := allow
	if rule := &set.RapidSignup; rule.Enabled && e.Kind == gatehouse.SignupRefused {
		d = g.admit(ctx, rule, g.keys.signups(e.IP), e)
		if !rule.Shadow {
			return d
		}
	}
	if rule := &set.BotActivity; rule.Enabled {
		onTrial := d.Findings
		d = g.admit(ctx, rule, g.keys.requests(e.IP, e.Endpoint), e)
		if onTrial != nil {
			d.Findings = append(onTrial, d.Findings...)
		}
	}
	return d
}

// admit decides about a request by one rule that counts requests. In the shadow
// the verdict is always Allow, even if it cannot count.
func (g *Guard) admit(ctx context.Context, rule *rules.Rule, key gatehouse.Key, e gatehouse.Event) gatehouse.Decision {
	tally, err := g.count(ctx, e.Time, key, rule)
	switch {
	case err != nil:
		d := g.failure(ctx, "count a request", err)
		if rule.Shadow {
			return allow
		}
		return g.refuse(ctx, e, d)
	case tally.Over && refusesOver(rule) && !g.exempt(e.IP):
		// The block of the request that filled the window may be on its way:
		// its end, not the window's, is when to come back.
		retry := max(tally.RetryAfter, rule.Respond.BlockIP)
		return g.refuse(ctx, e, gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: retry})
	case !tally.Over && tally.Count == rule.Limit.Threshold:
		return g.fill(ctx, rule, key, tally, e)
	}
	return allow
}

// AdmitWithin is Admit for a request that has a limit of its own besides the
// rules: so many from its address to its endpoint, whatever they are about. It
// finds nothing and blocks nobody.
func (g *Guard) AdmitWithin(ctx context.Context, e gatehouse.Event, limit gatehouse.Limit) gatehouse.Decision {
	e.IP = gatehouse.CleanAddr(e.IP)
	tally, err := g.hit(ctx, e.Time, g.keys.within(e.IP, e.Endpoint), limit)
	switch {
	case err != nil:
		return g.refuse(ctx, e, g.failure(ctx, "count a request", err))
	case tally.Over:
		return g.refuse(ctx, e, gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: tally.RetryAfter})
	}
	return allow
}

// fill responds to the request that fills a window. It is the last one allowed.
func (g *Guard) fill(ctx context.Context, rule *rules.Rule, key gatehouse.Key, tally gatehouse.Tally, e gatehouse.Event) gatehouse.Decision {
	e = g.clean(e)
	ctx = context.WithoutCancel(ctx)
	f := g.counted(rule, tally, e.Time)
	f.Evidence.Endpoint = e.Endpoint
	f, records := g.responder.Respond(ctx, *rule, key, f, e)
	if err := g.write(ctx, records); err != nil {
		d := g.failure(ctx, "record a finding", err)
		if !rule.Shadow {
			return d
		}
	}
	return gatehouse.Decision{Verdict: gatehouse.Allow, Findings: []gatehouse.Finding{f}}
}

// refusesOver reports whether requests over the limit are refused rather than
// only noticed. A rule that blocks refuses, since its block may not hold yet.
func refusesOver(r *rules.Rule) bool {
	return !r.Shadow && (r.Respond.RateLimit || r.Respond.BlockIP > 0)
}

// count counts one occurrence for a rule.
func (g *Guard) count(ctx context.Context, at time.Time, key gatehouse.Key, rule *rules.Rule) (gatehouse.Tally, error) {
	tally, err := g.hit(ctx, at, key, rule.Limit)
	if err == nil {
		g.told(rule, tally.Count)
	}
	return tally, err
}

func (g *Guard) hit(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit) (gatehouse.Tally, error) {
	h := g.hits.Get().(*[1]gatehouse.Hit)
	defer g.hits.Put(h)
	h[0] = gatehouse.Hit{Key: key, Limit: limit}
	err := g.windows.Hit(ctx, at, h[:])
	return h[0].Tally, err
}

func (g *Guard) blocked(ctx context.Context, ip netip.Addr, at time.Time) gatehouse.Decision {
	b, found, err := g.blocks.Blocked(ctx, ip, at)
	switch {
	case err != nil:
		return g.failure(ctx, "look up blocks", err)
	case found:
		retry := b.Until.Sub(at)
		if b.Until.IsZero() {
			retry = 24 * time.Hour // for good, but a header needs a number
		}
		held := b // a copy, so that only a block that is found escapes to the heap
		return gatehouse.Decision{Verdict: gatehouse.Blocked, RetryAfter: retry, Block: &held}
	}
	return allow
}

// failure turns the error of a store into a refusal: a guard that cannot count
// lets nothing through.
func (g *Guard) failure(ctx context.Context, doing string, err error) gatehouse.Decision {
	// A client that hung up while it waited is no failure of the store.
	if !errors.Is(err, gatehouse.ErrBusy) && !errors.Is(err, context.Canceled) {
		g.onError(ctx, doing, err)
	}
	return gatehouse.Decision{Verdict: gatehouse.Busy, RetryAfter: askAgain}
}

// refuse records a refusal and returns it.
func (g *Guard) refuse(ctx context.Context, e gatehouse.Event, d gatehouse.Decision) gatehouse.Decision {
	stands := g.refusals.count(clientip.CountingPrefix(e.IP).Addr(), e.Time)
	if stands == 0 {
		return d
	}
	e = g.clean(e)
	e.Reason = d.Verdict.String()
	r := newRecord(e)
	if stands > 1 {
		r.Count = stands
	}
	if err := g.write(context.WithoutCancel(ctx), []gatehouse.Record{r}); err != nil {
		return g.failure(ctx, "record a refusal", err)
	}
	return d
}
