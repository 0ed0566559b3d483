package failover

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

const (
	heldShards = 64
	// Later than this after it was made, a reservation is not known any more.
	// It is as long as store/memory tells a late failure from a second one.
	heldFor = 20 * gatehouse.ReservationTTL
)

// places are the reservations that stand for one of ours. A zero one is none.
type places struct{ primary, mirror, strict gatehouse.Reservation }

// held maps our reservations to those of the stores. It is bounded.
type held struct {
	last   atomic.Uint64 // the newest ID
	max    int           // of each shard
	shards [heldShards]heldShard
}

type heldShard struct {
	mu    sync.Mutex
	of    map[uint64]entry
	order []uint64 // IDs in the order in which they were made; some have been settled
	// The newest ID that was dropped though it was not settled.
	dropped uint64
}

type entry struct {
	places
	made int64 // ms
}

func newHeld(most int) *held {
	if most <= 0 {
		most = 1 << 16
	}
	return &held{max: (most + heldShards - 1) / heldShards}
}

func (h *held) shard(id uint64) *heldShard { return &h.shards[id%heldShards] }

// add remembers places and returns our ID for them, or 0 when there are too
// many.
func (h *held) add(at time.Time, p places) uint64 {
	id := h.last.Add(1)
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := at.UnixMilli()
	s.tidy(ms, len(s.of) >= h.max)
	if len(s.of) >= h.max {
		return 0
	}
	if s.of == nil {
		s.of = make(map[uint64]entry)
	}
	s.of[id] = entry{p, ms}
	s.order = append(s.order, id)
	return id
}

// tidy drops what is too old; short of room it drops what has expired. It costs
// little on average, since it looks at each ID a few times at most.
func (s *heldShard) tidy(ms int64, short bool) {
	keep := heldFor.Milliseconds()
	if short {
		keep = gatehouse.ReservationTTL.Milliseconds()
	}
	n := 0
	for ; n < len(s.order); n++ {
		id := s.order[n]
		e, there := s.of[id]
		if there && ms-e.made < keep {
			break
		}
		if there {
			s.dropped = id
			delete(s.of, id)
		}
	}
	s.order = s.order[n:]
	if len(s.order) > 2*len(s.of)+32 { // one that is never settled stands before many that were
		s.order = slices.DeleteFunc(s.order, func(id uint64) bool {
			_, there := s.of[id]
			return !there
		})
	}
}

// take forgets the places of a reservation and returns them. Without them it
// reports whether the reservation may still be open: dropped, or not from here.
func (h *held) take(id uint64) (p places, known, open bool) {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.of[id]
	delete(s.of, id)
	return e.places, known, known || id <= s.dropped || id > h.last.Load()
}
