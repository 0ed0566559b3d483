package memory

import (
	"math"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
)

const (
	ttl = int64(gatehouse.ReservationTTL / time.Millisecond)
	// A reservation that has expired is remembered this long after it was
	// made, so that a late failure can be told from one settled before.
	lapsedFor = 20 * ttl
	gateBytes = 256 // about
	noTime    = math.MinInt64
)

// gates holds the keys of a shard with attempts in flight.
type gates struct {
	of         map[uint64]*gate
	lastID     uint64
	max        int // gates
	maxWaiters int
	spare      []*gate
	sweepAt    int
}

// gate holds the attempts in flight on one key.
type gate struct {
	held    []held
	waiters []*waiter // first come first
	last    int64     // ms since 1970: the latest time seen
}

// held is a place held for an attempt.
type held struct {
	id      uint64
	expires int64 // ms since 1970
}

// waiter is a call of Reserve that waits for its turn.
type waiter struct {
	at    int64 // ms since 1970
	limit limit
	done  chan struct{} // closed once the fields below are set
	grant
}

// grant is the answer to a Reserve.
type grant struct {
	id    uint64
	tally gatehouse.Tally
	err   error
}

func (gs *gates) init(budget, waiters int) {
	gs.max = budget / gateBytes
	gs.maxWaiters = waiters
	gs.sweepAt = gs.max / 4
}

func (gs *gates) has(tag uint64) bool {
	if len(gs.of) == 0 {
		return false
	}
	_, ok := gs.of[tag]
	return ok
}

// open returns the gate of a tag, a new one if need be, or nil when there are
// too many.
func (gs *gates) open(tag uint64, ms int64) *gate {
	if g := gs.of[tag]; g != nil {
		return g
	}
	if len(gs.of) >= gs.sweepAt {
		for tag, g := range gs.of {
			if g.forget(max(ms, g.last)); g.idle() {
				gs.close(tag, g)
			}
		}
		gs.sweepAt = min(max(2*len(gs.of), gs.max/4), gs.max)
		if len(gs.of) >= gs.max {
			return nil
		}
	}
	if gs.of == nil {
		gs.of = make(map[uint64]*gate)
	}
	var g *gate
	if n := len(gs.spare); n > 0 {
		g, gs.spare = gs.spare[n-1], gs.spare[:n-1]
	} else {
		g = new(gate)
	}
	g.last = ms
	gs.of[tag] = g
	return g
}

func (gs *gates) close(tag uint64, g *gate) {
	delete(gs.of, tag)
	if len(gs.spare) < 8 && cap(g.held) <= 16 {
		*g = gate{held: g.held[:0]}
		gs.spare = append(gs.spare, g)
	}
}

func (g *gate) idle() bool { return len(g.held) == 0 && len(g.waiters) == 0 }

// forget drops reservations that expired long ago.
func (g *gate) forget(ms int64) {
	g.held = slices.DeleteFunc(g.held, func(h held) bool { return h.expires-ttl+lapsedFor <= ms })
}

// active counts the places held at an instant.
func (g *gate) active(ms int64) int {
	n := 0
	for i := range g.held {
		if g.held[i].expires > ms {
			n++
		}
	}
	return n
}

// take ends a reservation and reports whether it was there.
func (g *gate) take(id uint64) bool {
	i := slices.IndexFunc(g.held, func(h held) bool { return h.id == id })
	if i < 0 {
		return false
	}
	g.held = slices.Delete(g.held, i, i+1)
	return true
}

// leave takes a waiter out of the queue and reports whether it was there.
func (g *gate) leave(w *waiter) bool {
	i := slices.Index(g.waiters, w)
	if i < 0 {
		return false
	}
	g.waiters = slices.Delete(g.waiters, i, i+1)
	return true
}
