package main

import (
	"runtime"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// bytesPerKey: what a live key costs at a threshold of 5, its one occurrence
// counted or all five. The keys themselves are held by the benchmark, so that
// the peers that keep them as strings are charged for the reference only.
func bytesPerKey(cfg config) []result {
	keys := newKeys(0, cfg.keys)
	var rows []result
	measure := func(name string, r role, times int, goals []goal, make func() func([]gatehouse.Key)) {
		before := liveBytes()
		run := make()
		for range times {
			run(keys)
		}
		after := liveBytes()
		run(nil) // alive until here
		rows = append(rows, result{Name: name, Role: r, goals: goals, Unit: "bytes", Value: float64(after-before) / float64(cfg.keys)})
	}
	fit := []goal{{max: 64}}
	measure("16-byte entries", note, 1, nil, func() func([]gatehouse.Key) {
		return floorCounter(newCounterFloor(cfg.keys).hit)
	})
	measure("rings of timestamps", floor, 1, nil, func() func([]gatehouse.Key) {
		f := newRingFloor(cfg.keys, threshold, uint32(window.Milliseconds()))
		return floorCounter(func(tag uint64, now, _, _ uint32) bool { return f.hit(tag, now) })
	})
	open := func() func([]gatehouse.Key) { return ourCounter(memory.NewWindows(memory.Options{})) }
	measure("gatehouse, 1 of 5", ours, 1, fit, open)
	measure("gatehouse, 5 of 5", ours, 5, fit, open)
	for _, p := range peers {
		measure(p.name, peer, 1, nil, func() func([]gatehouse.Key) {
			return peerCounter(p.make(threshold, window, window))
		})
	}
	return rows
}

func liveBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
