package main

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// expiryStall: the longest that one call takes while a million keys expire and
// others come. The floor never lets anything go, so that what it shows is the
// machine's and the runtime's share.
func expiryStall(cfg config) []result {
	const window = 2 * time.Second
	limit := gatehouse.Limit{Threshold: threshold, Window: window}
	all := []contender[gatehouse.Key]{
		{name: "16-byte entries", role: floor, make: func(cfg config) (func([]gatehouse.Key), func()) {
			return floorCounter(newCounterFloor(2 * cfg.keys).hit), func() {}
		}},
		{name: "gatehouse", role: ours, goals: []goal{{maxOfFloor: 3}}, make: func(config) (func([]gatehouse.Key), func()) {
			w := memory.NewWindows(memory.Options{})
			hits := []gatehouse.Hit{{Limit: limit}}
			return func(keys []gatehouse.Key) {
				for i := range keys {
					hits[0].Key = keys[i]
					must(0, w.Hit(context.Background(), time.Now(), hits))
				}
			}, func() {}
		}},
	}
	for _, p := range peers {
		if p.name == "throttled (GCRA)" {
			continue // its store expires nothing
		}
		all = append(all, contender[gatehouse.Key]{name: p.name, role: peer, make: func(config) (func([]gatehouse.Key), func()) {
			l := p.make(threshold, window, time.Second)
			return peerCounter(l), l.done
		}})
	}
	keys := newKeys(0, 2*cfg.keys)
	worst := make([][]float64, len(all))
	for range cfg.stalls {
		for i, c := range all {
			worst[i] = append(worst[i], longestCall(cfg, c, keys, 2*window))
		}
	}
	rows := make([]result, len(all))
	for i, c := range all {
		rows[i] = result{Name: c.name, Role: c.role, goals: c.goals, Unit: "ms", Value: median(worst[i])}
	}
	return rows
}

// longestCall counts a million keys once and then others, one by one, for as
// long as it takes the first to expire. It returns milliseconds.
func longestCall(cfg config, c contender[gatehouse.Key], keys []gatehouse.Key, lasts time.Duration) float64 {
	run, done := c.make(cfg)
	defer done()
	run(keys[:cfg.keys])
	others := keys[cfg.keys:]
	liveBytes() // collect now rather than meanwhile
	var longest time.Duration
	for start, i := time.Now(), 0; time.Since(start) < lasts; i++ {
		next := others[i%len(others):][:1]
		before := time.Now()
		run(next)
		longest = max(longest, time.Since(before))
	}
	return float64(longest.Microseconds()) / 1000
}
