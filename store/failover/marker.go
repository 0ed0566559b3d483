package failover

import (
	"context"
	"crypto/rand"
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
	// Of whoever has the turn.
	key    gatehouse.Key
	placed time.Time // zero: not yet
	lost   bool      // the answer to the last check is unknown: it may have put the marker back
}

var markerLimit = gatehouse.Limit{Threshold: 1, Window: maxWindow}

func newMarker(primary gatehouse.Windows, c *clock, timeout time.Duration) *marker {
	m := &marker{primary: primary, clock: c, timeout: timeout, turn: make(chan struct{}, 1)}
	m.turn <- struct{}{}
	return m
}

// check reports whether the primary still has what it was told before, and puts
// the marker back if not. One check runs at a time, or one would take the marker
// that another has just put back for the old one. When it reports false or an
// error the clock has taken note of the doubt before anybody else's turn.
func (m *marker) check(ctx context.Context) (kept bool, err error) {
	select {
	case <-m.turn:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { m.turn <- struct{}{} }()
	// Not to be broken off by a caller who hangs up: the answer would be lost.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.timeout)
	defer cancel()

	at, seen := m.clock.now()
	if m.placed.IsZero() || m.lost {
		rand.Read(m.key[:]) // never fails (crypto/rand)
	}
	hits := []gatehouse.Hit{{Key: m.key, Limit: markerLimit}}
	next := m.key
	if renew := !m.placed.IsZero() && at.Sub(m.placed) > maxWindow/2; renew {
		rand.Read(next[:])
		hits = append(hits, gatehouse.Hit{Key: next, Limit: markerLimit})
	}
	if err = m.primary.Hit(ctx, at, hits); err != nil {
		m.lost = true
		m.clock.doubt(at)
		return false, err
	}
	kept = hits[0].Tally.Over
	if !kept && seen { // nothing is lost with a marker that was never needed
		m.clock.doubt(at)
	}
	if !kept || next != m.key {
		m.key, m.placed = next, at
	}
	m.lost = false
	return kept, nil
}
