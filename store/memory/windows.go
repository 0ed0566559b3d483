package memory

import (
	"context"
	"encoding/binary"
	"slices"
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
type Windows struct {
	limits *limits
	shards []shard // a power of two
}

// NewWindows returns an empty store that reads MaxBytes and MaxWaiters.
func NewWindows(o Options) *Windows {
	budget := max(orDefault(o.MaxBytes, standardBytes), shardBytes)
	n := 1
	for n*2 <= min(budget/shardBytes, maxShards) {
		n *= 2
	}
	w := &Windows{limits: newLimits(), shards: make([]shard, n)}
	for i := range w.shards {
		w.shards[i].init(w.limits, budget/n, orDefault(o.MaxWaiters, 1024))
	}
	return w
}

// place says where the counter of a key is kept.
func (w *Windows) place(key *gatehouse.Key) (shard int, tag uint64) {
	tag = binary.LittleEndian.Uint64(key[:8])
	if tag == 0 {
		tag = 1 // zero marks an empty slot
	}
	return int(binary.LittleEndian.Uint64(key[8:])) & (len(w.shards) - 1), tag
}

// Hit implements gatehouse.Windows.
func (w *Windows) Hit(_ context.Context, at time.Time, hits []gatehouse.Hit) error {
	if len(hits) == 1 {
		return w.hitOne(at.UnixMilli(), &hits[0])
	}
	return w.hitAll(at.UnixMilli(), hits)
}

func (w *Windows) hitOne(ms int64, h *gatehouse.Hit) error {
	number, err := w.limits.of(h.Limit)
	if err != nil {
		return err
	}
	shard, tag := w.place(&h.Key)
	s := &w.shards[shard]
	s.mu.Lock()
	now := s.clock(ms)
	i := s.find(tag)
	if i < 0 || s.cramped(i, h.Limit.Threshold) {
		if i, err = s.room(tag, number, now, 1); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	h.Tally = s.count(i, number, now)
	if len(s.gates.of) != 0 {
		s.wake(tag, ms)
	}
	s.mu.Unlock()
	return nil
}

// visit is one hit on its way through hitAll.
type visit struct {
	tag   uint64
	shard int32
	hit   int32
	slot  int32
	limit uint16
	first uint64 // the tag at the home of this one
}

// hitAll locks every shard concerned, in order, so that the batch happens at
// one instant; makes room for all; and only then counts.
func (w *Windows) hitAll(ms int64, hits []gatehouse.Hit) error {
	var few [8]visit
	visits := few[:0]
	if len(hits) > len(few) {
		visits = make([]visit, 0, len(hits))
	}
	for i := range hits {
		number, err := w.limits.of(hits[i].Limit)
		if err != nil {
			return err
		}
		shard, tag := w.place(&hits[i].Key)
		visits = append(visits, visit{tag: tag, shard: int32(shard), hit: int32(i), limit: number})
	}
	sortVisits(visits)
	w.lock(visits)
	defer w.unlock(visits)

	// Nothing here depends on what is read, so the processor waits for the
	// memory of all at the same time.
	for i := range visits {
		v := &visits[i]
		slots := w.shards[v.shard].slots
		at := home(v.tag, len(slots))
		v.slot, v.first = int32(at), slots[at].tag
	}
	ready := true
	for i := range visits {
		v := &visits[i]
		s := &w.shards[v.shard]
		at := int(v.slot)
		if v.first != v.tag {
			at = s.find(v.tag)
			v.slot = int32(at)
		}
		if at < 0 || s.cramped(at, hits[v.hit].Limit.Threshold) || i > 0 && v.tag == visits[i-1].tag {
			ready = false
		}
	}
	if !ready {
		if err := w.makeRoom(ms, visits); err != nil {
			return err
		}
	}
	for i := range visits {
		v := &visits[i]
		s := &w.shards[v.shard]
		hits[v.hit].Tally = s.count(int(v.slot), v.limit, s.clock(ms))
	}
	for i := range visits { // not before: slots may move
		if s := &w.shards[visits[i].shard]; len(s.gates.of) != 0 {
			s.wake(visits[i].tag, ms)
		}
	}
	return nil
}

// makeRoom sees to it that every visit has a slot with room for it, and finds
// the slots anew. Each stays pinned meanwhile, so that none is evicted for the
// sake of another.
func (w *Windows) makeRoom(ms int64, visits []visit) (err error) {
	for i := range visits {
		w.pin(visits[i], pinned)
	}
	for i, again := 0, 1; i < len(visits) && err == nil; i++ {
		v := &visits[i]
		s := &w.shards[v.shard]
		if again++; i == 0 || v.tag != visits[i-1].tag || v.shard != visits[i-1].shard {
			again = 1 // how often the key has come up
		}
		if _, err = s.room(v.tag, v.limit, s.clock(ms), again); err == nil {
			w.pin(*v, pinned)
		}
	}
	for i := range visits {
		w.pin(visits[i], 0)
		visits[i].slot = int32(w.shards[visits[i].shard].find(visits[i].tag))
	}
	return err
}

func (w *Windows) pin(v visit, pin uint8) {
	s := &w.shards[v.shard]
	if i := s.find(v.tag); i >= 0 {
		s.slots[i].ring = s.slots[i].ring&^pinned | pin
	}
}

// sortVisits puts visits in the order of their shards, those of one key
// together and in the order of the hits.
func sortVisits(visits []visit) {
	if len(visits) > 16 {
		slices.SortStableFunc(visits, func(a, b visit) int {
			if a.before(&b) {
				return -1
			} else if b.before(&a) {
				return 1
			}
			return 0
		})
		return
	}
	for i := 1; i < len(visits); i++ {
		for j := i; j > 0 && visits[j].before(&visits[j-1]); j-- {
			visits[j], visits[j-1] = visits[j-1], visits[j]
		}
	}
}

func (v *visit) before(o *visit) bool {
	return v.shard < o.shard || v.shard == o.shard && v.tag < o.tag
}

// lock locks the shards of sorted visits in their order, so that two batches
// never wait for each other.
func (w *Windows) lock(visits []visit) {
	for i := range visits {
		if i == 0 || visits[i].shard != visits[i-1].shard {
			w.shards[visits[i].shard].mu.Lock()
		}
	}
}

func (w *Windows) unlock(visits []visit) {
	for i := range visits {
		if i == 0 || visits[i].shard != visits[i-1].shard {
			w.shards[visits[i].shard].mu.Unlock()
		}
	}
}

// Forget implements gatehouse.Windows.
func (w *Windows) Forget(_ context.Context, keys ...gatehouse.Key) error {
	visits := make([]visit, len(keys))
	for i := range keys {
		shard, tag := w.place(&keys[i])
		visits[i] = visit{tag: tag, shard: int32(shard)}
	}
	sortVisits(visits)
	w.lock(visits)
	defer w.unlock(visits)
	for _, v := range visits {
		s := &w.shards[v.shard]
		s.clear(v.tag)
		s.wake(v.tag, noTime)
	}
	return nil
}
