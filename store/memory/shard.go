package memory

import (
	"fmt"
	"math"
	"math/bits"
	"sync"
	"unsafe"

	"github.com/fluxstudio/gatehouse"
)

const (
	slotBytes = int(unsafe.Sizeof(slot{}))
	minSlots  = 16
	// A table is at most 3/4 full; it grows by half.
	fullNum, fullDen = 3, 4

	// The clock of a shard runs from 0 to maxClock, 25 days after its base. A
	// new base puts it at midClock, more than the longest window after it.
	midClock = 1 << 30
	maxClock = 1 << 31

	// What expired less than this ago is left alone unless room is short, in
	// case the clock steps back.
	sweepSlack = 10_000 // ms
	sweepEvery = 8      // insertions
	sweepSlots = 32

	sampleSlots  = 32 // counters compared in one round to evict one
	sampleRounds = 4
	sampleRings  = 16
)

var errFull = fmt.Errorf("memory: every counter in reach is in use: %w", gatehouse.ErrBusy)

// shard is a part of the counters under one mutex: an open-addressing table
// with linear probing, the rings, and the reservations in flight.
type shard struct {
	mu      sync.Mutex
	base    int64  // ms since 1970 of time 0 in slots
	slots   []slot // an even number
	limits  *limits
	gates   gates
	rings   rings
	used    int
	inserts uint32
	hand    int // where sweeping and eviction go on

	maxSlots int // of the table
	maxBytes int // of table and rings together
	_        [112]byte
}

// A shard begins with a cache line and shares none: this array has no elements.
var _ [0]struct{} = [unsafe.Sizeof(shard{}) % 64]struct{}{}

func (s *shard) init(l *limits, budget, waiters int) {
	s.limits = l
	// Whatever else is in it, a quarter is left for rings, which is room for
	// the longest.
	s.maxSlots = budget * 11 / 16 / slotBytes &^ 1
	s.maxBytes = budget * 15 / 16
	s.gates.init(budget/16, waiters)
	s.slots = make([]slot, minSlots)
}

func (s *shard) tableBytes() int { return len(s.slots) * slotBytes }

func (s *shard) bytes() int { return s.tableBytes() + s.rings.bytes }

// clock turns milliseconds since 1970 into the time of this shard.
func (s *shard) clock(ms int64) uint32 {
	if d := ms - s.base; uint64(d) <= maxClock {
		return uint32(d)
	}
	return s.rebase(ms)
}

// rebase moves the base so that ms is at midClock. What is more than 12 days
// older has left every window; what is more than 37 days newer, because the
// clock was set back that far, is taken as that much newer.
func (s *shard) rebase(ms int64) uint32 {
	shift := ms - midClock - s.base
	move := func(t uint32) uint32 {
		return uint32(min(max(int64(t)-shift, 0), math.MaxUint32))
	}
	// A difference of more than any date has been is as good as one that
	// expires everything or makes it newest.
	shift = min(max(shift, -1<<40), 1<<40)
	list := s.limits.known.Load().list
	for i := range s.slots {
		p := &s.slots[i]
		if p.tag == 0 {
			continue
		}
		r := s.rings.of(p)
		if shift > 0 {
			p.expire(uint32(min(shift+midClock, math.MaxUint32)), list[p.limit].window, &s.rings)
		}
		if r == nil {
			for k := range p.n {
				p.stamps[k] = move(p.stamps[k])
			}
			continue
		}
		for k := range r {
			r[k] = move(r[k])
		}
		if p.count() > 0 {
			p.stamps[ringOldest] = move(p.stamps[ringOldest])
			p.stamps[ringNewest] = move(p.stamps[ringNewest])
		}
	}
	s.base = ms - midClock
	return midClock
}

// home returns where the search for a tag begins in a table of n slots: at the
// beginning of a pair, which is a cache line.
func home(tag uint64, n int) int {
	hi, _ := bits.Mul64(tag, uint64(n/2))
	return int(hi) * 2
}

// find returns where the slot of a tag is, or -1.
func (s *shard) find(tag uint64) int {
	slots := s.slots
	for i := home(tag, len(slots)); ; {
		pair := (*[2]slot)(slots[i:])
		// One branch for both, since a wrong guess costs as much as the wait
		// for the memory.
		second := which(pair, tag)
		if pair[second].tag == tag {
			return i + second
		}
		if pair[0].tag == 0 || pair[1].tag == 0 {
			return -1
		}
		if i += 2; i == len(slots) {
			i = 0
		}
	}
}

// which returns the one of two slots that may have a tag, without a branch.
func which(pair *[2]slot, tag uint64) int {
	if pair[1].tag == tag {
		return 1
	}
	return 0
}

// insert adds an empty slot for a tag that has none. Others may move.
func (s *shard) insert(tag uint64, limit uint16, now uint32) (int, error) {
	if s.inserts++; s.inserts%sweepEvery == 0 {
		s.sweep(now)
	}
	if (s.used+1)*fullDen > len(s.slots)*fullNum && !s.makeSlot(now) {
		return 0, errFull
	}
	i := s.vacancy(tag)
	s.slots[i] = slot{tag: tag, limit: limit}
	s.used++
	return i, nil
}

// vacancy returns where a new slot for a tag goes.
func (s *shard) vacancy(tag uint64) int {
	i := home(tag, len(s.slots))
	for s.slots[i].tag != 0 {
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	return i
}

// remove empties slot i and closes the gap behind it.
func (s *shard) remove(i int) {
	s.rings.release(&s.slots[i])
	slots := s.slots
	n := len(slots)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		if slots[j].tag == 0 {
			break
		}
		fromHome, fromGap := j-home(slots[j].tag, n), j-i
		if fromHome < 0 {
			fromHome += n
		}
		if fromGap < 0 {
			fromGap += n
		}
		if fromHome >= fromGap {
			slots[i] = slots[j]
			i = j
		}
	}
	slots[i] = slot{}
	s.used--
}

// resize moves every slot to a table of n.
func (s *shard) resize(n int) {
	old := s.slots
	s.slots = make([]slot, (n+1)&^1)
	for i := range old {
		if old[i].tag != 0 {
			s.slots[s.vacancy(old[i].tag)] = old[i]
		}
	}
	s.hand = 0
}
