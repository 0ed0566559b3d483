package failover

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// marker is an occurrence that this node keeps in the primary. While it is
// there, the primary was not emptied since the last check.
type marker struct {
	primary gatehouse.Windows
	clock   *clock
	timeout time.Duration
	turn    chan struct{} // holds one while nobody checks
	doubts  atomic.Int64  // checks that did not find the marker
	// Of whoever has the turn.
	key    gatehouse.Key
	placed time.Time // zero: not yet
}

var markerLimit = gatehouse.Limit{Threshold: 1, Window: maxWindow}

func newMarker(primary gatehouse.Windows, c *clock, timeout time.Duration) *marker {
	m := &marker{primary: primary, clock: c, timeout: timeout, turn: make(chan struct{}, 1)}
	m.turn <- struct{}{}
	rand.Read(m.key[:]) // never fails (crypto/rand)
	return m
}

// check reports whether the primary still has what it was told before, and puts
// the marker back if not. One check runs at a time, or one would take the marker
// that another has just put back for the old one. When it reports false or an
// error the clock has taken note of the doubt before anybody else's turn.
func (m *marker) check(ctx context.Context) (kept bool, err error) {
	doubts := m.doubts.Load()
	select {
	case <-m.turn:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { m.turn <- struct{}{} }()
	if m.doubts.Load() != doubts { // the answer is known, and need not be waited for one after another
		return false, nil
	}
	// Not to be broken off by a caller who hangs up: the answer would be lost.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.timeout)
	defer cancel()

	at, _ := m.clock.now()
	next := m.key
	hits := []gatehouse.Hit{{Key: m.key, Limit: markerLimit}}
	if !m.placed.IsZero() && at.Sub(m.placed) > maxWindow/2 {
		rand.Read(next[:])
		hits = append(hits, gatehouse.Hit{Key: next, Limit: markerLimit})
	}
	err = m.primary.Hit(ctx, at, hits)
	kept = err == nil && hits[0].Tally.Over
	if !kept {
		if latest, seen := m.clock.now(); seen { // nothing is lost before the first call
			m.clock.doubt(latest)
		}
		m.doubts.Add(1)
	}
	if err == nil && (!kept || next != m.key || m.placed.IsZero()) {
		m.key, m.placed = next, at
	}
	return kept, err
}
