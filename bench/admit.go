package main

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/dchest/siphash"
	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// admitEndpoint is where everybody asks to go.
const admitEndpoint = "POST /api/auth/login"

// admitted: the whole decision about an ordinary request. Is the address
// blocked, and if not, has it asked for this endpoint too often? The name of its
// counter has to be made from the address and the endpoint. Clients come evenly,
// a thousand a second by a clock that is made up, and none is blocked: a refusal
// is another matter, since ours records it. The peers know only the real clock.
func admitted(cfg config) []result {
	clients, blocked := newWorld(cfg.keys/10, cfg.blocks)
	set := newSetFloor(blocked)
	clients = slices.DeleteFunc(clients, func(c client) bool { return set.has(c.ip) })
	cfg.ops /= 8 // few enough that no client of the peers gets to its limit
	limit := rules.Default().BotActivity.Limit
	all := []contender[client]{
		{name: "a set, SipHash, ring of timestamps", role: floor, make: func(config) (func([]client), func()) {
			return floorAdmit(len(clients), set, limit), func() {}
		}},
		{name: "guard.Admit", role: ours, goals: []goal{{maxOfPeer: 1}, {noAllocs: true}}, make: func(config) (func([]client), func()) {
			return ourAdmit(blocked), func() {}
		}},
	}
	for _, p := range peers {
		all = append(all, contender[client]{name: p.name + ", a map", role: peer, make: func(config) (func([]client), func()) {
			l := p.make(limit.Threshold, limit.Window, limit.Window)
			return peerAdmit(l, blocked), l.done
		}})
	}
	seq := make([]uint32, 2*cfg.ops)
	r := rand.New(rand.NewPCG(7, 8))
	for i := range seq {
		seq[i] = r.Uint32N(uint32(len(clients)))
	}
	return interleaved(cfg, clients, seq, 1, all)
}

func floorAdmit(clients int, set *setFloor, limit gatehouse.Limit) func([]client) {
	now, ring := thousandASecond(), newRingFloor(clients, uint32(limit.Threshold), uint32(limit.Window.Milliseconds()))
	return func(all []client) {
		var name [4 + len(admitEndpoint)]byte
		copy(name[4:], admitEndpoint)
		for i := range all {
			ip := all[i].ip
			ms := uint32(now().UnixMilli())
			if set.has(ip) {
				continue
			}
			binary.BigEndian.PutUint32(name[:], ip)
			ring.hit(siphash.Hash(0x0706050403020100, 0x0f0e0d0c0b0a0908, name[:]), ms)
		}
	}
}

func ourAdmit(blocked []uint32) func([]client) {
	ctx, start, now := context.Background(), time.Now(), thousandASecond()
	blocks := memory.NewBlocks()
	for _, ip := range blocked {
		must(blocks.Place(ctx, gatehouse.Block{Prefix: netip.PrefixFrom(addr4(ip), 32), Created: start, Until: start.Add(1000 * time.Hour)}))
	}
	g := must(guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: blocks,
		Sightings: memory.NewSightings(memory.Options{}), Journal: memory.NewJournal(memory.Options{}),
	}))
	return func(all []client) {
		e := gatehouse.Event{Kind: gatehouse.RequestRefused, Endpoint: admitEndpoint}
		for i := range all {
			e.IP, e.Time = all[i].addr, now()
			if !g.Admit(ctx, e).Allowed() {
				panic("an ordinary request was refused")
			}
		}
	}
}

// peerAdmit looks in a map of blocked addresses and counts by a string, as one
// would write it.
func peerAdmit(l peerLimiter, blocked []uint32) func([]client) {
	var mu sync.RWMutex
	until := map[netip.Addr]time.Time{}
	for _, ip := range blocked {
		until[addr4(ip)] = time.Now().Add(time.Hour)
	}
	return func(all []client) {
		var now clock
		for i := range all {
			addr := all[i].addr
			mu.RLock()
			end, ok := until[addr]
			mu.RUnlock()
			if ok && now.now().Before(end) {
				continue
			}
			l.hit(addr.String() + " " + admitEndpoint)
		}
	}
}
