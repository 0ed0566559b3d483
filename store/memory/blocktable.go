package memory

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/fluxstudio/gatehouse"
)

// blockTable finds blocks by their prefix. Any number may read while one
// writes. It is a hash table in shards, so that none takes long to grow.
//
// A routing trie (gaissmai/bart, copied on write) was measured first. With
// 100,000 single addresses it took 156 ns for a look-up in vain, 1.2 us to find
// the widest of the blocks around an address and 30 us to place one; a table took
// 71 ns, 128 ns and 0.7 us. The price is a probe for each prefix length in use.
// Tags apart from blocks then made a look-up in vain a tenth faster and placing
// a quarter slower.
type blockTable struct {
	seed   maphash.Seed // nobody can choose addresses that collide
	shards [blockShards]atomic.Pointer[blockShard]
}

const (
	blockShards   = 256
	blockMinCells = 16
)

// blockShard is an open-addressing table of a power of two cells. Cells are
// filled and their blocks exchanged in place; a shard is replaced when it is
// three quarters full. The tags lie together, sixteen to a cache line, since a
// look-up in vain seldom reads more.
type blockShard struct {
	tags   []atomic.Uint32 // a half of the hash; zero: never used
	blocks []atomic.Pointer[gatehouse.Block]
	used   int // cells with a tag; writers only
	live   int // cells with a block; writers only
}

func newBlockShard(cells int) *blockShard {
	return &blockShard{tags: make([]atomic.Uint32, cells), blocks: make([]atomic.Pointer[gatehouse.Block], cells)}
}

// blockTag is what a cell knows of a hash. The other half chooses the cell.
func blockTag(h uint64) uint32 { return max(uint32(h>>32), 1) }

func newBlockTable() *blockTable {
	t := &blockTable{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].Store(newBlockShard(blockMinCells))
	}
	return t
}

func (t *blockTable) hash(p netip.Prefix) uint64 {
	var b [17]byte
	b[0] = uint8(p.Bits())
	ip := p.Addr()
	if ip.Is4() {
		a := ip.As4()
		copy(b[1:], a[:])
		return maphash.Bytes(t.seed, b[:5])
	}
	a := ip.As16()
	copy(b[1:], a[:])
	return maphash.Bytes(t.seed, b[:])
}

// get returns the block of exactly this masked prefix, or nil.
func (t *blockTable) get(p netip.Prefix) *gatehouse.Block {
	h := t.hash(p)
	b, _ := t.shards[h%blockShards].Load().find(h, p)
	return b
}

// find returns the block of a prefix, which may be removed meanwhile, and its
// cell, or nil.
func (s *blockShard) find(h uint64, p netip.Prefix) (*gatehouse.Block, int) {
	tag, mask := blockTag(h), uint64(len(s.tags)-1)
	for i := h >> 8 & mask; ; i = (i + 1) & mask {
		switch s.tags[i].Load() {
		case 0:
			return nil, -1
		case tag:
			if b := s.blocks[i].Load(); b != nil && b.Prefix == p {
				return b, int(i)
			}
		}
	}
}

// put adds b or replaces the block of its prefix. One writer at a time.
func (t *blockTable) put(b *gatehouse.Block) {
	h := t.hash(b.Prefix)
	s := t.shards[h%blockShards].Load()
	if _, i := s.find(h, b.Prefix); i >= 0 {
		s.blocks[i].Store(b)
		return
	}
	if (s.used+1)*4 > len(s.tags)*3 {
		s = t.rebuilt(s)
		s.add(h, b)
		t.shards[h%blockShards].Store(s)
		return
	}
	s.add(h, b)
}

// add fills a new cell.
func (s *blockShard) add(h uint64, b *gatehouse.Block) {
	mask := uint64(len(s.tags) - 1)
	i := h >> 8 & mask
	for s.tags[i].Load() != 0 {
		i = (i + 1) & mask
	}
	s.blocks[i].Store(b) // before the tag, which readers look at first
	s.tags[i].Store(blockTag(h))
	s.used++
	s.live++
}

// rebuilt returns a copy of s with room to grow and without what was removed.
func (t *blockTable) rebuilt(s *blockShard) *blockShard {
	n := blockMinCells
	for n < 2*(s.live+1) {
		n *= 2
	}
	next := newBlockShard(n)
	for i := range s.blocks {
		if b := s.blocks[i].Load(); b != nil {
			next.add(t.hash(b.Prefix), b)
		}
	}
	return next
}

// remove takes out the block of a prefix. One writer at a time.
func (t *blockTable) remove(p netip.Prefix) {
	h := t.hash(p)
	s := t.shards[h%blockShards].Load()
	if _, i := s.find(h, p); i >= 0 {
		s.blocks[i].Store(nil)
		s.live--
	}
}

// all yields every block, in no order.
func (t *blockTable) all(yield func(*gatehouse.Block) bool) {
	for i := range t.shards {
		blocks := t.shards[i].Load().blocks
		for j := range blocks {
			if b := blocks[j].Load(); b != nil && !yield(b) {
				return
			}
		}
	}
}
