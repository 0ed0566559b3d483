package memory

// inline is how many occurrences a slot holds by itself.
const inline = 5

// slot is the counter of one key: half a cache line, without pointers. The
// timestamps are milliseconds after the base of the shard, in rising order.
//
// While ring is zero they lie in stamps[:n]. Otherwise they lie in a ring of the
// shard, and stamps holds its number, how many are in it, where the oldest is,
// and a copy of the newest.
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

// drop removes the k oldest.
func (p *slot) drop(k int, r []uint32) {
	if p.class() == 0 {
		copy(p.stamps[:], p.stamps[k:p.n])
		p.n -= uint8(k)
		return
	}
	p.stamps[ringLen] -= uint32(k)
	head := int(p.stamps[ringHead]) + k
	if head >= len(r) {
		head -= len(r)
	}
	p.stamps[ringHead] = uint32(head)
	if p.stamps[ringLen] == 0 {
		p.stamps[ringNewest] = 0
	}
}

// stamp returns the k-th oldest.
func (p *slot) stamp(k int, r []uint32) uint32 {
	if p.class() == 0 {
		return p.stamps[k]
	}
	k += int(p.stamps[ringHead])
	if k >= len(r) {
		k -= len(r)
	}
	return r[k]
}

// expire drops what has left the window at now.
func (p *slot) expire(now, window uint32, r []uint32) {
	n := p.count()
	k := 0
	for k < n && uint64(p.stamp(k, r))+uint64(window) <= uint64(now) {
		k++
	}
	if k > 0 {
		p.drop(k, r)
	}
}

// add appends an occurrence. There must be room.
func (p *slot) add(now uint32, r []uint32) {
	if p.class() == 0 {
		p.stamps[p.n] = now
		p.n++
		return
	}
	k := int(p.stamps[ringHead]) + int(p.stamps[ringLen])
	if k >= len(r) {
		k -= len(r)
	}
	r[k] = now
	p.stamps[ringLen]++
	p.stamps[ringNewest] = now
}
