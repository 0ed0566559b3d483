package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// clock is what time it is for the login server. Nodes that share a store take
// its server's time for theirs, so that a window and a block end at one instant on
// all of them, however wrong the clock of one machine is. Between two readings
// the time goes on by this machine's monotonic clock, which does not step.
//
// It is safe for concurrent use.
type clock struct {
	own    func() time.Time
	ask    func(ctx context.Context) (time.Time, error) // nil: there is but the own clock
	logger *slog.Logger

	last atomic.Pointer[reading] // nil: none yet
}

// reading is what time it was at the store, at an instant of this process.
type reading struct {
	shared time.Time
	at     time.Time // with a monotonic reading
}

const (
	readClock   = 10 * time.Second       // how often the store is asked
	clockTrips  = 3                      // of which the quickest counts
	clockTrip   = 250 * time.Millisecond // a slower one says too little
	clockStrays = time.Second            // by so much may clocks differ without a word
)

func (c *clock) now() time.Time {
	if r := c.last.Load(); r != nil {
		return r.shared.Add(time.Since(r.at))
	}
	return c.own()
}

// read asks the store what time it is. An error says that the time goes on by the
// reading before.
func (c *clock) read(ctx context.Context) error {
	if c.ask == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, clockTrips*clockTrip)
	defer cancel()
	var best reading
	shortest := clockTrip
	var failure error = context.DeadlineExceeded
	for range clockTrips {
		asked := time.Now()
		shared, err := c.ask(ctx)
		trip := time.Since(asked)
		if err != nil {
			failure = err
		} else if trip < shortest {
			shortest, best = trip, reading{shared: shared.Add(trip / 2), at: asked.Add(trip)}
		}
	}
	if best.shared.IsZero() {
		return failure
	}
	before, known := c.now(), c.last.Load() != nil
	c.last.Store(&best)
	off := before.Sub(c.now())
	switch {
	case off.Abs() <= clockStrays:
	case known:
		c.logger.Warn("the clock of the shared store has stepped, and windows and blocks with it", "by", (-off).Round(time.Millisecond).String())
	default:
		c.logger.Warn("this machine's clock differs from that of the shared store, which is used", "by", off.Round(time.Millisecond).String())
	}
	return nil
}

// keep reads the clock every so often until ctx ends.
func (c *clock) keep(ctx context.Context) error {
	if c.ask == nil {
		return nil
	}
	every(ctx, readClock, nil, func(bool) {
		if err := c.read(ctx); err != nil && ctx.Err() == nil {
			c.logger.Debug("could not read the clock of the shared store", "error", err)
		}
	})
	return nil
}
