package memory

import (
	"cmp"
	"slices"
)

// turn says where one key of a batch comes in it. It is two words, which are
// cheap to sort.
type turn struct {
	at  uint64 // the number of the shard, then the index in the batch
	tag uint64
}

func newTurn(shard, index int, tag uint64) turn {
	return turn{at: uint64(shard)<<32 | uint64(uint32(index)), tag: tag}
}

func (t turn) shard() int { return int(t.at >> 32) }

func (t turn) index() int { return int(uint32(t.at)) }

// sortTurns sorts by shard, in which order they are locked. Those of one key
// come together and in the order of the batch.
func sortTurns(turns []turn) {
	if len(turns) > 16 {
		slices.SortFunc(turns, func(a, b turn) int {
			return cmp.Or(cmp.Compare(a.shard(), b.shard()), cmp.Compare(a.tag, b.tag), cmp.Compare(a.at, b.at))
		})
		return
	}
	for i := 1; i < len(turns); i++ {
		t := turns[i]
		j := i
		for ; j > 0 && t.before(turns[j-1]); j-- {
			turns[j] = turns[j-1]
		}
		turns[j] = t
	}
}

// before leaves the order of equal ones open.
func (t turn) before(o turn) bool {
	a, b := t.shard(), o.shard()
	return a < b || a == b && t.tag < o.tag
}
