package main

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// twoLimits are what a policy for an interface often is: a burst, and an
// endurance.
var twoLimits = [2]gatehouse.Limit{{Threshold: 10, Window: time.Second}, {Threshold: 1000, Window: time.Hour}}

// oneRate: one rate limit for each of a million keys, Zipf-distributed.
func oneRate(cfg config) []result {
	return rates(cfg, counterLimit)
}

// twoRates: two of them for each of a hundred thousand keys, decided on together
// by ours, and one after the other by the peers.
func twoRates(cfg config) []result {
	cfg.keys /= 10
	return rates(cfg, twoLimits[:]...)
}

func rates(cfg config, limits ...gatehouse.Limit) []result {
	all := []contender[gatehouse.Key]{
		{name: "gatehouse, GCRA", role: ours, goals: []goal{{maxOfPeer: 1}, {noAllocs: true}}, make: func(config) (func([]gatehouse.Key), func()) {
			return ourRates(gatehouse.GCRA, limits), func() {}
		}},
		{name: "gatehouse, sliding window", role: ours, goals: []goal{{maxOfPeer: 1}}, make: func(config) (func([]gatehouse.Key), func()) {
			return ourRates(gatehouse.SlidingWindow, limits), func() {}
		}},
	}
	for _, p := range peers {
		all = append(all, contender[gatehouse.Key]{name: p.name, role: peer, make: func(config) (func([]gatehouse.Key), func()) {
			return peerRates(p, limits)
		}})
	}
	return interleaved(cfg, newKeys(0, cfg.keys), zipf(cfg.keys, 2*cfg.ops), 1, all)
}

func ourRates(algorithm gatehouse.Algorithm, limits []gatehouse.Limit) func([]gatehouse.Key) {
	ctx, store := context.Background(), memory.NewRates(memory.Options{MaxBytes: 256 << 20})
	return func(keys []gatehouse.Key) {
		var c clock
		takes := make([]gatehouse.Take, len(limits))
		for i := range takes {
			takes[i].Limit, takes[i].Algorithm = limits[i], algorithm
		}
		for i := range keys {
			rateKeys(takes, keys[i])
			must(0, store.Take(ctx, c.now(), takes))
		}
	}
}

// rateKeys gives each limit of one client a key: the second halves are the same,
// as httpguard has them.
func rateKeys(takes []gatehouse.Take, key gatehouse.Key) {
	first := binary.LittleEndian.Uint64(key[:8])
	for i := range takes {
		binary.LittleEndian.PutUint64(key[:8], first+uint64(i)*0x9e3779b97f4a7c15)
		takes[i].Key = key
	}
}

// peerRates asks one limiter after the other, as long as none refuses.
func peerRates(p peerKind, limits []gatehouse.Limit) (func([]gatehouse.Key), func()) {
	all := make([]peerLimiter, len(limits))
	for i, l := range limits {
		all[i] = p.make(l.Threshold, l.Window, l.Window)
	}
	return func(keys []gatehouse.Key) {
			for i := range keys {
				for _, l := range all {
					if !l.hit(text(&keys[i])) {
						break
					}
				}
			}
		}, func() {
			for _, l := range all {
				l.done()
			}
		}
}
