package main

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// peerLimiter is a rate limiter of others: it counts one occurrence and
// reports whether it was within the limit.
type peerLimiter struct {
	hit  func(key string) bool
	done func()
}

// peerKind makes limiters of one library. Sweep is how often it throws away
// what has expired.
type peerKind struct {
	name string
	make func(threshold int, window, sweep time.Duration) peerLimiter
}

var peers = []peerKind{
	{name: "sethvargo/go-limiter (fixed window)", make: newGoLimiter},
	{name: "throttled (GCRA)", make: newThrottled},
	{name: "ulule/limiter (fixed window)", make: newUlule},
	{name: "go-chi/httprate (approximate)", make: newHTTPRate},
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newGoLimiter(threshold int, window, sweep time.Duration) peerLimiter {
	ctx := context.Background()
	s := must(memorystore.New(&memorystore.Config{Tokens: uint64(threshold), Interval: window, SweepInterval: sweep, SweepMinTTL: window}))
	return peerLimiter{
		hit: func(key string) bool {
			_, _, _, ok, err := s.Take(ctx, key)
			return must(ok, err)
		},
		done: func() { must(0, s.Close(ctx)) },
	}
}

func newThrottled(threshold int, window, _ time.Duration) peerLimiter {
	ctx := context.Background()
	quota := throttled.RateQuota{MaxRate: throttled.PerDuration(threshold, window), MaxBurst: threshold - 1}
	l := must(throttled.NewGCRARateLimiterCtx(must(memstore.NewCtx(0)), quota)) // 0: unbounded, which is faster
	return peerLimiter{
		hit: func(key string) bool {
			over, _, err := l.RateLimitCtx(ctx, key, 1)
			return !must(over, err)
		},
		done: func() {},
	}
}

func newUlule(threshold int, window, sweep time.Duration) peerLimiter {
	ctx := context.Background()
	store := memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: "x", CleanUpInterval: sweep})
	l := limiter.New(store, limiter.Rate{Period: window, Limit: int64(threshold)})
	return peerLimiter{
		hit: func(key string) bool {
			c, err := l.Get(ctx, key)
			return !must(c, err).Reached
		},
		done: func() {},
	}
}

// newHTTPRate does what httprate's OnLimit does, without the HTTP headers.
func newHTTPRate(threshold int, window, _ time.Duration) peerLimiter {
	counter := httprate.NewLocalLimitCounter(window)
	l := httprate.NewRateLimiter(threshold, window, httprate.WithLimitCounter(counter))
	var mu sync.Mutex
	return peerLimiter{
		hit: func(key string) bool {
			now := time.Now().UTC().Truncate(window)
			mu.Lock()
			defer mu.Unlock()
			_, rate, err := l.Status(key)
			if int(math.Round(must(rate, err)))+1 > threshold {
				return false
			}
			must(0, counter.IncrementBy(key, now, 1))
			return true
		},
		done: func() {},
	}
}
