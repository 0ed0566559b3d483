package main

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/gaissmai/bart"
	"github.com/redis/rueidis"
)

// redisBlocks: is this address blocked, where Redis holds the blocks: 100,000
// of them, every tenth a network of 256 addresses, which only ours and the floor
// can find. One address in ten that is asked about is blocked.
func redisBlocks(cfg config) []result {
	s := startRedis()
	defer s.stop()
	clients, blocked := newWorld(cfg.keys/50, cfg.blocks)
	prefixes := make([]netip.Prefix, len(blocked))
	for i, ip := range blocked {
		bits := 32
		if i%10 == 9 {
			bits = 24
		}
		prefixes[i] = must(addr4(ip).Prefix(bits))
	}
	all := []contender[client]{
		{name: "gaissmai/bart", role: floor, make: func(config) (func([]client), func()) {
			var table bart.Table[time.Time]
			for _, p := range prefixes {
				table.Insert(p, time.Now().Add(time.Hour))
			}
			return func(all []client) {
				var now clock
				for i := range all {
					end, ok := table.Lookup(all[i].addr)
					all[i].out = ok && now.now().Before(end)
				}
			}, func() {}
		}},
		{name: "gatehouse", role: ours, goals: []goal{{max: 1000}, {maxOfPeer: 1}, {noAllocs: true}}, make: func(config) (func([]client), func()) {
			return blocksInRedis(s, prefixes)
		}},
		{name: "cached GET (addresses only)", role: peer, make: func(config) (func([]client), func()) {
			return cachedGets(s, prefixes)
		}},
	}
	return interleaved(cfg, clients, zipf(len(clients), 2*cfg.ops), 1, all)
}

func blocksInRedis(s *redisServer, prefixes []netip.Prefix) (func([]client), func()) {
	ctx, c := context.Background(), s.gatehouse()
	b := redis.NewBlocks(c, redis.BlocksOptions{})
	at := time.Now()
	inTurns(len(prefixes), func(i int) error {
		_, err := b.Place(ctx, gatehouse.Block{ID: gatehouse.NewID(at), Prefix: prefixes[i], Created: at, Until: at.Add(time.Hour)})
		return err
	})
	return func(all []client) {
		var now clock
		for i := range all {
			var err error
			_, all[i].out, err = b.Blocked(ctx, all[i].addr, now.now())
			must(0, err)
		}
	}, func() { b.Close(); c.Close() }
}

// cachedGets asks by rueidis's client-side cache. What is not there is cached as
// well; and it is told when it changes.
func cachedGets(s *redisServer, prefixes []netip.Prefix) (func([]client), func()) {
	ctx, c := context.Background(), s.connect()
	inTurns(len(prefixes), func(i int) error {
		return c.Do(ctx, c.B().Set().Key("cached:"+prefixes[i].Addr().String()).Value("1").Ex(time.Hour).Build()).Error()
	})
	return func(all []client) {
		for i := range all {
			err := c.DoCache(ctx, c.B().Get().Key("cached:"+all[i].addr.String()).Cache(), time.Hour).Error()
			if err != nil && !rueidis.IsRedisNil(err) {
				panic(err)
			}
			all[i].out = err == nil
		}
	}, c.Close
}

// inTurns does something n times by as many goroutines as there are callers.
func inTurns(n int, do func(i int) error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		panic(*err)
	}
}
