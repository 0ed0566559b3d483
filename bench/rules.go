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

// fourRules: is the client blocked, and if not, count it against four rules. The
// clock of the floor and of ours is made up: a thousand clients come in a
// second, so that windows slide, counters expire and others take their place.
// The peers read the real one, by which next to nothing expires here.
func fourRules(cfg config) []result {
	clients, blocked := newWorld(cfg.keys/10, cfg.blocks) // with four counters each
	all := []contender[client]{
		{name: "rings of timestamps, a set", role: floor, make: func(config) (func([]client), func()) {
			return floorRules(len(clients), blocked), func() {}
		}},
		{name: "gatehouse", role: ours, goals: []goal{{maxOfFloor: 1.5}, {maxOfPeer: 0.5}, {noAllocs: true}}, make: func(config) (func([]client), func()) {
			return ourRules(blocked, 64<<20), func() {}
		}},
		{name: "gatehouse, evicting all the time", role: note, make: func(config) (func([]client), func()) {
			return ourRules(blocked, 4<<20), func() {}
		}},
	}
	for _, p := range peers {
		all = append(all, contender[client]{name: p.name + ", a map", role: peer, make: func(config) (func([]client), func()) {
			return peerRules(p, blocked)
		}})
	}
	cfg.ops /= 4
	return interleaved(cfg, clients, zipf(len(clients), 2*cfg.ops), 1, all)
}

func floorRules(clients int, blocked []uint32) func([]client) {
	var rings [len(ruleLimits)]*ringFloor
	for i, l := range ruleLimits {
		rings[i] = newRingFloor(clients, uint32(l.Threshold), uint32(l.Window.Milliseconds()))
	}
	set := newSetFloor(blocked)
	now := time.Now()
	return func(all []client) {
		for i := range all {
			c := &all[i]
			now = now.Add(time.Millisecond)
			if set.has(c.ip) {
				continue
			}
			ms := uint32(now.UnixMilli())
			for r := range rings {
				rings[r].hit(tag(&c.keys[r]), ms)
			}
		}
	}
}

// ourRules may use so many bytes for its counters.
func ourRules(blocked []uint32, bytes int) func([]client) {
	ctx := context.Background()
	var blocks gatehouse.Blocks = memory.NewBlocks()
	for _, ip := range blocked {
		now := time.Now()
		must(blocks.Place(ctx, gatehouse.Block{Prefix: netip.PrefixFrom(addr4(ip), 32), Created: now, Until: now.Add(1000 * time.Hour)}))
	}
	var windows gatehouse.Windows = memory.NewWindows(memory.Options{MaxBytes: bytes})
	at := time.Now()
	return func(all []client) {
		hits := make([]gatehouse.Hit, len(ruleLimits))
		for i := range all {
			c := &all[i]
			at = at.Add(time.Millisecond)
			_, out, err := blocks.Blocked(ctx, c.addr, at)
			if must(out, err) {
				continue
			}
			for r := range hits {
				hits[r].Key, hits[r].Limit = c.keys[r], ruleLimits[r]
			}
			must(0, windows.Hit(ctx, at, hits))
		}
	}
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
