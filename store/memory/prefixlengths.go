package memory

import (
	"iter"
	"math/bits"
	"net/netip"
	"sync/atomic"
)

// prefixLengths tells which prefix lengths are in use. Any number may read
// while one writes.
type prefixLengths struct {
	v4    lengthSet
	v6    lengthSet
	count [2][129]int // writers only
}

// lengthSet is a set of 0 to 128.
type lengthSet [3]atomic.Uint64

func (l *prefixLengths) of(ip netip.Addr) (*lengthSet, *[129]int) {
	if ip.Is4() {
		return &l.v4, &l.count[0]
	}
	return &l.v6, &l.count[1]
}

// add is to be called before a block is added.
func (l *prefixLengths) add(p netip.Prefix) {
	set, count := l.of(p.Addr())
	n := p.Bits()
	if count[n]++; count[n] == 1 {
		set[n/64].Or(1 << (n % 64))
	}
}

// remove is to be called after a block is removed.
func (l *prefixLengths) remove(p netip.Prefix) {
	set, count := l.of(p.Addr())
	n := p.Bits()
	if count[n]--; count[n] == 0 {
		set[n/64].And(^uint64(1 << (n % 64)))
	}
}

// covering yields the prefixes around ip of the lengths in use.
func (l *prefixLengths) covering(ip netip.Addr) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		set, _ := l.of(ip)
		for i := range set {
			for word := set[i].Load(); word != 0; word &= word - 1 {
				p, _ := ip.Prefix(i*64 + bits.TrailingZeros64(word))
				if !yield(p) {
					return
				}
			}
		}
	}
}
