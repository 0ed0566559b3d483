package memory

// This file makes room: it sweeps what has expired, grows and shrinks a table,
// and evicts when the budget is used up.

// sweep looks at a few slots and removes those that expired a while ago.
func (s *shard) sweep(now uint32) {
	list := s.limits.known.Load().list
	for range min(sweepSlots, len(s.slots)) {
		p := &s.slots[s.hand]
		if p.tag != 0 && s.disposable(p) &&
			(p.count() == 0 || uint64(p.newest())+uint64(list[p.limit].window)+sweepSlack <= uint64(now)) {
			s.remove(s.hand) // another may have moved here: look again
			continue
		}
		if s.hand++; s.hand == len(s.slots) {
			s.hand = 0
			s.shrink()
		}
	}
}

// shrink gives memory back when a whole sweep left the table nearly empty.
func (s *shard) shrink() {
	if len(s.slots) > 4*minSlots && s.used*6 < len(s.slots) {
		s.resize(max(s.used*2, minSlots))
		s.rings.trim(0)
	}
}

// disposable reports whether nothing but its occurrences keeps a slot.
func (s *shard) disposable(p *slot) bool {
	return p.ring&pinned == 0 && !s.gates.has(p.tag)
}

// makeSlot makes room for one more slot: by removing what has expired if that
// frees much, by growing the table, or by evicting.
func (s *shard) makeSlot(now uint32) bool {
	n := min(len(s.slots)*3/2, s.maxSlots, len(s.slots)+(s.maxBytes-s.bytes())/slotBytes) &^ 1
	if n < len(s.slots)+minSlots/2 {
		return s.evictSlot(now)
	}
	s.expireAll(now)
	if s.used*4 >= len(s.slots)*3 {
		s.resize(n)
	}
	return true
}

// expireAll removes what expired a while ago. As for sweep, that is later by the
// slack: the clock may step back a little, and there is no need yet.
func (s *shard) expireAll(now uint32) {
	now -= min(now, sweepSlack)
	for i := 0; i < len(s.slots); {
		if p := &s.slots[i]; p.tag != 0 && s.coldness(p, now) == expired {
			s.remove(i)
		} else {
			i++
		}
	}
}

// evictSlot removes what has expired within a sample, or else its coldest
// counter. A sample is of so many counters, not slots: a crowded part of the
// table loses more than an empty one, which keeps it even.
func (s *shard) evictSlot(now uint32) bool {
	for range sampleRounds {
		coldest, at, before := warmest, -1, s.used
		for seen, looked := 0, 0; seen < sampleSlots && looked < len(s.slots); looked++ {
			p := &s.slots[s.hand]
			if p.tag != 0 {
				seen++
				c := s.coldness(p, now)
				if c == expired {
					s.remove(s.hand)
					at = -1 // it may have moved
					continue
				}
				if c.less(coldest) {
					coldest, at = c, s.hand
				}
			}
			if s.hand++; s.hand == len(s.slots) {
				s.hand = 0
			}
		}
		if s.used < before {
			return true
		}
		if at >= 0 {
			s.remove(at)
			return true
		}
	}
	return false
}

// warmth orders counters for eviction.
type warmth struct {
	full   uint32 // part of the threshold that is used, in 65536ths
	newest uint32
}

var (
	expired = warmth{}
	warmest = warmth{full: 1 << 16} // and hotter: not to be evicted
)

func (a warmth) less(b warmth) bool {
	return a.full < b.full || a.full == b.full && a.newest < b.newest
}

// coldness tells how little would be lost with a slot. What may not be evicted
// is as warm as warmest.
func (s *shard) coldness(p *slot, now uint32) warmth {
	if !s.disposable(p) {
		return warmest
	}
	l := s.limits.known.Load().list[p.limit]
	p.expire(now, l.window, &s.rings)
	n := uint32(p.count())
	if n == 0 {
		return expired
	}
	if l.gcra {
		return p.levelWarmth(now, l)
	}
	if n >= l.threshold {
		return warmest
	}
	return warmth{full: n << 16 / l.threshold, newest: p.newest()}
}

// growRing gives slot i room for more occurrences and returns where the slot is
// then.
func (s *shard) growRing(i int, now uint32) (int, error) {
	p := &s.slots[i]
	class := p.class()
	if !s.rings.has(class + 1) {
		need := ringBytes(class + 1)
		if class > 0 {
			need -= ringBytes(class) // which is given back
		}
		if s.bytes()+need > s.maxBytes {
			tag, was := p.tag, p.ring&pinned
			p.ring |= pinned
			ok := s.makeBytes(need, now)
			i = s.find(tag)
			p = &s.slots[i]
			p.ring = p.ring&^pinned | was
			if !ok {
				return i, errFull
			}
		}
	}
	s.rings.grow(p)
	s.rings.trim(max(0, s.maxBytes-s.tableBytes()))
	return i, nil
}

// makeBytes frees memory for need bytes of rings: of those in use by evicting
// the coldest counter of one sample after another, until it is enough or
// nothing is found.
func (s *shard) makeBytes(need int, now uint32) bool {
	limit := s.maxBytes - s.tableBytes() - need
	for fruitless := 0; fruitless < sampleRounds; fruitless++ {
		if s.rings.trim(limit); s.rings.bytes <= limit {
			return true
		}
		coldest, tag := warmest, uint64(0)
		for range min(sampleRings, len(s.rings.all)) {
			if s.rings.hand++; s.rings.hand >= len(s.rings.all) {
				s.rings.hand = 0
			}
			owner := s.rings.all[s.rings.hand].owner
			if owner == 0 {
				continue
			}
			i := s.find(owner)
			c := s.coldness(&s.slots[i], now)
			if c == expired {
				s.remove(i)
				fruitless = -1
			} else if c.less(coldest) {
				coldest, tag = c, owner
			}
		}
		if tag != 0 {
			s.remove(s.find(tag))
			fruitless = -1
		}
	}
	s.rings.trim(limit)
	return s.rings.bytes <= limit
}
