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
	all := []contender[gatehouse.Key]{
		{name: "16-byte entries", role: floor, make: func(cfg config) (func([]gatehouse.Key), func()) {
			return floorCounter(newCounterFloor(cfg.keys).hit), func() {}
		}},
		{name: "16-byte entries, 256 mutexes", role: note, make: func(cfg config) (func([]gatehouse.Key), func()) {
			return floorCounter(newStripedFloor(cfg.keys).hit), func() {}
		}},
		{name: "rings of timestamps, 256 mutexes", role: note, make: func(cfg config) (func([]gatehouse.Key), func()) {
			return floorCounter(newStripedRings(cfg.keys).hit), func() {}
		}},
		{name: "gatehouse", role: ours, goals: []goal{{maxOfFloor: 2}, {maxOfPeer: 1}, {noAllocs: true}}, make: func(config) (func([]gatehouse.Key), func()) {
			return ourCounter(memory.NewWindows(memory.Options{})), func() {}
		}},
	}
	if workers > 1 { // the first one would race with itself
		all = all[1:]
		all[0].role = floor
	}
	for _, p := range peers {
		all = append(all, contender[gatehouse.Key]{name: p.name, role: peer, make: func(config) (func([]gatehouse.Key), func()) {
			l := p.make(threshold, window, window)
			return peerCounter(l), l.done
		}})
	}
	return interleaved(cfg, newKeys(0, cfg.keys), zipf(cfg.keys, 2*cfg.ops), workers, all)
}

func floorCounter(hit func(tag uint64, now, window, threshold uint32) bool) func([]gatehouse.Key) {
	return func(keys []gatehouse.Key) {
		var c clock
		for i := range keys {
			hit(tag(&keys[i]), uint32(c.now().UnixMilli()), uint32(window.Milliseconds()), threshold)
		}
	}
}

func ourCounter(w gatehouse.Windows) func([]gatehouse.Key) {
	ctx := context.Background()
	return func(keys []gatehouse.Key) {
		var c clock
		hits := []gatehouse.Hit{{Limit: counterLimit}}
		for i := range keys {
			hits[0].Key = keys[i]
			must(0, w.Hit(ctx, c.now(), hits))
		}
	}
}

func peerCounter(l peerLimiter) func([]gatehouse.Key) {
	return func(keys []gatehouse.Key) {
		for i := range keys {
			l.hit(text(&keys[i]))
		}
	}
}
