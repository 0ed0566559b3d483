package redis

import (
	"iter"
	"net/netip"
	"sync/atomic"

	"github.com/fluxstudio/gatehouse"
	"github.com/gaissmai/bart"
)

// blockTable finds the block that covers an address and ends last. Any number
// may read while one writes: writers change a copy (of the nodes on the way)
// and readers take no lock.
//
// A prefix knows the best block around it, so that a look-up is one walk down
// the table, however deep the networks are nested. A change is passed on to
// the prefixes within.
type blockTable struct {
	root atomic.Pointer[bart.Table[*blockCell]]
}

type blockCell struct {
	block *gatehouse.Block                // of exactly this prefix
	best  atomic.Pointer[gatehouse.Block] // of those around it, this one included
}

func newBlockTable() *blockTable {
	t := &blockTable{}
	t.root.Store(new(bart.Table[*blockCell]))
	return t
}

// covering returns the block around ip that ends last, or nil. It may have
// ended.
func (t *blockTable) covering(ip netip.Addr) *gatehouse.Block {
	if cell, ok := t.root.Load().Lookup(ip); ok {
		return cell.best.Load()
	}
	return nil
}

// set makes b the block of a prefix, or removes it if b is nil. One writer at a
// time.
func (t *blockTable) set(p netip.Prefix, b *gatehouse.Block) {
	root := t.root.Load()
	cell, found := root.Get(p)
	switch {
	case b == nil && !found, found && cell.block == b:
		return
	case b == nil:
		root = root.DeletePersist(p)
	default:
		root = root.InsertPersist(p, &blockCell{block: b})
	}
	passOn(root, p)
	t.root.Store(root)
}

// replace makes the table anew, which for many changes is faster than set. One
// writer at a time.
func (t *blockTable) replace(blocks iter.Seq2[netip.Prefix, *gatehouse.Block]) {
	root := new(bart.Table[*blockCell])
	for p, b := range blocks {
		root.Insert(p, &blockCell{block: b})
	}
	for p := range root.All() {
		choose(root, p)
	}
	t.root.Store(root)
}

// passOn chooses the best block anew for each prefix within p.
func passOn(root *bart.Table[*blockCell], p netip.Prefix) {
	for within := range root.Subnets(p) {
		choose(root, within)
	}
}

func choose(root *bart.Table[*blockCell], p netip.Prefix) {
	var own *blockCell
	var best *gatehouse.Block
	for _, cell := range root.Supernets(p) {
		if own == nil {
			own = cell // the longest prefix comes first
		}
		if best == nil || endsAfter(cell.block, best) {
			best = cell.block
		}
	}
	own.best.Store(best)
}

// all yields every block in order of their prefixes.
func (t *blockTable) all(yield func(*gatehouse.Block) bool) {
	for _, cell := range t.root.Load().AllSorted() {
		if !yield(cell.block) {
			return
		}
	}
}

// endsAfter reports whether a ends later than b.
func endsAfter(a, b *gatehouse.Block) bool {
	return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until))
}
