package memory

import (
	"time"

	"github.com/fluxstudio/gatehouse"
)

// capacity returns how many occurrences slot i has room for.
func (s *shard) capacity(i int) int { return ringCap(s.slots[i].class()) }

// cramped reports whether slot i may need a larger ring for one more occurrence.
func (s *shard) cramped(i, threshold int) bool {
	c := s.capacity(i)
	return c < threshold && s.slots[i].count() >= c
}

// room sees to it that there is a slot for a tag with room for extra more
// occurrences, up to its limit, and returns where it is.
func (s *shard) room(tag uint64, number uint16, now uint32, extra int) (int, error) {
	i := s.find(tag)
	if i < 0 {
		var err error
		if i, err = s.insert(tag, number, now); err != nil {
			return 0, err
		}
	}
	l := s.settle(i, number, now)
	need := min(s.slots[i].count()+extra, int(l.threshold))
	for s.capacity(i) < need {
		var err error
		if i, err = s.growRing(i, now); err != nil {
			return 0, err
		}
	}
	return i, nil
}

// settle brings slot i to the limit of a number and to an instant: it drops what
// no longer counts.
func (s *shard) settle(i int, number uint16, now uint32) limit {
	p := &s.slots[i]
	l := s.limits.known.Load().list[number]
	r := s.rings.of(p)
	if p.limit != number {
		p.limit = number
		if extra := p.count() - int(l.threshold); extra > 0 {
			p.drop(extra, r)
		}
	}
	p.expire(max(now, p.newest()), l.window, r)
	return l
}

// count counts one occurrence in slot i, which has room for it.
func (s *shard) count(i int, number uint16, now uint32) gatehouse.Tally {
	l := s.settle(i, number, now)
	p := &s.slots[i]
	r := s.rings.of(p)
	now = max(now, p.newest())
	over := p.count() >= int(l.threshold)
	if !over {
		p.add(now, r)
	}
	t := p.tally(now, l, r)
	t.Over = over
	return t
}

// tally reads the counter as it is.
func (p *slot) tally(now uint32, l limit, r []uint32) gatehouse.Tally {
	t := gatehouse.Tally{Count: p.count()}
	if t.Count >= int(l.threshold) {
		now = max(now, p.newest())
		left := uint64(p.stamp(0, r)) + uint64(l.window) - uint64(now)
		t.RetryAfter = time.Duration(left) * time.Millisecond
	}
	return t
}

// clear forgets the occurrences of a tag.
func (s *shard) clear(tag uint64) {
	i := s.find(tag)
	if i < 0 {
		return
	}
	if s.gates.has(tag) {
		p := &s.slots[i]
		p.drop(p.count(), s.rings.of(p))
		return
	}
	s.remove(i)
}
