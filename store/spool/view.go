package spool

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// view is what blocks there are, as far as this process knows: those that the
// store held when it was last asked, and on top of them the operations in the
// file. It is not safe for concurrent use.
type view struct {
	known    map[netip.Prefix]gatehouse.Block
	complete bool // known has been the whole list once
	ops      map[netip.Prefix][]entry
	// A list says nothing about a block that changed while the store was asked.
	changes  uint64                  // counts the beginnings and ends of changes
	changing map[netip.Prefix]int    // how many are under way
	changed  map[netip.Prefix]uint64 // when the last one began or ended, while lists are read
	reading  int                     // lists
	prune    int                     // when known has so many, those that have ended are removed
}

func newView() view {
	return view{
		known: map[netip.Prefix]gatehouse.Block{}, ops: map[netip.Prefix][]entry{},
		changing: map[netip.Prefix]int{}, changed: map[netip.Prefix]uint64{},
	}
}

// prefix of an operation; the zero prefix for a record.
func (e entry) prefix() netip.Prefix {
	switch {
	case e.Place != nil:
		return e.Place.Prefix
	case e.Lift != nil:
		return e.Lift.Prefix
	}
	return netip.Prefix{}
}

// add puts an operation on top. Records are passed over.
func (v *view) add(e entry) {
	if p := e.prefix(); p.IsValid() {
		v.ops[p] = append(v.ops[p], e)
	}
}

// drop removes the oldest operation on the prefix of e.
func (v *view) drop(e entry) {
	p := e.prefix()
	if ops := v.ops[p]; len(ops) > 1 {
		v.ops[p] = ops[1:]
	} else {
		delete(v.ops, p)
	}
}

// begin and end enclose a change of the store's block of a prefix.
func (v *view) begin(p netip.Prefix) {
	v.changing[p]++
	v.touch(p)
}

func (v *view) end(p netip.Prefix) {
	if v.changing[p]--; v.changing[p] == 0 {
		delete(v.changing, p)
	}
	v.touch(p)
}

func (v *view) touch(p netip.Prefix) {
	v.changes++
	if v.reading > 0 {
		v.changed[p] = v.changes
	}
}

// read and done enclose the reading of the store's list.
func (v *view) read() (since uint64) {
	v.reading++
	return v.changes
}

func (v *view) done() {
	if v.reading--; v.reading == 0 {
		clear(v.changed)
	}
}

// holds notes that the store holds b.
func (v *view) holds(b gatehouse.Block) {
	v.known[b.Prefix] = b
	if len(v.known) < max(v.prune, 1024) {
		return
	}
	maps.DeleteFunc(v.known, func(_ netip.Prefix, old gatehouse.Block) bool {
		return !old.ActiveAt(b.Created.Add(-slack))
	})
	v.prune = 2 * len(v.known)
}

// slack is how long ended blocks are kept in case the clock steps back.
const slack = time.Minute

// get returns the block of exactly this prefix, which may have ended.
func (v *view) get(p netip.Prefix) (gatehouse.Block, bool) {
	b, ok := v.known[p]
	return applied(b, ok, v.ops[p])
}

// applied returns what operations make of a block.
func applied(b gatehouse.Block, ok bool, ops []entry) (gatehouse.Block, bool) {
	for _, e := range ops {
		switch {
		case e.Place != nil:
			if !ok || endsAfter(*e.Place, b) {
				b, ok = *e.Place, true
			}
		case ok && e.Lift.lifts(b):
			b, ok = gatehouse.Block{}, false
		}
	}
	return b, ok
}

// lifts reports whether the lift is meant for b.
func (l lift) lifts(b gatehouse.Block) bool {
	return b.ActiveAt(l.At) && (b.ID == l.ID || !b.Created.After(l.At))
}

// endsAfter reports whether a ends later than b.
func endsAfter(a, b gatehouse.Block) bool {
	return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until))
}

// snapshot returns the operations as they are.
func (v *view) snapshot() map[netip.Prefix][]entry {
	ops := make(map[netip.Prefix][]entry, len(v.ops))
	for p, list := range v.ops {
		ops[p] = slices.Clone(list)
	}
	return ops
}

// knownList returns the known blocks in no order.
func (v *view) knownList() []gatehouse.Block {
	list := make([]gatehouse.Block, 0, len(v.known))
	for _, b := range v.known {
		list = append(list, b)
	}
	return list
}

// learn takes over the store's whole list, but for what changed since it was asked:
// about that, what is known here is newer.
func (v *view) learn(list []gatehouse.Block, since uint64) {
	settled := func(p netip.Prefix) bool { return v.changing[p] == 0 && v.changed[p] <= since }
	known := make(map[netip.Prefix]gatehouse.Block, len(list))
	for _, b := range list {
		if settled(b.Prefix) {
			known[b.Prefix] = b
		}
	}
	for p, b := range v.known {
		if !settled(p) {
			known[p] = b
		}
	}
	v.known, v.complete = known, true
}

// merge returns the blocks in force at an instant, in order of their prefixes,
// once operations have been applied to a list. It may change the list.
func merge(list []gatehouse.Block, ops map[netip.Prefix][]entry, at time.Time) []gatehouse.Block {
	kept := list[:0]
	seen := make(map[netip.Prefix]bool, len(ops))
	keep := func(b gatehouse.Block, ok bool) {
		if ok && b.ActiveAt(at) {
			kept = append(kept, b)
		}
	}
	for _, b := range list {
		seen[b.Prefix] = true
		keep(applied(b, true, ops[b.Prefix]))
	}
	for p, list := range ops {
		if !seen[p] {
			keep(applied(gatehouse.Block{}, false, list))
		}
	}
	slices.SortFunc(kept, func(a, b gatehouse.Block) int { return a.Prefix.Compare(b.Prefix) })
	return kept
}
