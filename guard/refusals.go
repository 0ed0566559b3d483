package guard

import (
	"net/netip"
	"sync"
	"time"
)

// What a flood of refused requests may write: each refusal up to this many a
// minute from one address, and beyond that one record each time the number has
// doubled, so that a flood cannot fill the disk.
const (
	refusalsRecorded   = 1000
	refusalsPer        = time.Minute
	refusalsRemembered = 10_000 // addresses
)

type refusals struct {
	mu    sync.Mutex
	since map[netip.Addr]*refusalCount
}

type refusalCount struct {
	start time.Time
	count int // since start
	told  int // by records
}

// count counts a refusal and returns how many a record of it stands for; zero
// means that none is to be written.
func (r *refusals) count(ip netip.Addr, at time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.since[ip]
	if c == nil || at.Sub(c.start) >= refusalsPer {
		if c == nil {
			if r.since == nil || len(r.since) >= refusalsRemembered {
				r.since = make(map[netip.Addr]*refusalCount)
			}
			c = new(refusalCount)
			r.since[ip] = c
		}
		*c = refusalCount{start: at, count: c.count - c.told}
	}
	c.count++
	if c.count > refusalsRecorded && c.count < 2*c.told {
		return 0
	}
	stands := c.count - c.told
	c.told = c.count
	return stands
}
