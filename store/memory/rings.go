package memory

// rings holds the timestamps of the counters with more than inline
// occurrences. Rings come in size classes, each twice the one before, and those
// given back are used again.
type rings struct {
	all   []ring
	bytes int                   // of all rings, in use or not
	free  [ringClasses][]uint32 // numbers of unused rings with a buffer, by class
	blank []uint32              // numbers without a buffer
	hand  int                   // where the search for one to evict goes on
}

type ring struct {
	stamps []uint32
	owner  uint64 // tag of the slot; zero while unused
}

const (
	ringClasses  = 13 // class 0 is the slot itself
	ringOverhead = 48 // bytes: the entry above and one on a free list
)

// ringCap returns how many timestamps a ring of a class holds.
func ringCap(class int) int {
	if class == 0 {
		return inline
	}
	return min(4<<class, maxThreshold)
}

func ringBytes(class int) int { return 4*ringCap(class) + ringOverhead }

// of returns the timestamps of a slot that has a ring, else nil.
func (rs *rings) of(p *slot) []uint32 {
	if p.class() == 0 {
		return nil
	}
	return rs.all[p.stamps[ringAt]].stamps
}

// has reports whether a ring of a class lies unused.
func (rs *rings) has(class int) bool { return len(rs.free[class]) > 0 }

// grow moves the occurrences of p to a ring of the next class.
func (rs *rings) grow(p *slot) {
	class := p.class() + 1
	at := rs.take(class)
	rs.all[at].owner = p.tag
	to := rs.all[at].stamps
	n := p.count() // more may be copied, which does no harm
	if from := rs.of(p); from == nil {
		copy(to, p.stamps[:n])
	} else {
		k := copy(to, from[p.stamps[ringHead]:])
		copy(to[k:], from[:p.stamps[ringHead]])
	}
	newest := p.newest()
	rs.release(p)
	p.n = 0
	p.ring = p.ring&pinned | uint8(class)
	p.stamps = [inline]uint32{ringAt: at, ringLen: uint32(n), ringOldest: to[0], ringNewest: newest}
}

// take returns the number of an unused ring of a class.
func (rs *rings) take(class int) uint32 {
	if f := rs.free[class]; len(f) > 0 {
		at := f[len(f)-1]
		rs.free[class] = f[:len(f)-1]
		return at
	}
	rs.bytes += ringBytes(class)
	r := ring{stamps: make([]uint32, ringCap(class))}
	if b := rs.blank; len(b) > 0 {
		at := b[len(b)-1]
		rs.blank = b[:len(b)-1]
		rs.all[at] = r
		return at
	}
	rs.all = append(rs.all, r)
	return uint32(len(rs.all) - 1)
}

// release gives back the ring of p, if it has one. What is in p is of no use
// afterwards.
func (rs *rings) release(p *slot) {
	class := p.class()
	if class == 0 {
		return
	}
	at := p.stamps[ringAt]
	rs.all[at].owner = 0
	rs.free[class] = append(rs.free[class], at)
}

// trim lets go of the memory of unused rings until at most limit bytes are held
// or none is left.
func (rs *rings) trim(limit int) {
	for class := ringClasses - 1; class > 0; class-- {
		for f := rs.free[class]; len(f) > 0 && rs.bytes > limit; f = rs.free[class] {
			at := f[len(f)-1]
			rs.free[class] = f[:len(f)-1]
			rs.all[at].stamps = nil
			rs.blank = append(rs.blank, at)
			rs.bytes -= ringBytes(class)
		}
	}
}
