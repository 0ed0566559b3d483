package app

import (
	"context"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// RateLimitConfig says how many requests one address, or one /64, may send, on
// whatever endpoint. 0: no limit.
type RateLimitConfig struct {
	PerSecond int
	PerMinute int
}

// policies are the limits that are switched on. GCRA takes the same few bytes for
// each client, and lets one that stays below the rate have a burst.
func (c RateLimitConfig) policies() []httpguard.Policy {
	var list []httpguard.Policy
	for _, p := range []httpguard.Policy{
		{Name: "second", Limit: gatehouse.Limit{Threshold: c.PerSecond, Window: time.Second}},
		{Name: "minute", Limit: gatehouse.Limit{Threshold: c.PerMinute, Window: time.Minute}},
	} {
		if p.Limit.Threshold > 0 {
			p.Algorithm = gatehouse.GCRA
			list = append(list, p)
		}
	}
	return list
}

// rateLimit returns middleware that limits each address, or nil. Requests are
// refused before the engine is asked and are not recorded one by one.
func (a *App) rateLimit(keys accounts.Keys) (func(http.Handler) http.Handler, error) {
	policies := a.config.RateLimit.policies()
	if len(policies) == 0 {
		return nil, nil
	}
	for i := range policies {
		policies[i].By = func(r *http.Request) string {
			if q, _ := httpguard.FromContext(r.Context()); a.lists.allows(q.Client.IP) {
				return ""
			}
			return httpguard.ByPrefix(r)
		}
	}
	return httpguard.RateLimit(a.monitoring.rates(a.rates()), httpguard.RateLimitOptions{
		Policies:  policies,
		Secret:    keys.Derive("rate limits"),
		Logger:    a.logger,
		OnRefused: func(_ *http.Request, policy string) { a.monitoring.rateLimited(policy) },
		OnError: func(ctx context.Context, err error) {
			a.logger.WarnContext(ctx, "rate limits are kept by this node alone for now", "error", err)
		},
	})
}

// rates are where requests are counted: in this process, or in Redis.
func (a *App) rates() gatehouse.Rates {
	if a.redis != nil {
		return redis.NewRates(a.redis)
	}
	return memory.NewRates(memory.Options{MaxBytes: a.config.Counters.MaxBytes / 4})
}
