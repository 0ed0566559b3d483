package main

import "sync"

// counterFloor is the least that an exact counter can be: 16 bytes for each key
// in an open-addressing table that never grows, evicts or locks.
type counterFloor struct {
	cells []counterCell
	mask  uint64
}

type counterCell struct {
	tag   uint64
	start uint32
	n     uint32
}

func newCounterFloor(keys int) *counterFloor {
	n := 1
	for n < keys*3/2 {
		n *= 2
	}
	return &counterFloor{cells: make([]counterCell, n), mask: uint64(n - 1)}
}

func (f *counterFloor) hit(tag uint64, now, window, threshold uint32) bool {
	for i := tag & f.mask; ; i = (i + 1) & f.mask {
		c := &f.cells[i]
		if c.tag == 0 {
			*c = counterCell{tag: tag, start: now, n: 1}
			return true
		}
		if c.tag != tag {
			continue
		}
		if now-c.start >= window {
			c.start, c.n = now, 0
		}
		if c.n >= threshold {
			return false
		}
		c.n++
		return true
	}
}

// stripedFloor is counterFloor for several goroutines.
type stripedFloor [256]struct {
	mu sync.Mutex
	counterFloor
	_ [64]byte
}

func newStripedFloor(keys int) *stripedFloor {
	f := new(stripedFloor)
	for i := range f {
		f[i].counterFloor = *newCounterFloor(keys/len(f) + 64)
	}
	return f
}

func (f *stripedFloor) hit(tag uint64, now, window, threshold uint32) bool {
	s := &f[tag>>56]
	s.mu.Lock()
	ok := s.counterFloor.hit(tag, now, window, threshold)
	s.mu.Unlock()
	return ok
}

// stripedRings is ringFloor for several goroutines.
type stripedRings [256]struct {
	mu sync.Mutex
	*ringFloor
	_ [64]byte
}

func newStripedRings(keys int) *stripedRings {
	f := new(stripedRings)
	for i := range f {
		f[i].ringFloor = newRingFloor(keys/len(f)+64, threshold, uint32(window.Milliseconds()))
	}
	return f
}

func (f *stripedRings) hit(tag uint64, now, _, _ uint32) bool {
	s := &f[tag>>56]
	s.mu.Lock()
	ok := s.ringFloor.hit(tag, now)
	s.mu.Unlock()
	return ok
}

// ringFloor is the least that an exact sliding window can be: a table of rings
// of threshold timestamps, all in one piece of memory.
type ringFloor struct {
	words     []uint32 // tag, tag, head<<16|n, then the timestamps
	stride    uint64
	mask      uint64
	threshold uint32
	window    uint32
}

func newRingFloor(keys int, threshold, window uint32) *ringFloor {
	n := 1
	for n < keys*3/2 {
		n *= 2
	}
	stride := 3 + int(threshold)
	return &ringFloor{words: make([]uint32, n*stride), stride: uint64(stride), mask: uint64(n - 1), threshold: threshold, window: window}
}

func (f *ringFloor) hit(tag uint64, now uint32) bool {
	lo, hi := uint32(tag)|1, uint32(tag>>32)
	for i := tag >> 8 & f.mask; ; i = (i + 1) & f.mask {
		c := f.words[i*f.stride:][:f.stride]
		if c[0] == 0 {
			c[0], c[1] = lo, hi
		} else if c[0] != lo || c[1] != hi {
			continue
		}
		head, n, ring := c[2]>>16, c[2]&0xffff, c[3:]
		for n > 0 && now-ring[head] >= f.window {
			n--
			if head++; head == f.threshold {
				head = 0
			}
		}
		over := n >= f.threshold
		if !over {
			at := head + n
			if at >= f.threshold {
				at -= f.threshold
			}
			ring[at] = now
			n++
		}
		c[2] = head<<16 | n
		return !over
	}
}

// setFloor is the least that a look-up of blocked addresses can be.
type setFloor struct {
	ips  []uint32
	mask uint32
}

func newSetFloor(ips []uint32) *setFloor {
	n := 1
	for n < len(ips)*2 {
		n *= 2
	}
	s := &setFloor{ips: make([]uint32, n), mask: uint32(n - 1)}
	for _, ip := range ips {
		i := s.home(ip)
		for s.ips[i] != 0 {
			i = (i + 1) & s.mask
		}
		s.ips[i] = ip
	}
	return s
}

func (s *setFloor) home(ip uint32) uint32 { return uint32(uint64(ip)*0x9e3779b97f4a7c15>>32) & s.mask }

func (s *setFloor) has(ip uint32) bool {
	for i := s.home(ip); s.ips[i] != 0; i = (i + 1) & s.mask {
		if s.ips[i] == ip {
			return true
		}
	}
	return false
}
