package memory

import (
	"time"

	"github.com/fluxstudio/gatehouse"
)

// capacity returns how many occurrences slot i has room for.
func (s *shard) capacity(i int) int { return ringCap(s.slots[i].class()) }

// cramped reports whether slot i may need a larger ring for one more occurrence.
func (s *shard) cramped(i int, l limit) bool {
	c := s.capacity(i)
	return c < int(l.threshold) && s.slots[i].count() >= c
}

// room sees to it that there is a slot for a tag with room for extra more
// occurrences, up to its limit, and returns where it is.
func (s *shard) room(tag uint64, l limit, now uint32, extra int) (int, error) {
	i := s.find(tag)
	if i < 0 {
		var err error
		if i, err = s.insert(tag, l.number, now); err != nil {
			return 0, err
		}
	}
	s.settle(i, l, now)
	need := min(s.slots[i].count()+extra, int(l.threshold))
	for s.capacity(i) < need {
		var err error
		if i, err = s.growRing(i, now); err != nil {
			return 0, err
		}
	}
	return i, nil
}

// settle brings slot i to a limit and to an instant: it drops what
// no longer counts.
func (s *shard) settle(i int, l limit, now uint32) {
	p := &s.slots[i]
	if p.limit != l.number {
		p.limit = l.number
		if extra := p.count() - int(l.threshold); extra > 0 {
			p.drop(extra, &s.rings)
		}
	}
	p.expire(max(now, p.newest()), l.window, &s.rings)
}

// count counts one occurrence in slot i, which has room for it.
func (s *shard) count(i int, l limit, now uint32) gatehouse.Tally {
	p := &s.slots[i]
	now = max(now, p.newest())
	if p.limit != l.number || p.count() > 0 && uint64(p.oldest())+uint64(l.window) <= uint64(now) {
		s.settle(i, l, now) // seldom: most often nothing has left
	}
	n := p.count()
	over := n >= int(l.threshold)
	if !over {
		p.add(now, &s.rings)
		n++
	}
	t := gatehouse.Tally{Count: n, Over: over}
	if n >= int(l.threshold) {
		t.RetryAfter = p.retryAfter(now, l)
	}
	return t
}

// tally reads the counter as it is.
func (p *slot) tally(now uint32, l limit) gatehouse.Tally {
	t := gatehouse.Tally{Count: p.count()}
	if t.Count >= int(l.threshold) {
		t.RetryAfter = p.retryAfter(max(now, p.newest()), l)
	}
	return t
}

// retryAfter returns when the oldest occurrence leaves the window.
func (p *slot) retryAfter(now uint32, l limit) time.Duration {
	return time.Duration(int64(p.oldest())+int64(l.window)-int64(now)) * time.Millisecond
}

// clear forgets the occurrences of a tag.
func (s *shard) clear(tag uint64) {
	i := s.find(tag)
	if i < 0 {
		return
	}
	if s.gates.has(tag) {
		p := &s.slots[i]
		p.drop(p.count(), &s.rings)
		return
	}
	s.remove(i)
}
