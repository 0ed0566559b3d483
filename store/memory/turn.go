package memory

import (
	"cmp"
	"math/bits"
	"slices"
)

// few is how many keys are put in order without a sort, and without a heap.
const few = 8

// turn says where one key of a batch is kept and when its turn comes.
type turn struct {
	shard int
	tag   uint64
	place int // among all in order
}

// setPlaces puts turns in the order of their shards, which is that of locking
// them. Those of one key come together and in the order of the batch.
func setPlaces(turns []turn) {
	if len(turns) > few {
		order := make([]int, len(turns))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			a, b := &turns[i], &turns[j]
			return cmp.Or(cmp.Compare(a.shard, b.shard), cmp.Compare(a.tag, b.tag))
		})
		for place, i := range order {
			turns[i].place = place
		}
		return
	}
	// Each is compared with each, which takes no branch that the processor
	// would guess wrong half of the time.
	for i := range turns {
		t, place := &turns[i], i
		for j := range turns[:i] {
			later := t.before(&turns[j])
			turns[j].place += later
			place -= later
		}
		t.place = place
	}
}

// before returns 1 if t comes before o by shard and tag, else 0.
func (t *turn) before(o *turn) int {
	_, less := bits.Sub64(t.tag, o.tag, 0)
	_, less = bits.Sub64(uint64(t.shard), uint64(o.shard), less)
	return int(less)
}
