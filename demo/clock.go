package demo

import (
	"sync"
	"time"
)

// clock is the server's. It stands still until it is moved, so that what happens
// does not depend on how fast the machine is, and it never goes back. It is safe
// for concurrent use.
type clock struct {
	mu       sync.Mutex
	at       time.Time
	released bool
}

func newClock(at time.Time) *clock { return &clock{at: at} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return time.Now()
	}
	return c.at
}

// advance moves the clock forward to an instant.
func (c *clock) advance(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.at) {
		c.at = to
	}
}

// release lets the clock show the real time from now on.
func (c *clock) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
}
