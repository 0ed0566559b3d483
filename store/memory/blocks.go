package memory

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Blocks = (*Blocks)(nil)

// Blocks keeps the blocks of this process. Blocked and List take no lock and
// Blocked allocates nothing, so that neither waits while blocks are placed. A
// look-up costs one probe for each prefix length in use among the blocks of the
// address family.
//
// Blocks are never evicted. One that has ended a minute before another is
// placed (by its Created) is removed then, at most a few at a time.
//
// IPv4 addresses and networks mapped into IPv6 are taken as IPv4; other IPv6
// networks cover IPv6 addresses only. The context is not looked at.
type Blocks struct {
	table   *blockTable
	lengths prefixLengths
	mu      sync.Mutex // held by writers
	ends    endings
}

const (
	// Ended blocks are kept so long in case the clock steps back.
	blockSlack = time.Minute
	// At most so many are removed each time one is placed, so that the table
	// shrinks faster than it grows.
	blockSweep = 4
)

// NewBlocks returns an empty store.
func NewBlocks() *Blocks {
	return &Blocks{table: newBlockTable()}
}

// Place implements gatehouse.Blocks. A block without an end ends last; of two
// that end at once the earlier one stays. An invalid prefix is an error.
func (s *Blocks) Place(_ context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	prefix, err := canonical(b.Prefix)
	if err != nil {
		return gatehouse.Block{}, err
	}
	b.Prefix = prefix
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(b.Created.Add(-blockSlack))
	old := s.table.get(prefix)
	if old != nil && !endsAfter(&b, old) {
		return *old, nil
	}
	kept := b
	if old == nil {
		s.lengths.add(prefix)
	}
	s.table.put(&kept)
	if !b.Until.IsZero() {
		heap.Push(&s.ends, &kept)
	}
	return b, nil
}

// Lift implements gatehouse.Blocks. A block that has ended is not found.
func (s *Blocks) Lift(_ context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	prefix, err := canonical(prefix)
	if err != nil {
		return gatehouse.Block{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.table.get(prefix)
	if b == nil || !b.ActiveAt(at) {
		return gatehouse.Block{}, fmt.Errorf("memory: block of %v: %w", prefix, gatehouse.ErrNotFound)
	}
	s.remove(prefix) // its ending is dropped when it comes
	return *b, nil
}

// Blocked implements gatehouse.Blocks.
func (s *Blocks) Blocked(_ context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	ip = gatehouse.CleanAddr(ip)
	var last *gatehouse.Block
	for p := range s.lengths.covering(ip) {
		if b := s.table.get(p); b != nil && (last == nil || endsAfter(b, last)) {
			last = b
		}
	}
	if last == nil || !last.ActiveAt(at) {
		return gatehouse.Block{}, false, nil
	}
	return *last, true, nil
}

// List implements gatehouse.Blocks: IPv4 first, then by address, the wider
// network before those in it.
func (s *Blocks) List(_ context.Context, at time.Time) ([]gatehouse.Block, error) {
	var found []listed
	for b := range s.table.all {
		if b.ActiveAt(at) {
			found = append(found, place(b))
		}
	}
	slices.SortFunc(found, listed.compare)
	list := make([]gatehouse.Block, len(found))
	for i := range found {
		list[i] = *found[i].block
	}
	return list, nil
}

// listed is a block with what tells its place in a list. To sort blocks themselves
// takes several times as long, as they are large and their prefixes slow to compare.
type listed struct {
	family, length uint8
	high, low      uint64 // of the address
	block          *gatehouse.Block
}

func place(b *gatehouse.Block) listed {
	ip := b.Prefix.Addr()
	bytes := ip.As16()
	return listed{
		family: uint8(ip.BitLen()), length: uint8(b.Prefix.Bits()),
		high: binary.BigEndian.Uint64(bytes[:8]), low: binary.BigEndian.Uint64(bytes[8:]), block: b,
	}
}

func (a listed) compare(b listed) int {
	switch {
	case a.family != b.family:
		return cmp.Compare(a.family, b.family)
	case a.high != b.high:
		return cmp.Compare(a.high, b.high)
	case a.low != b.low:
		return cmp.Compare(a.low, b.low)
	}
	return cmp.Compare(a.length, b.length)
}

// sweep removes a few of the blocks that ended before an instant.
func (s *Blocks) sweep(before time.Time) {
	for range blockSweep {
		if len(s.ends) == 0 || !s.ends[0].Until.Before(before) {
			return
		}
		ended := heap.Pop(&s.ends).(*gatehouse.Block)
		if s.table.get(ended.Prefix) == ended {
			s.remove(ended.Prefix)
		}
	}
}

func (s *Blocks) remove(p netip.Prefix) {
	s.table.remove(p)
	s.lengths.remove(p)
}

// endsAfter reports whether a ends later than b.
func endsAfter(a, b *gatehouse.Block) bool {
	return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until))
}

// canonical masks a prefix and turns one of mapped IPv4 addresses into IPv4.
func canonical(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return p, fmt.Errorf("memory: invalid prefix %v", p)
	}
	if ip := p.Addr(); ip.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(ip.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// endings is a heap of the blocks with an end, the next to end on top. It may
// hold blocks that have been lifted or replaced.
type endings []*gatehouse.Block

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].Until.Before(e[j].Until) }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endings) Push(b any)        { *e = append(*e, b.(*gatehouse.Block)) }
func (e *endings) Pop() any {
	last := len(*e) - 1
	b := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return b
}
