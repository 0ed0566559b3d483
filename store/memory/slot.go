package memory

// inline is how many occurrences a slot holds by itself.
const inline = 5

// slot is the counter of one key: half a cache line, without pointers. The
// timestamps are milliseconds after the base of the shard, in rising order.
//
// While ring is zero they lie in stamps[:n]. Otherwise they lie in a ring of the
// shard, and stamps holds its number, how many are in it, where the oldest is,
// and copies of the oldest and the newest, so that a window that is full or has
// room is seen without a look at the ring.
type slot struct {
	tag    uint64 // zero: empty
	stamps [inline]uint32
	limit  uint16
	n      uint8
	ring   uint8 // size class; the top bit pins the slot
}

// Where things are in stamps while there is a ring.
const (
	ringAt = iota
	ringLen
	ringHead
	ringOldest
	ringNewest
)

const pinned = 0x80

func (p *slot) class() int { return int(p.ring &^ pinned) }

func (p *slot) count() int {
	if p.class() == 0 {
		return int(p.n)
	}
	return int(p.stamps[ringLen])
}

// newest returns the time of the newest occurrence, or zero.
func (p *slot) newest() uint32 {
	if p.class() != 0 {
		return p.stamps[ringNewest]
	}
	if p.n == 0 {
		return 0
	}
	return p.stamps[p.n-1]
}

// oldest returns the time of the oldest occurrence, of which there is one.
func (p *slot) oldest() uint32 {
	if p.class() != 0 {
		return p.stamps[ringOldest]
	}
	return p.stamps[0]
}

// drop removes the k oldest.
func (p *slot) drop(k int, rs *rings) {
	if p.class() == 0 {
		copy(p.stamps[:], p.stamps[k:p.n])
		p.n -= uint8(k)
		return
	}
	r := rs.of(p)
	head := int(p.stamps[ringHead]) + k
	if head >= len(r) {
		head -= len(r)
	}
	p.stamps[ringHead] = uint32(head)
	p.stamps[ringLen] -= uint32(k)
	p.stamps[ringOldest] = r[head]
	if p.stamps[ringLen] == 0 {
		p.stamps[ringNewest] = 0
	}
}

// expire drops what has left the window at now.
func (p *slot) expire(now, window uint32, rs *rings) {
	if k := p.left(now, window, rs); k > 0 {
		p.drop(k, rs)
	}
}

// left returns how many have left the window at now.
func (p *slot) left(now, window uint32, rs *rings) int {
	n := p.count()
	if n == 0 || uint64(p.oldest())+uint64(window) > uint64(now) {
		return 0
	}
	r, head := p.stamps[:], 0
	if p.class() != 0 {
		r, head = rs.of(p), int(p.stamps[ringHead])
	}
	k := 1
	for ; k < n; k++ {
		if head++; head == len(r) {
			head = 0
		}
		if uint64(r[head])+uint64(window) > uint64(now) {
			break
		}
	}
	return k
}

// add appends an occurrence. There must be room.
func (p *slot) add(now uint32, rs *rings) {
	if p.class() == 0 {
		p.stamps[p.n] = now
		p.n++
		return
	}
	k := int(p.stamps[ringHead]) + int(p.stamps[ringLen])
	if n := ringCap(p.class()); k >= n { // asking the ring would be to wait for it
		k -= n
	}
	rs.of(p)[k] = now
	if p.stamps[ringLen] == 0 {
		p.stamps[ringOldest] = now
	}
	p.stamps[ringLen]++
	p.stamps[ringNewest] = now
}
