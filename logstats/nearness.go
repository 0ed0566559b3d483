package logstats

import (
	"sync/atomic"
	"time"
)

// Tenths is the bin of a counter that has reached its threshold; see Nearness.
const Tenths = 10

// Nearness gathers how near the counters of rules come to their thresholds: each
// count falls into a bin, from 0 to Tenths, of how many tenths of the threshold it
// is, rounded down. So ordinary traffic can be seen against the threshold, and a
// threshold be chosen that it does not reach. It is safe for concurrent use.
type Nearness struct {
	bins map[string]*[Tenths + 1]atomic.Int64 // never changed
}

// NewNearness returns a Nearness for rules of these names. Others are passed over,
// so that it stays as small as it is.
func NewNearness(rules ...string) *Nearness {
	n := &Nearness{bins: make(map[string]*[Tenths + 1]atomic.Int64, len(rules))}
	for _, rule := range rules {
		n.bins[rule] = new([Tenths + 1]atomic.Int64)
	}
	return n
}

// Count takes in that a counter of a rule holds so many of the threshold at which
// the rule fires. It is what guard.Options.OnCount asks for: it neither allocates
// nor waits.
func (n *Nearness) Count(rule string, count, threshold int) {
	bins := n.bins[rule]
	if bins == nil || threshold < 1 || count < 0 {
		return
	}
	bin := Tenths
	if count < threshold {
		bin = int(int64(count) * Tenths / int64(threshold))
	}
	bins[bin].Add(1)
}

// Drain returns what was taken in since the last time, as counts of the slot that
// at is in, named by OfNear, and begins anew. What is counted meanwhile is in this
// answer or in the next one.
func (n *Nearness) Drain(at time.Time) []Count {
	var counts []Count
	for rule, bins := range n.bins {
		for bin := range bins {
			if held := bins[bin].Swap(0); held > 0 {
				counts = append(counts, Count{Slot: at, Name: OfNear(rule, bin), N: int(held)})
			}
		}
	}
	return Sum(counts)
}
