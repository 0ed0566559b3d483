package failover

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Settle implements gatehouse.Windows. What the primary cannot be told is
// counted locally, which is no error. A failure that is no longer known counts
// like any occurrence, at most ten minutes after it was reserved.
func (w *Windows) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	if r.ID == 0 {
		return gatehouse.Tally{}, nil
	}
	if outcome < gatehouse.Failed || outcome > gatehouse.Abandoned {
		return gatehouse.Tally{}, fmt.Errorf("failover: unknown outcome %d", outcome)
	}
	w.clock.see(at)
	p, known := w.held.take(r.ID)
	if !known {
		outcome = gatehouse.Abandoned // settled already: only the tally is wanted
		p.primary = gatehouse.Reservation{Key: r.Key, Limit: r.Limit, ID: nobody}
	}
	// The mirror comes first, so that the primary never has room for somebody
	// for whom the mirror has none yet.
	mirror, err := w.settleLocal(ctx, at, r, p, outcome)
	if err != nil {
		return mirror, err
	}
	t, ok, err := w.settlePrimary(ctx, at, r, p, outcome)
	if ok || err != nil {
		return t, err
	}
	if outcome == gatehouse.Succeeded {
		// The primary, which has not heard of it, keeps the failures before.
		return gatehouse.Tally{}, nil
	}
	return mirror, nil
}

// settleLocal settles the places in the local store.
func (w *Windows) settleLocal(ctx context.Context, at time.Time, r gatehouse.Reservation, p places, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	if p.strict.ID != 0 {
		if _, err := w.local.Settle(ctx, at, p.strict, outcome); err != nil {
			return gatehouse.Tally{}, err
		}
	}
	if p.mirror.ID == 0 && outcome == gatehouse.Failed {
		hits := []gatehouse.Hit{{Key: r.Key, Limit: r.Limit}}
		err := w.local.Hit(ctx, at, hits)
		return hits[0].Tally, err
	}
	if p.mirror.ID == 0 {
		p.mirror = gatehouse.Reservation{Key: r.Key, Limit: r.Limit, ID: nobody}
	}
	return w.local.Settle(ctx, at, p.mirror, outcome)
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
	if w.down(ctx, err) {
		w.missed(at, outcome)
		return t, false, nil
	}
	if err != nil || t.Over {
		w.missed(at, outcome)
	}
	return t, true, err
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
	if err := w.primary.Forget(ctx, keys...); !w.down(ctx, err) {
		return err
	}
	return nil
}
