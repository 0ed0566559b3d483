package main

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

const (
	threshold = 5
	window    = 5 * time.Minute
)

var counterLimit = gatehouse.Limit{Threshold: threshold, Window: window}

// oneCounter: one exact counter for each of a million keys, Zipf-distributed.
func oneCounter(cfg config) []result { return counters(cfg, 1) }

// parallelCounter is the same from two goroutines.
func parallelCounter(cfg config) []result { return counters(cfg, 2) }

func counters(cfg config, workers int) []result {
	keys := newKeys(0, cfg.keys)
	all := []contender{
		{name: "floor: 16-byte entries", role: floor, make: func(cfg config) (func([]uint32), func()) {
			return floorCounter(keys, newCounterFloor(cfg.keys).hit), func() {}
		}},
		{name: "gatehouse", role: ours, goals: []goal{{maxOfFloor: 2}, {maxOfPeer: 1}, {noAllocs: true}}, make: func(config) (func([]uint32), func()) {
			return ourCounter(memory.NewWindows(memory.Options{}), func(i uint32) gatehouse.Key { return keys.hashed[i] }), func() {}
		}},
		{name: "gatehouse, and hashing the key", role: note, make: func(config) (func([]uint32), func()) {
			return ourCounter(memory.NewWindows(memory.Options{}), func(i uint32) gatehouse.Key { return hashKey(0, i) }), func() {}
		}},
	}
	if workers > 1 {
		all[0].name += ", 256 mutexes"
		all[0].make = func(cfg config) (func([]uint32), func()) {
			return floorCounter(keys, newStripedFloor(cfg.keys).hit), func() {}
		}
	}
	for _, p := range peers {
		all = append(all, contender{name: p.name, role: peer, make: func(config) (func([]uint32), func()) {
			l := p.make(threshold, window, window)
			return peerCounter(keys, l), l.done
		}})
	}
	return interleaved(cfg, zipf(cfg.keys, 2*cfg.ops), workers, all)
}

func floorCounter(keys keySet, hit func(tag uint64, now, window, threshold uint32) bool) func([]uint32) {
	return func(seq []uint32) {
		var c clock
		for _, i := range seq {
			hit(keys.tag(i), uint32(c.now().UnixMilli()), uint32(window.Milliseconds()), threshold)
		}
	}
}

func ourCounter(w gatehouse.Windows, key func(uint32) gatehouse.Key) func([]uint32) {
	ctx := context.Background()
	return func(seq []uint32) {
		var c clock
		hits := []gatehouse.Hit{{Limit: counterLimit}}
		for _, i := range seq {
			hits[0].Key = key(i)
			must(0, w.Hit(ctx, c.now(), hits))
		}
	}
}

func peerCounter(keys keySet, l peerLimiter) func([]uint32) {
	return func(seq []uint32) {
		for _, i := range seq {
			l.hit(keys.text(i))
		}
	}
}
