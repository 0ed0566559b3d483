package memory

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Windows = (*Windows)(nil)

const (
	standardBytes = 64 << 20
	shardBytes    = 256 << 10 // also the least budget
	maxShards     = 4096
)

// Windows counts in sliding windows, exactly, in this process. Times are
// truncated to whole milliseconds and windows rounded up to them.
//
// It stays within Options.MaxBytes whatever it is asked to count. When room is
// short it removes counters that have expired, then those with the smallest
// part of their threshold used, the oldest of these first, within a bounded
// sample. It never evicts a full window or a key with places held; when nothing
// else is in reach it returns an error that wraps gatehouse.ErrBusy.
//
// A key must be a keyed hash, as gatehouse.Key says: its bits choose where the
// counter lies, so somebody who could choose them could make look-ups slow.
// Half of a key and the bits that choose the shard identify a counter: for two
// of 10^6 keys to share one has a probability below 10^-9.
//
// When a key is counted against another limit than before, the new one holds
// from then on: what lies outside its window is forgotten, and of more
// occurrences than its threshold the newest are kept.
//
// All methods are safe for concurrent use. Only Reserve waits, so the others
// take no notice of their context. Hit and Forget act on all their keys at one
// instant; Hit counts nothing when it returns an error.
type Windows struct{ counters }

// NewWindows returns an empty store that reads MaxBytes and MaxWaiters.
func NewWindows(o Options) *Windows { return &Windows{newCounters(o)} }

// counters are what Windows and Rates have in common: the shards among which
// keys are spread.
type counters struct {
	limits *limits
	shards []shard // a power of two
}

func newCounters(o Options) counters {
	budget := max(orDefault(o.MaxBytes, standardBytes), shardBytes)
	n := 1
	for n*2 <= min(budget/shardBytes, maxShards) {
		n *= 2
	}
	c := counters{limits: newLimits(), shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].init(c.limits, budget/n, orDefault(o.MaxWaiters, 1024))
	}
	return c
}

// place says where the counter of a key is kept.
func (c *counters) place(key *gatehouse.Key) (shard int, tag uint64) {
	tag = binary.LittleEndian.Uint64(key[:8])
	if tag == 0 {
		tag = 1 // zero marks an empty slot
	}
	return int(binary.LittleEndian.Uint64(key[8:])) & (len(c.shards) - 1), tag
}

// Hit implements gatehouse.Windows.
func (w *Windows) Hit(_ context.Context, at time.Time, hits []gatehouse.Hit) error {
	if len(hits) == 1 {
		return w.hitOne(at.UnixMilli(), &hits[0])
	}
	return w.hitAll(at.UnixMilli(), hits)
}

func (w *Windows) hitOne(ms int64, h *gatehouse.Hit) error {
	l, err := w.limits.of(h.Limit)
	if err != nil {
		return err
	}
	shard, tag := w.place(&h.Key)
	s := &w.shards[shard]
	s.mu.Lock()
	now := s.clock(ms)
	i := s.find(tag)
	if i < 0 || s.cramped(i, l) {
		if i, err = s.room(tag, l, now, 1); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	h.Tally = s.count(i, l, now)
	if len(s.gates.of) != 0 {
		s.wake(tag, ms)
	}
	s.mu.Unlock()
	return nil
}

// visit is one hit on its way through hitAll, or one Take through takeAll.
type visit struct {
	tag   uint64
	s     *shard
	hit   int // its index
	slot  int
	cost  int // occurrences
	found bool
	short bool // of room, perhaps
	limit limit
}

// hitAll locks every shard concerned, in order, so that the batch happens at
// one instant; makes room for all; and only then counts.
func (w *Windows) hitAll(ms int64, hits []gatehouse.Hit) error {
	var fewTurns [few]turn
	var fewVisits [few]visit
	turns, visits := fewTurns[:], fewVisits[:]
	if len(hits) > few {
		turns, visits = make([]turn, len(hits)), make([]visit, len(hits))
	}
	turns, visits = turns[:len(hits)], visits[:len(hits)]
	for i := range hits {
		turns[i].shard, turns[i].tag = w.place(&hits[i].Key)
	}
	setPlaces(turns)
	for i := range turns {
		t := &turns[i]
		v := &visits[t.place] // field by field: a copy would wait for the stores before it
		v.tag, v.s, v.hit, v.cost = t.tag, &w.shards[t.shard], i, 1
		var err error
		if v.limit, err = w.limits.of(hits[i].Limit); err != nil {
			return err
		}
	}
	lock(visits)
	defer unlock(visits)

	// No branch here depends on what is read, so the processor waits for the
	// memory of all at the same time.
	for i := range visits {
		v := &visits[i]
		at := home(v.tag, len(v.s.slots))
		pair := (*[2]slot)(v.s.slots[at:])
		second := which(pair, v.tag)
		v.slot, v.found = at+second, pair[second].tag == v.tag
	}
	ready, gated := true, false
	for i := range visits {
		v := &visits[i]
		if !v.found {
			v.slot = v.s.find(v.tag)
		}
		if v.slot < 0 || v.s.cramped(v.slot, v.limit) || i > 0 && v.tag == visits[i-1].tag {
			v.short, ready = true, false
		}
		if len(v.s.gates.of) != 0 {
			gated = true
		}
	}
	if !ready {
		if err := makeRoom(ms, visits); err != nil {
			return err
		}
	}
	for i := range visits {
		v := &visits[i]
		hits[v.hit].Tally = v.s.count(v.slot, v.limit, v.s.clock(ms))
	}
	if gated {
		for i := range visits { // not before: slots may move
			visits[i].s.wake(visits[i].tag, ms)
		}
	}
	return nil
}

// makeRoom sees to it that every visit has a slot with room for it, and finds
// the slots anew. Each stays pinned meanwhile, so that none is evicted for the
// sake of another.
func makeRoom(ms int64, visits []visit) (err error) {
	for i := range visits {
		if v := &visits[i]; v.slot >= 0 { // no slot has moved yet
			v.s.slots[v.slot].ring |= pinned
		}
	}
	for i, cost := 0, 0; i < len(visits) && err == nil; i++ {
		v := &visits[i]
		if cost += v.cost; i == 0 || v.tag != visits[i-1].tag || v.s != visits[i-1].s {
			cost = v.cost // of the key so far
		}
		if !v.short {
			continue
		}
		if _, err = v.s.room(v.tag, v.limit, v.s.clock(ms), cost); err == nil {
			v.pin(pinned)
		}
	}
	for i := range visits {
		visits[i].pin(0)
		visits[i].slot = visits[i].s.find(visits[i].tag)
	}
	return err
}

// pin sets or clears the mark that keeps the slot of a visit, if there is one.
func (v *visit) pin(pin uint8) {
	if i := v.s.find(v.tag); i >= 0 {
		p := &v.s.slots[i]
		p.ring = p.ring&^pinned | pin
	}
}

// lock locks the shards of sorted visits in their order, so that two batches
// never wait for each other.
func lock(visits []visit) {
	for i := range visits {
		if i == 0 || visits[i].s != visits[i-1].s {
			visits[i].s.mu.Lock()
		}
	}
}

func unlock(visits []visit) {
	for i := range visits {
		if i == 0 || visits[i].s != visits[i-1].s {
			visits[i].s.mu.Unlock()
		}
	}
}

// Forget implements gatehouse.Windows.
func (w *Windows) Forget(_ context.Context, keys ...gatehouse.Key) error {
	turns := make([]turn, len(keys))
	for i := range keys {
		turns[i].shard, turns[i].tag = w.place(&keys[i])
	}
	setPlaces(turns)
	visits := make([]visit, len(keys))
	for _, t := range turns {
		visits[t.place] = visit{tag: t.tag, s: &w.shards[t.shard]}
	}
	lock(visits)
	defer unlock(visits)
	for _, v := range visits {
		v.s.clear(v.tag)
		v.s.wake(v.tag, noTime)
	}
	return nil
}
