package failover

import (
	"context"
	"errors"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/breaker"
)

// Options says when the primary is given up, and who hears of it. The zero
// value is ready to use.
type Options struct {
	// Failures in a row after which the primary is no longer asked. Zero
	// means 3.
	Failures int
	// Strictness divides the threshold while the primary cannot answer. Zero
	// means 2; 1 means the full threshold on each node. No limit becomes less
	// than 1.
	Strictness int
	// Probe asks the primary whether it works, every 250 ms or so; two
	// successes in a row end an outage. Besides, one occurrence is counted in
	// the primary each time, which tells whether it can be written to and
	// still has its data; so it may be nil.
	Probe func(context.Context) error
	// Timeout bounds one probe, and the first of NewWindows. Zero means
	// 250 ms.
	Timeout time.Duration
	// OnState, if not nil, is told each time that degraded mode begins or
	// ends: in order, one at a time, from a goroutine of its own, and never
	// holding up a call. If it is slow it misses the oldest changes beyond 16.
	// It must not call Close.
	OnState func(State)
	// Now tells what time it is for the counters as long as no call has told.
	// Zero means time.Now.
	Now func() time.Time
	// MaxReservations bounds how many attempts in flight are remembered. Zero
	// means 65,536. Beyond that Reserve returns gatehouse.ErrBusy.
	MaxReservations int
}

// State tells whether the primary is in charge.
type State struct {
	Degraded bool
	Since    time.Time // by the wall clock
	Err      error     // why it is degraded, or nil
}

// Windows counts in a primary store while it answers and in a local one
// otherwise, as the package comment says. It is safe for concurrent use.
//
// An error of the primary that wraps gatehouse.ErrUnavailable, or that is a
// deadline of the driver's own, is an outage. Every other error, and the end of
// the caller's context, is the caller's.
type Windows struct {
	primary, local gatehouse.Windows
	strictness     int
	breaker        *breaker.Breaker
	marker         *marker
	clock          clock
	held           *held
}

var _ gatehouse.Windows = (*Windows)(nil)

// NewWindows counts in primary, and in local when that fails; nothing else may
// use local. It asks primary once, for Options.Timeout at most, and starts a
// goroutine that Close ends.
func NewWindows(primary, local gatehouse.Windows, o Options) *Windows {
	w := &Windows{primary: primary, local: local, strictness: o.Strictness, held: newHeld(o.MaxReservations)}
	if w.strictness < 1 {
		w.strictness = 2
	}
	if o.Timeout <= 0 {
		o.Timeout = 250 * time.Millisecond
	}
	if w.clock.start = o.Now; o.Now == nil {
		w.clock.start = time.Now
	}
	w.marker = newMarker(primary, &w.clock, o.Timeout)
	probe := func(ctx context.Context) error {
		if o.Probe != nil {
			if err := o.Probe(ctx); err != nil {
				return err
			}
		}
		_, err := w.marker.check(ctx)
		return err
	}
	bo := breaker.Options{Failures: o.Failures, Probe: probe, Timeout: o.Timeout}
	if o.OnState != nil {
		bo.OnState = func(s breaker.State) { o.OnState(state(s)) }
	}
	_, err := w.marker.check(context.Background())
	w.breaker = breaker.New(bo)
	if err != nil {
		w.breaker.Failure(err)
	}
	return w
}

// State returns the state at this moment.
func (w *Windows) State() State { return state(w.breaker.State()) }

func state(s breaker.State) State { return State{Degraded: s.Open, Since: s.Since, Err: s.Err} }

// Close ends the probe and waits for it, for Options.Timeout at most. It leaves
// both stores open.
func (w *Windows) Close() { w.breaker.Close() }

// judge tells the breaker how a call of the primary ended. It reports whether
// the primary was down; otherwise the error is for the caller, whose context is
// ctx.
func (w *Windows) judge(ctx context.Context, err error) (down bool, _ error) {
	switch {
	case err == nil, errors.Is(err, gatehouse.ErrBusy):
		w.breaker.Success()
	case ctx.Err() != nil:
		return false, ctx.Err() // which may be why it failed
	case errors.Is(err, gatehouse.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		w.breaker.Failure(err)
		return true, err
	}
	return false, err
}

// The bounds of a gatehouse.Limit.
const (
	maxThreshold = 10_000
	maxWindow    = 7 * 24 * time.Hour
)

// strict returns the key and the limit that count only while degraded.
func (w *Windows) strict(key gatehouse.Key, l gatehouse.Limit) (gatehouse.Key, gatehouse.Limit) {
	for i := range key {
		key[i] ^= 0xa5 // the bits of a keyed hash are as good as random: still unique
	}
	if l.Threshold > 1 && l.Threshold <= maxThreshold { // others are for the store to refuse
		l.Threshold = max(1, l.Threshold/w.strictness)
	}
	return key, l
}
