package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"pgregory.net/rapid"
)

// counterModel is one counter as the contract describes it: a list of times and
// a list of held places.
type counterModel struct {
	key   gatehouse.Key
	limit gatehouse.Limit
	times []time.Time
	held  []heldModel
}

type heldModel struct {
	r       gatehouse.Reservation
	expires time.Time
	settled bool
}

// now is the time that counts for an operation at the given one.
func (m *counterModel) now(at time.Time) time.Time {
	if n := len(m.times); n > 0 && at.Before(m.times[n-1]) {
		return m.times[n-1]
	}
	return at
}

func (m *counterModel) expire(now time.Time) {
	var kept []time.Time
	for _, t := range m.times {
		if now.Before(t.Add(m.limit.Window)) {
			kept = append(kept, t)
		}
	}
	m.times = kept
}

func (m *counterModel) tally(at time.Time) gatehouse.Tally {
	now := m.now(at)
	m.expire(now)
	t := gatehouse.Tally{Count: len(m.times)}
	if t.Count >= m.limit.Threshold {
		t.RetryAfter = m.times[0].Add(m.limit.Window).Sub(now)
	}
	return t
}

func (m *counterModel) hit(at time.Time) gatehouse.Tally {
	now := m.now(at)
	m.expire(now)
	over := len(m.times) >= m.limit.Threshold
	if !over {
		m.times = append(m.times, now)
	}
	t := m.tally(now)
	t.Over = over
	return t
}

func (m *counterModel) active(at time.Time) int {
	n := 0
	for _, h := range m.held {
		if !h.settled && at.Before(h.expires) {
			n++
		}
	}
	return n
}

func newModels() []*counterModel {
	var all []*counterModel
	for _, l := range []gatehouse.Limit{
		limitOf(1, time.Minute), limitOf(2, 2*time.Minute), limitOf(5, time.Minute),
		limitOf(5, time.Minute), limitOf(12, 3*time.Minute), limitOf(50, time.Hour),
	} {
		all = append(all, &counterModel{key: newKey(), limit: l})
	}
	return all
}

// longestWindow is longer than any window of newModels.
const longestWindow = 2 * time.Hour

// steps draws how far the clock goes on: mostly little, and often to just
// before or after something leaves a window.
func steps(windows ...time.Duration) *rapid.Generator[time.Duration] {
	all := []time.Duration{0, 0, 0, time.Millisecond, 2 * time.Millisecond, time.Second, 7 * time.Second}
	for _, w := range windows {
		all = append(all, w/2, w-time.Millisecond, w, w+time.Millisecond)
	}
	return rapid.SampledFrom(all)
}

func matchesModel(t *testing.T, w gatehouse.Windows) {
	step := steps(time.Minute, 2*time.Minute)
	back := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, time.Millisecond, time.Second, 9 * time.Second})
	clock := epoch
	rapid.Check(t, func(rt *rapid.T) {
		models := newModels()
		clock = clock.Add(longestWindow) // what earlier checks have left is over
		for range rapid.IntRange(1, 120).Draw(rt, "operations") {
			clock = clock.Add(step.Draw(rt, "step"))
			at := clock.Add(-back.Draw(rt, "back"))
			if rapid.IntRange(0, 30).Draw(rt, "forget") == 0 {
				m := rapid.SampledFrom(models).Draw(rt, "forgotten")
				if err := w.Forget(context.Background(), m.key); err != nil {
					rt.Fatal(err)
				}
				m.times = nil
				continue
			}
			hits := make([]gatehouse.Hit, rapid.IntRange(1, 10).Draw(rt, "hits"))
			want := make([]gatehouse.Tally, len(hits))
			for i := range hits {
				m := rapid.SampledFrom(models).Draw(rt, "counter")
				hits[i] = gatehouse.Hit{Key: m.key, Limit: m.limit}
				want[i] = m.hit(at)
			}
			if err := w.Hit(context.Background(), at, hits); err != nil {
				rt.Fatal(err)
			}
			for i := range hits {
				if hits[i].Tally != want[i] {
					rt.Fatalf("hit %d of %d on %+v: got %+v, want %+v", i+1, len(hits), hits[i].Limit, hits[i].Tally, want[i])
				}
			}
		}
	})
}

func reservationsMatchModel(t *testing.T, w gatehouse.Windows) {
	step := steps(gatehouse.ReservationTTL, time.Minute)
	outcomes := rapid.SampledFrom([]gatehouse.Outcome{gatehouse.Failed, gatehouse.Failed, gatehouse.Succeeded, gatehouse.Abandoned})
	ctx := context.Background()
	clock := epoch
	rapid.Check(t, func(rt *rapid.T) {
		clock = clock.Add(longestWindow)
		m := rapid.SampledFrom(newModels()).Draw(rt, "counter")
		reserve := func(rt *rapid.T) {
			want := m.tally(clock)
			r, got, err := w.Reserve(ctx, clock, m.key, m.limit, 0)
			switch {
			case want.Count >= m.limit.Threshold:
				want.Over = true
				if err != nil || got != want || r != (gatehouse.Reservation{}) {
					rt.Fatalf("Reserve in a full window: %+v, %+v, %v; want %+v", r, got, err, want)
				}
			case want.Count+m.active(clock) >= m.limit.Threshold:
				if !isBusy(err) || r.ID != 0 {
					rt.Fatalf("Reserve without a free place: %+v, %+v, %v", r, got, err)
				}
			default:
				if err != nil || got != want || r.ID == 0 || r.Key != m.key || r.Limit != m.limit {
					rt.Fatalf("Reserve: %+v, %+v, %v; want %+v", r, got, err, want)
				}
				m.held = append(m.held, heldModel{r: r, expires: clock.Add(gatehouse.ReservationTTL)})
			}
		}
		settle := func(rt *rapid.T) {
			if len(m.held) == 0 {
				return
			}
			h := &m.held[rapid.IntRange(0, len(m.held)-1).Draw(rt, "place")]
			if clock.Sub(h.expires) > 5*time.Minute {
				return // nobody settles that late
			}
			outcome := outcomes.Draw(rt, "outcome")
			want := m.tally(clock)
			switch {
			case h.settled:
			case outcome == gatehouse.Failed:
				want = m.hit(clock)
			case outcome == gatehouse.Succeeded:
				m.times, want = nil, gatehouse.Tally{}
			}
			h.settled = true
			if got, err := w.Settle(ctx, clock, h.r, outcome); err != nil || got != want {
				rt.Fatalf("Settle(%v): %+v, %v; want %+v", outcome, got, err, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": reserve,
			"more":    reserve,
			"settle":  settle,
			"hit": func(rt *rapid.T) {
				hits := []gatehouse.Hit{{Key: m.key, Limit: m.limit}}
				if err := w.Hit(ctx, clock, hits); err != nil || hits[0].Tally != m.hit(clock) {
					rt.Fatalf("Hit: %+v, %v", hits[0].Tally, err)
				}
			},
			"time": func(rt *rapid.T) { clock = clock.Add(step.Draw(rt, "step")) },
			"forget": func(rt *rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "sure") == 0 {
					if err := w.Forget(ctx, m.key); err != nil {
						rt.Fatal(err)
					}
					m.times = nil
				}
			},
		})
		for _, h := range m.held { // leave nothing behind
			if _, err := w.Settle(ctx, clock, h.r, gatehouse.Abandoned); err != nil {
				rt.Fatal(err)
			}
		}
	})
}
