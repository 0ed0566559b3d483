package failover

import (
	"context"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// few is how many hits a call may have without an allocation.
const few = 8

// scratch is what a call needs beside its own hits: the port takes slices, and
// those of the stack would escape through it.
var scratch = sync.Pool{New: func() any { return new([few]gatehouse.Hit) }}

// borrow returns a copy of hits, and the way to give it back.
func borrow(hits []gatehouse.Hit) (own []gatehouse.Hit, from *[few]gatehouse.Hit) {
	if len(hits) > few {
		return append([]gatehouse.Hit(nil), hits...), nil
	}
	from = scratch.Get().(*[few]gatehouse.Hit)
	return from[:copy(from[:], hits)], from
}

func giveBack(from *[few]gatehouse.Hit) {
	if from != nil {
		scratch.Put(from)
	}
}

// Hit implements gatehouse.Windows.
func (w *Windows) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	w.clock.see(at)
	if !w.breaker.Allow() {
		return w.hitDegraded(ctx, at, hits)
	}
	down, err := w.judge(ctx, w.primary.Hit(ctx, at, hits))
	if down {
		return w.hitDegraded(ctx, at, hits)
	}
	if err != nil {
		return err
	}
	return w.hitMirror(ctx, at, hits)
}

// hitMirror notes what the primary has counted, and in probation asks for room.
func (w *Windows) hitMirror(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	own, from := borrow(hits)
	defer giveBack(from)
	n := 0
	for i := range hits {
		if !hits[i].Tally.Over {
			own[n] = hits[i]
			n++
		}
	}
	own = own[:n]
	if n == 0 {
		return nil
	}
	err := w.local.Hit(ctx, at, own)
	n = 0
	for i := range hits {
		h := &hits[i]
		if h.Tally.Over {
			continue
		}
		switch m := &own[n]; {
		case err != nil:
			if !w.clock.trusted(at, h.Limit.Window) {
				return err
			}
		case !m.Tally.Over:
			if !w.clock.trusted(at, h.Limit.Window) {
				h.Tally = fuller(h.Tally, m.Tally)
			}
		case !w.intact(ctx, at, h.Limit):
			h.Tally = m.Tally
		case m.Tally.RetryAfter <= jitter && w.noteLater(ctx, at.Add(m.Tally.RetryAfter), h):
		default:
			w.align(ctx, at, h.Key, h.Limit, h.Tally.Count)
		}
		n++
	}
	return nil
}

// fuller returns the tally of the counter that has less room, of two that both
// had some.
func fuller(a, b gatehouse.Tally) gatehouse.Tally {
	if b.Count > a.Count {
		a, b = b, a
	}
	a.RetryAfter = max(a.RetryAfter, b.RetryAfter)
	return a
}

// jitter is by how much the mirror may see a guess later than the primary did:
// calls overtake each other on the way. So near the end of a window the primary
// may have room a little sooner. The mirror then notes the guess for the moment
// at which it has room itself, which is no less strict.
const jitter = time.Second

// intact is asked when the primary had room and the mirror had none. It reports
// whether the primary still has all that this node let through; then another
// node has cleared the counter, or the clocks of the two differ a little.
func (w *Windows) intact(ctx context.Context, at time.Time, l gatehouse.Limit) bool {
	if !w.clock.trusted(at, l.Window) {
		return false
	}
	kept, err := w.marker.check(ctx)
	w.judge(ctx, err)
	return kept && w.clock.trusted(at, l.Window)
}

// noteLater notes a hit that the primary has counted in the mirror, for the
// moment at which it has room, and reports whether it had. What leaves the
// mirror's window by then and is still in the primary's is noted again.
func (w *Windows) noteLater(ctx context.Context, at time.Time, h *gatehouse.Hit) bool {
	hits := []gatehouse.Hit{{Key: h.Key, Limit: h.Limit}}
	if err := w.local.Hit(ctx, at, hits); err != nil || hits[0].Tally.Over {
		return false
	}
	w.note(ctx, at, h.Key, h.Limit, h.Tally.Count-hits[0].Tally.Count)
	return true
}

// align brings the mirror to what the primary counts, which was count a moment
// ago.
func (w *Windows) align(ctx context.Context, at time.Time, key gatehouse.Key, l gatehouse.Limit, count int) {
	if w.local.Forget(ctx, key) != nil {
		return
	}
	w.note(ctx, at, key, l, count)
	// What others have noted since, the primary had counted before: it is in
	// this tally.
	t, err := w.primary.Settle(ctx, at, unheld(gatehouse.Reservation{Key: key, Limit: l}), gatehouse.Abandoned)
	if err != nil {
		w.judge(ctx, err)
		t.Count = l.Threshold
	}
	w.note(ctx, at, key, l, t.Count-count)
}

// note counts n occurrences in the mirror as far as it has room.
func (w *Windows) note(ctx context.Context, at time.Time, key gatehouse.Key, l gatehouse.Limit, n int) {
	if n <= 0 {
		return
	}
	hits := make([]gatehouse.Hit, n)
	for i := range hits {
		hits[i] = gatehouse.Hit{Key: key, Limit: l}
	}
	_ = w.local.Hit(ctx, at, hits) // best effort: its room is its own
}

// hitDegraded counts without the primary. A tally is the mirror's, or that of
// the stricter counter where this refuses; there is room again when both have.
func (w *Windows) hitDegraded(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	w.clock.doubt(at) // before anything is counted
	strict, fromStrict := borrow(hits)
	defer giveBack(fromStrict)
	for i := range strict {
		strict[i].Key, strict[i].Limit = w.strict(hits[i].Key, hits[i].Limit)
	}
	if err := w.local.Hit(ctx, at, strict); err != nil {
		return err
	}
	mirror, fromMirror := borrow(hits)
	defer giveBack(fromMirror)
	n := 0
	for i := range hits {
		if !strict[i].Tally.Over {
			mirror[n] = hits[i]
			n++
		}
	}
	mirror = mirror[:n]
	if n > 0 {
		if err := w.local.Hit(ctx, at, mirror); err != nil {
			return err
		}
	}
	n = 0
	for i := range hits {
		if strict[i].Tally.Over {
			hits[i].Tally = strict[i].Tally
			continue
		}
		hits[i].Tally = mirror[n].Tally // one counter's, so that no two at once are both number three
		hits[i].Tally.RetryAfter = max(hits[i].Tally.RetryAfter, strict[i].Tally.RetryAfter)
		n++
	}
	return nil
}
