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

// world is who comes, and who is blocked: a tenth of the clients is.
type world struct {
	keys    [4]keySet
	ips     []uint32
	addrs   []netip.Addr
	blocked []uint32
}

func addr4(ip uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], ip)
	return netip.AddrFrom4(b)
}

func newWorld(clients, blocks int) *world {
	w := new(world)
	for rule := range w.keys {
		w.keys[rule] = newKeys(byte(rule), clients)
	}
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
	for i := range clients {
		ip := fresh()
		w.ips = append(w.ips, ip)
		w.addrs = append(w.addrs, addr4(ip))
		if i%10 == 9 && len(w.blocked) < blocks {
			w.blocked = append(w.blocked, ip)
		}
	}
	for len(w.blocked) < blocks {
		w.blocked = append(w.blocked, fresh())
	}
	return w
}

// fourRules: is the client blocked, and if not, count it against four rules.
func fourRules(cfg config) []result {
	clients := cfg.keys / 10 // with four counters each
	w := newWorld(clients, cfg.blocks)
	all := []contender{
		{name: "floor: rings of timestamps", role: floor, make: w.floor},
		{name: "gatehouse", role: ours, goals: []goal{{maxOfFloor: 1.5}, {maxOfPeer: 0.5}, {noAllocs: true}}, make: w.gatehouse},
	}
	for _, p := range peers {
		all = append(all, contender{name: p.name + ", map", role: peer, make: func(config) (func([]uint32), func()) { return w.peer(p) }})
	}
	return interleaved(cfg, zipf(clients, 2*cfg.ops), 1, all)
}

func (w *world) floor(config) (func([]uint32), func()) {
	var rings [4]*ringFloor
	for i, l := range ruleLimits {
		rings[i] = newRingFloor(len(w.ips), uint32(l.Threshold), uint32(l.Window.Milliseconds()))
	}
	set := newSetFloor(w.blocked)
	return func(seq []uint32) {
		var c clock
		for _, i := range seq {
			if set.has(w.ips[i]) {
				continue
			}
			now := uint32(c.now().UnixMilli())
			for r := range rings {
				rings[r].hit(w.keys[r].tag(i), now)
			}
		}
	}, func() {}
}

func (w *world) gatehouse(config) (func([]uint32), func()) {
	ctx := context.Background()
	var blocks gatehouse.Blocks = memory.NewBlocks()
	for _, ip := range w.blocked {
		now := time.Now()
		must(blocks.Place(ctx, gatehouse.Block{Prefix: netip.PrefixFrom(addr4(ip), 32), Created: now, Until: now.Add(time.Hour)}))
	}
	var windows gatehouse.Windows = memory.NewWindows(memory.Options{})
	return func(seq []uint32) {
		var c clock
		hits := make([]gatehouse.Hit, len(ruleLimits))
		for _, i := range seq {
			now := c.now()
			if _, blocked, err := blocks.Blocked(ctx, w.addrs[i], now); must(blocked, err) {
				continue
			}
			for r := range hits {
				hits[r].Key, hits[r].Limit = w.keys[r].hashed[i], ruleLimits[r]
			}
			must(0, windows.Hit(ctx, now, hits))
		}
	}, func() {}
}

func (w *world) peer(p peerKind) (func([]uint32), func()) {
	var mu sync.RWMutex
	blocked := map[netip.Addr]time.Time{}
	for _, ip := range w.blocked {
		blocked[addr4(ip)] = time.Now().Add(time.Hour)
	}
	var limiters [4]peerLimiter
	for i, l := range ruleLimits {
		limiters[i] = p.make(l.Threshold, l.Window, l.Window)
	}
	return func(seq []uint32) {
			var c clock
			for _, i := range seq {
				mu.RLock()
				until, ok := blocked[w.addrs[i]]
				mu.RUnlock()
				if ok && c.now().Before(until) {
					continue
				}
				for r := range limiters {
					limiters[r].hit(w.keys[r].text(i))
				}
			}
		}, func() {
			for _, l := range limiters {
				l.done()
			}
		}
}
