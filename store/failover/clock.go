package failover

import (
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// clock remembers, in the callers' time, until when the primary may lack what
// this node counted.
type clock struct {
	start   func() time.Time
	latest  atomic.Int64 // ms: the latest time seen; zero: none
	suspect atomic.Int64 // ms: of the latest doubt; zero: none
}

// now returns the latest time seen, and whether there was one.
func (c *clock) now() (at time.Time, seen bool) {
	if ms := c.latest.Load(); ms != 0 {
		return time.UnixMilli(ms), true
	}
	return c.start(), false
}

func (c *clock) see(at time.Time) { raise(&c.latest, at.UnixMilli()) }

func raise(to *atomic.Int64, ms int64) {
	for {
		old := to.Load()
		// A clock that was wrong by more than any window is believed no more.
		if old >= ms && old-ms <= maxWindow.Milliseconds() && old != 0 || to.CompareAndSwap(old, ms) {
			return
		}
	}
}

// doubt begins a probation: what was counted until now may not be in the
// primary.
func (c *clock) doubt(at time.Time) { raise(&c.suspect, max(at.UnixMilli(), 1)) }

// trusted reports whether the primary was told of all that this node let
// through in the window before at. An attempt of which it was not told, or whose
// place it lost, may still have been in flight for ReservationTTL after the
// doubt.
func (c *clock) trusted(at time.Time, window time.Duration) bool {
	since := c.suspect.Load()
	if since == 0 {
		return true
	}
	passed := at.UnixMilli() - since
	return passed > (window+gatehouse.ReservationTTL).Milliseconds() || passed < -maxWindow.Milliseconds()
}
