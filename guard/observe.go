package guard

import (
	"context"
	"errors"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/canonical"
	"github.com/fluxstudio/gatehouse/rules"
)

var errSettled = errors.New("guard: the attempt has been settled already")

// Observe records something that has happened at the login page and runs the
// rules that look at it: rapid token refresh on token_refreshed, keyed by
// e.User and e.Session; suspicious user agent on signups. The records are
// durable when it returns nil; an error wraps gatehouse.ErrUnavailable and
// means that the client must not be told of a success.
func (g *Guard) Observe(ctx context.Context, e gatehouse.Event) (gatehouse.Decision, error) {
	ctx = context.WithoutCancel(ctx)
	e.Account = canonical.Account(e.Account)
	e = g.clean(e)
	set, d := g.rules.Load(), allow
	records := []gatehouse.Record{newRecord(e)}
	if e.Kind == gatehouse.TokenRefreshed {
		rule, key := &set.RapidTokenRefresh, g.keys.refreshes(e.User, e.Session)
		f, err := g.check(ctx, rule, e.Time, key)
		if err != nil {
			g.onError(ctx, "count a token refresh", err)
		} else if f != nil {
			done, more := g.responder.Respond(ctx, *rule, key, *f, e)
			d.Findings = append(d.Findings, done)
			records = append(records, more...)
		}
	}
	return d, g.observed(ctx, set, e, &d, records)
}

// observed judges the user agent of a login or signup and writes the records.
func (g *Guard) observed(ctx context.Context, set *rules.Set, e gatehouse.Event, d *gatehouse.Decision, records []gatehouse.Record) error {
	switch e.Kind {
	case gatehouse.LoginSucceeded, gatehouse.LoginFailed, gatehouse.SignupSucceeded, gatehouse.SignupFailed:
		if f := g.suspicious(&set.SuspiciousUserAgent, e.Time, e.UserAgent); f != nil {
			f.Evidence.Endpoint = e.Endpoint
			key := g.keys.ongoing(f.Rule, CountingPrefix(e.IP).String(), e.Endpoint, e.UserAgent)
			done, more := g.responder.Respond(ctx, set.SuspiciousUserAgent, key, *f, e)
			d.Findings = append(d.Findings, done)
			records = append(records, more...)
		}
	}
	return g.write(ctx, records)
}
