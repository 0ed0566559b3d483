package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Settle implements gatehouse.Windows. It is not broken off when ctx ends:
// whoever hangs up has still had the guess. What the primary cannot be told is
// counted locally, which is no error. A failure whose reservation was forgotten,
// ten minutes after it was made or when there were too many, counts like any
// occurrence.
func (w *Windows) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	if r.ID == 0 {
		return gatehouse.Tally{}, nil
	}
	if outcome < gatehouse.Failed || outcome > gatehouse.Abandoned {
		return gatehouse.Tally{}, fmt.Errorf("failover: unknown outcome %d", outcome)
	}
	ctx = context.WithoutCancel(ctx)
	w.clock.see(at)
	p, known, open := w.held.take(r.ID)
	if !known && (!open || outcome == gatehouse.Abandoned) {
		outcome = gatehouse.Abandoned // settled already: only the tally is wanted
		p.primary = unheld(r)
	}
	// The mirror comes first, so that the primary never has room for somebody
	// for whom the mirror has none yet.
	mirror, localErr := w.settleLocal(ctx, at, r, p, outcome)
	t, told, err := w.settlePrimary(ctx, at, r, p, outcome)
	if told {
		return t, err
	}
	return mirror, localErr
}

// unheld is a reservation that no store knows: to settle it is to read the
// tally.
func unheld(r gatehouse.Reservation) gatehouse.Reservation {
	r.ID = nobody
	return r
}

const nobody = 1<<64 - 1

// settleLocal settles the places in the local store.
func (w *Windows) settleLocal(ctx context.Context, at time.Time, r gatehouse.Reservation, p places, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	_, strictErr := w.local.Settle(ctx, at, p.strict, outcome)
	if strictErr == nil && outcome == gatehouse.Succeeded && !w.clock.trusted(at, r.Limit.Window) {
		key, _ := w.strict(r.Key, r.Limit) // an earlier outage may have left something there
		strictErr = w.local.Forget(ctx, key)
	}
	if p.mirror.ID != 0 {
		t, err := w.local.Settle(ctx, at, p.mirror, outcome)
		return t, errors.Join(err, strictErr)
	}
	switch outcome {
	case gatehouse.Failed:
		hits := []gatehouse.Hit{{Key: r.Key, Limit: r.Limit}}
		err := w.local.Hit(ctx, at, hits)
		return hits[0].Tally, errors.Join(err, strictErr)
	case gatehouse.Succeeded:
		return gatehouse.Tally{}, errors.Join(w.local.Forget(ctx, r.Key), strictErr)
	}
	t, err := w.local.Settle(ctx, at, unheld(r), outcome)
	return t, errors.Join(err, strictErr)
}

// settlePrimary tells the primary, and reports whether it could be told.
func (w *Windows) settlePrimary(ctx context.Context, at time.Time, r gatehouse.Reservation, p places, outcome gatehouse.Outcome) (t gatehouse.Tally, ok bool, err error) {
	if !w.breaker.Allow() {
		w.missed(at, outcome)
		return t, false, nil
	}
	switch {
	case p.primary.ID != 0:
		t, err = w.primary.Settle(ctx, at, p.primary, outcome)
	case outcome == gatehouse.Failed:
		hits := []gatehouse.Hit{{Key: r.Key, Limit: r.Limit}}
		err = w.primary.Hit(ctx, at, hits)
		t = hits[0].Tally
	case outcome == gatehouse.Succeeded:
		err = w.primary.Forget(ctx, r.Key)
	default:
		return t, false, nil
	}
	down, err := w.judge(ctx, err)
	if err != nil {
		w.missed(at, outcome)
	}
	return t, !down, err
}

// missed is called when the primary may not have counted a failure.
func (w *Windows) missed(at time.Time, outcome gatehouse.Outcome) {
	if outcome == gatehouse.Failed {
		w.clock.doubt(at)
	}
}

// Forget implements gatehouse.Windows.
func (w *Windows) Forget(ctx context.Context, keys ...gatehouse.Key) error {
	all := make([]gatehouse.Key, 0, 2*len(keys))
	for _, k := range keys {
		strict, _ := w.strict(k, gatehouse.Limit{})
		all = append(all, k, strict)
	}
	if err := w.local.Forget(ctx, all...); err != nil {
		return err
	}
	if !w.breaker.Allow() {
		return nil
	}
	if down, err := w.judge(ctx, w.primary.Forget(ctx, keys...)); !down {
		return err
	}
	return nil
}
