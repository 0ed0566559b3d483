package memory

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

const (
	maxThreshold = 10_000
	maxWindow    = 7 * 24 * time.Hour
	maxLimits    = 1 << 16
)

// limit is a gatehouse.Limit in the units of a slot.
type limit struct {
	threshold uint32
	window    uint32 // ms
	number    uint16 // its index in the list of all
	gcra      bool   // what is outstanding is kept; else occurrences
}

// limitKey tells limits apart.
type limitKey struct {
	gatehouse.Limit
	algorithm gatehouse.Algorithm
}

// limits numbers the distinct limits in use, so that a slot names its limit in
// two bytes. They come from rules, so there are few; they are never removed.
type limits struct {
	known atomic.Pointer[limitSet]
	mu    sync.Mutex // held by writers
}

// limitSet is never changed once published.
type limitSet struct {
	list   []limit
	source []limitKey // of the same index as list
	index  map[limitKey]uint16
}

// of returns the limit of a sliding window as it is known, or an error if it is
// out of bounds.
func (t *limits) of(l gatehouse.Limit) (limit, error) { return t.find(limitKey{Limit: l}) }

func (t *limits) find(l limitKey) (limit, error) {
	set := t.known.Load()
	if len(set.source) <= 8 { // a scan is faster than a map here
		for i := range set.source {
			if set.source[i] == l {
				return set.list[i], nil
			}
		}
	} else if i, ok := set.index[l]; ok {
		return set.list[i], nil
	}
	return t.add(l)
}

func (t *limits) add(l limitKey) (limit, error) {
	if l.Threshold < 1 || l.Threshold > maxThreshold {
		return limit{}, fmt.Errorf("memory: threshold %d is not within 1 to %d", l.Threshold, maxThreshold)
	}
	if l.Window < time.Millisecond || l.Window > maxWindow {
		return limit{}, fmt.Errorf("memory: window %v is not within 1ms to %v", l.Window, maxWindow)
	}
	if l.algorithm > gatehouse.GCRA {
		return limit{}, fmt.Errorf("memory: there is no algorithm %d", l.algorithm)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	set := t.known.Load()
	if i, ok := set.index[l]; ok {
		return set.list[i], nil
	}
	n := len(set.list)
	if n == maxLimits {
		return limit{}, fmt.Errorf("memory: more than %d different limits: %w", maxLimits, gatehouse.ErrBusy)
	}
	window := (l.Window + time.Millisecond - 1) / time.Millisecond
	added := limit{threshold: uint32(l.Threshold), window: uint32(window), number: uint16(n), gcra: l.algorithm == gatehouse.GCRA}
	next := &limitSet{
		// The readers of the old set do not look beyond its length.
		list:   append(set.list, added),
		source: append(set.source, l),
		index:  maps.Clone(set.index),
	}
	next.index[l] = uint16(n)
	t.known.Store(next)
	return added, nil
}

func newLimits() *limits {
	t := new(limits)
	t.known.Store(&limitSet{index: map[limitKey]uint16{}})
	return t
}
