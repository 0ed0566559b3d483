package label

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Table keeps what was made for each key, for at most a fixed number of keys.
// Looking up a known key takes no lock and allocates nothing. It is safe for
// concurrent use.
type Table[K comparable, V any] struct {
	limit int
	of    func(K) V
	known atomic.Pointer[map[K]V] // never changed, only replaced
	mu    sync.Mutex              // of those who replace it
}

// NewTable returns a table of at most limit keys, whose values of makes.
func NewTable[K comparable, V any](limit int, of func(K) V) *Table[K, V] {
	t := &Table[K, V]{limit: limit, of: of}
	t.known.Store(&map[K]V{})
	return t
}

// Get returns the value of a key, or false if it is new and the table is full.
func (t *Table[K, V]) Get(key K) (V, bool) {
	known := *t.known.Load()
	v, ok := known[key]
	if ok || len(known) >= t.limit {
		return v, ok
	}
	return t.add(key)
}

func (t *Table[K, V]) add(key K) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := *t.known.Load()
	v, ok := known[key]
	if ok || len(known) >= t.limit {
		return v, ok
	}
	v = t.of(key)
	next := maps.Clone(known)
	next[key] = v
	t.known.Store(&next)
	return v, true
}
