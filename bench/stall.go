package main

import (
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// expiryStall: the longest that one call takes while a million keys expire and
// others come. The floor never lets anything go, so that what it shows is the
// machine's and the runtime's share.
func expiryStall(cfg config) []result {
	const window = 2 * time.Second
	keys := newKeys(0, 2*cfg.keys)
	limit := gatehouse.Limit{Threshold: threshold, Window: window}
	all := []contender{
		{name: "floor: 16-byte entries", role: floor, make: func(cfg config) (func([]uint32), func()) {
			return floorCounter(keys, newCounterFloor(2*cfg.keys).hit), func() {}
		}},
		{name: "gatehouse", role: ours, goals: []goal{{maxOfFloor: 3}}, make: func(config) (func([]uint32), func()) {
			w := memory.NewWindows(memory.Options{})
			return func(seq []uint32) {
				hits := []gatehouse.Hit{{Limit: limit}}
				for _, i := range seq {
					hits[0].Key = keys.hashed[i]
					must(0, w.Hit(nil, time.Now(), hits))
				}
			}, func() {}
		}},
	}
	for _, p := range peers {
		if p.name == "throttled (GCRA)" {
			continue // its store expires nothing
		}
		all = append(all, contender{name: p.name, role: peer, make: func(config) (func([]uint32), func()) {
			l := p.make(threshold, window, time.Second)
			return peerCounter(keys, l), l.done
		}})
	}
	worst := make([][]float64, len(all))
	for range cfg.stalls {
		for i, c := range all {
			worst[i] = append(worst[i], longestCall(cfg, c, 2*window))
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
func longestCall(cfg config, c contender, lasts time.Duration) float64 {
	run, done := c.make(cfg)
	defer done()
	run(everyKey(uint32(cfg.keys - 1)))
	others := everyKey(uint32(cfg.keys - 1))
	liveBytes() // collect now rather than meanwhile
	var longest time.Duration
	for start, i := time.Now(), 0; time.Since(start) < lasts; i++ {
		next := [1]uint32{others[i%len(others)] + uint32(cfg.keys)}
		before := time.Now()
		run(next[:])
		longest = max(longest, time.Since(before))
	}
	return float64(longest.Microseconds()) / 1000
}
