package main

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// The four counting rules of a login, by default.
var ruleLimits = [4]gatehouse.Limit{
	{Threshold: 5, Window: 5 * time.Minute},
	{Threshold: 10, Window: 10 * time.Minute},
	{Threshold: 50, Window: time.Minute},
	{Threshold: 50, Window: time.Minute},
}

// client is who comes, with the keys of its counters.
type client struct {
	keys [len(ruleLimits)]gatehouse.Key
	addr netip.Addr
	ip   uint32 // the same
	out  bool   // whether it was found to be blocked
}

func addr4(ip uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], ip)
	return netip.AddrFrom4(b)
}

// newWorld returns clients and blocked addresses, among them every tenth
// client's.
func newWorld(clients, blocks int) (all []client, blocked []uint32) {
	r := rand.New(rand.NewPCG(5, 6))
	seen := map[uint32]bool{0: true}
	fresh := func() uint32 {
		for {
			if ip := r.Uint32(); !seen[ip] {
				seen[ip] = true
				return ip
			}
		}
	}
	all = make([]client, clients)
	for i := range all {
		c := &all[i]
		c.ip = fresh()
		c.addr = addr4(c.ip)
		for rule := range c.keys {
			c.keys[rule] = hashKey(byte(rule), uint32(i))
		}
		if i%10 == 9 && len(blocked) < blocks {
			blocked = append(blocked, c.ip)
		}
	}
	for len(blocked) < blocks {
		blocked = append(blocked, fresh())
	}
	return all, blocked
}

// fourRules: is the client blocked, and if not, count it against four rules. By
// the real clock hardly anything leaves a window meanwhile, so that most clients
// are at their limits before long; and all their timestamps must be held.
func fourRules(cfg config) []result {
	clients, blocked := newWorld(cfg.keys/10, cfg.blocks) // with four counters each
	all := []contender[client]{
		floorRules(len(clients), blocked, realTime),
		ourRules("gatehouse", ours, []goal{{maxOfFloor: 1.5}, {maxOfPeer: 0.5}, {noAllocs: true}}, blocked, 128<<20, realTime),
	}
	for _, p := range peers {
		all = append(all, contender[client]{name: p.name + ", a map", role: peer, make: func(config) (func([]client), func()) {
			return peerRules(p, blocked)
		}})
	}
	cfg.ops /= 4
	return interleaved(cfg, clients, zipf(len(clients), 2*cfg.ops), 1, all)
}

// slidingRules is the same by a clock that is made up, with a thousand clients
// in each second: windows slide, counters expire and others take their place.
// The peers know no clock but the real one.
func slidingRules(cfg config) []result {
	clients, blocked := newWorld(cfg.keys/10, cfg.blocks)
	cfg.ops /= 4
	return interleaved(cfg, clients, zipf(len(clients), 2*cfg.ops), 1, []contender[client]{
		floorRules(len(clients), blocked, thousandASecond),
		ourRules("gatehouse", ours, []goal{{maxOfFloor: 1.5}, {noAllocs: true}}, blocked, 64<<20, thousandASecond),
		ourRules("gatehouse, evicting all the time", note, nil, blocked, 4<<20, thousandASecond),
	})
}

// realTime and thousandASecond make clocks.
func realTime() func() time.Time { return new(clock).now }

func thousandASecond() func() time.Time {
	at := time.Now()
	return func() time.Time {
		at = at.Add(time.Millisecond)
		return at
	}
}

func floorRules(clients int, blocked []uint32, clock func() func() time.Time) contender[client] {
	return contender[client]{name: "rings of timestamps, a set", role: floor, make: func(config) (func([]client), func()) {
		var rings [len(ruleLimits)]*ringFloor
		for i, l := range ruleLimits {
			rings[i] = newRingFloor(clients, uint32(l.Threshold), uint32(l.Window.Milliseconds()))
		}
		set, now := newSetFloor(blocked), clock()
		return func(all []client) {
			for i := range all {
				c := &all[i]
				ms := uint32(now().UnixMilli())
				if set.has(c.ip) {
					continue
				}
				for r := range rings {
					rings[r].hit(tag(&c.keys[r]), ms)
				}
			}
		}, func() {}
	}}
}

// ourRules may use so many bytes for its counters.
func ourRules(name string, r role, goals []goal, blocked []uint32, bytes int, clock func() func() time.Time) contender[client] {
	return contender[client]{name: name, role: r, goals: goals, make: func(config) (func([]client), func()) {
		ctx, now := context.Background(), clock()
		var blocks gatehouse.Blocks = memory.NewBlocks()
		for _, ip := range blocked {
			at := now()
			must(blocks.Place(ctx, gatehouse.Block{Prefix: netip.PrefixFrom(addr4(ip), 32), Created: at, Until: at.Add(1000 * time.Hour)}))
		}
		var windows gatehouse.Windows = memory.NewWindows(memory.Options{MaxBytes: bytes})
		return func(all []client) {
			hits := make([]gatehouse.Hit, len(ruleLimits))
			for i := range all {
				c, at := &all[i], now()
				_, out, err := blocks.Blocked(ctx, c.addr, at)
				if must(out, err) {
					continue
				}
				for r := range hits {
					hits[r].Key, hits[r].Limit = c.keys[r], ruleLimits[r]
				}
				must(0, windows.Hit(ctx, at, hits))
			}
		}, func() {}
	}}
}

// peerRules asks one limiter of a library for each rule, and a map of blocked
// addresses, as one would write it.
func peerRules(p peerKind, blocked []uint32) (func([]client), func()) {
	var mu sync.RWMutex
	until := map[netip.Addr]time.Time{}
	for _, ip := range blocked {
		until[addr4(ip)] = time.Now().Add(time.Hour)
	}
	var limiters [len(ruleLimits)]peerLimiter
	for i, l := range ruleLimits {
		limiters[i] = p.make(l.Threshold, l.Window, l.Window)
	}
	run := func(all []client) {
		var now clock
		for i := range all {
			c := &all[i]
			mu.RLock()
			end, ok := until[c.addr]
			mu.RUnlock()
			if ok && now.now().Before(end) {
				continue
			}
			for r := range limiters {
				limiters[r].hit(text(&c.keys[r]))
			}
		}
	}
	return run, func() {
		for _, l := range limiters {
			l.done()
		}
	}
}
