package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var errCrowded = fmt.Errorf("failover: too many attempts in flight: %w", gatehouse.ErrBusy)

// Reserve implements gatehouse.Windows. When the primary fails while a caller
// waits for its turn, the caller waits locally for what is left of wait.
func (w *Windows) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	w.clock.see(at)
	c := call{w: w, ctx: ctx, at: at, key: key, limit: limit, wait: wait, start: time.Now()}
	var p places
	var t gatehouse.Tally
	var err error
	alone := !w.breaker.Allow()
	if !alone {
		p.primary, t, err = w.primary.Reserve(ctx, at, key, limit, wait)
		alone, err = w.judge(ctx, err)
	}
	switch {
	case alone:
		p, t, err = c.degraded()
	case err == nil && p.primary.ID != 0:
		p, t, err = c.mirror(p, t)
	}
	if err != nil || p == (places{}) {
		return gatehouse.Reservation{}, t, err
	}
	at, _ = c.left()
	id := w.held.add(at, p)
	if id == 0 {
		w.abandon(ctx, at, p)
		return gatehouse.Reservation{}, gatehouse.Tally{}, errCrowded
	}
	return gatehouse.Reservation{Key: key, Limit: limit, ID: id}, t, nil
}

// call is a call of Reserve.
type call struct {
	w     *Windows
	ctx   context.Context
	at    time.Time
	key   gatehouse.Key
	limit gatehouse.Limit
	wait  time.Duration
	start time.Time
}

// left returns the caller's time by now, and what is left of the wait. For a
// caller who does not wait no time passes.
func (c *call) left() (at time.Time, wait time.Duration) {
	if c.wait <= 0 {
		return c.at, 0
	}
	passed := time.Since(c.start)
	return c.at.Add(passed), max(0, c.wait-passed)
}

// mirror takes a place in the mirror beside the one that the primary has given.
// In probation there must be one, or both are given up.
func (c *call) mirror(p places, t gatehouse.Tally) (places, gatehouse.Tally, error) {
	w := c.w
	at, wait := c.left()
	r, m, err := w.local.Reserve(c.ctx, at, c.key, c.limit, 0)
	if r.ID == 0 && c.ctx.Err() == nil && w.intact(c.ctx, at, c.limit) {
		if m.Over && m.RetryAfter <= jitter {
			later := at.Add(m.RetryAfter)
			p.mirror, m, _ = w.local.Reserve(c.ctx, later, c.key, c.limit, 0)
			w.note(c.ctx, later, c.key, c.limit, t.Count-m.Count) // see noteLater
		}
		if p.mirror.ID == 0 {
			w.align(c.ctx, at, c.key, c.limit, t.Count)
			// Without a place the attempt counts as an occurrence if it fails.
			p.mirror, _, _ = w.local.Reserve(c.ctx, at, c.key, c.limit, 0)
		}
		return p, t, nil
	}
	if r.ID == 0 && errors.Is(err, gatehouse.ErrBusy) && wait > 0 {
		r, m, err = w.local.Reserve(c.ctx, at, c.key, c.limit, wait)
	}
	if r.ID == 0 {
		w.abandon(c.ctx, at, p)
		return places{}, m, err
	}
	p.mirror = r
	if !w.clock.trusted(at, c.limit.Window) {
		t = fuller(t, m)
	}
	return p, t, nil
}

// degraded takes a place without the primary.
func (c *call) degraded() (p places, t gatehouse.Tally, err error) {
	w := c.w
	at, wait := c.left()
	w.clock.doubt(at)
	key, limit := w.strict(c.key, c.limit)
	if p.strict, t, err = w.local.Reserve(c.ctx, at, key, limit, wait); p.strict.ID == 0 {
		return places{}, t, err
	}
	at, wait = c.left()
	if p.mirror, t, err = w.local.Reserve(c.ctx, at, c.key, c.limit, wait); p.mirror.ID == 0 {
		w.abandon(c.ctx, at, p)
		return places{}, t, err
	}
	return p, t, nil
}

// abandon gives places back.
func (w *Windows) abandon(ctx context.Context, at time.Time, p places) {
	ctx = context.WithoutCancel(ctx)
	for _, r := range []gatehouse.Reservation{p.strict, p.mirror} {
		_, _ = w.local.Settle(ctx, at, r, gatehouse.Abandoned) // it expires otherwise
	}
	if p.primary.ID != 0 && w.breaker.Allow() {
		_, err := w.primary.Settle(ctx, at, p.primary, gatehouse.Abandoned)
		w.judge(ctx, err)
	}
}
