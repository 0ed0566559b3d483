package failover_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
	"pgregory.net/rapid"
)

// inBubble checks a property where time passes by itself. It hides that t is a
// *testing.T, whose deadline may not be asked for there.
func inBubble(t *testing.T, property func(rt *rapid.T)) {
	synctest.Test(t, func(t *testing.T) { rapid.Check(struct{ testing.TB }{t}, property) })
}

// attempt is a place that a node has given, or what became of it.
type attempt struct {
	node int
	key  int
	at   time.Time
	r    gatehouse.Reservation
}

// world is several nodes, the store that they share, and what they let through.
type world struct {
	shared   *shared
	nodes    []*failover.Windows
	limit    gatehouse.Limit
	clock    time.Time
	shown    atomic.Int64 // the clock as the probes see it
	inFlight []attempt
	guesses  []attempt
	always   bool // the shared store was always up and lost nothing
}

func newWorld(rt *rapid.T) *world {
	w := &world{shared: newShared(), clock: start, always: true}
	w.limit = gatehouse.Limit{
		Threshold: rapid.IntRange(1, 6).Draw(rt, "threshold"),
		Window:    rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, 5 * time.Minute}).Draw(rt, "window"),
	}
	o := failover.Options{Now: w.now, Failures: rapid.IntRange(1, 4).Draw(rt, "failures"), Strictness: rapid.IntRange(0, 2).Draw(rt, "strictness")}
	for range rapid.IntRange(1, 3).Draw(rt, "nodes") {
		w.nodes = append(w.nodes, newNode(rt, w.shared, o))
	}
	return w
}

func (w *world) now() time.Time { return start.Add(time.Duration(w.shown.Load())) }

func (w *world) node(rt *rapid.T) (int, *failover.Windows) {
	i := rapid.IntRange(0, len(w.nodes)-1).Draw(rt, "node")
	return i, w.nodes[i]
}

// hit uses the first key, attempts the second: hits take the places of attempts
// in flight.
func (w *world) hit(rt *rapid.T) {
	i, n := w.node(rt)
	hits := make([]gatehouse.Hit, rapid.IntRange(1, 3).Draw(rt, "hits"))
	for j := range hits {
		hits[j] = gatehouse.Hit{Key: key(1), Limit: w.limit}
	}
	if err := n.Hit(bg, w.clock, hits); err != nil {
		rt.Fatalf("Hit: %v", err)
	}
	for _, h := range hits {
		if !h.Tally.Over {
			w.guesses = append(w.guesses, attempt{node: i, key: 1, at: w.clock})
		} else if h.Tally.RetryAfter <= 0 {
			rt.Fatalf("refused with %+v", h.Tally)
		}
	}
}

func (w *world) reserve(rt *rapid.T) {
	i, n := w.node(rt)
	r, tally, err := n.Reserve(bg, w.clock, key(2), w.limit, 0)
	switch {
	case r.ID != 0 && err == nil:
		w.inFlight = append(w.inFlight, attempt{node: i, key: 2, at: w.clock, r: r})
	case err != nil && !errors.Is(err, gatehouse.ErrBusy), err == nil && !tally.Over:
		rt.Fatalf("Reserve: %+v, %v", tally, err)
	}
}

// end settles an attempt in flight.
func (w *world) end(rt *rapid.T, i int, o gatehouse.Outcome) {
	a := w.inFlight[i]
	w.inFlight = slices.Delete(w.inFlight, i, i+1)
	if _, err := w.nodes[a.node].Settle(bg, w.clock, a.r, o); err != nil {
		rt.Fatalf("Settle: %v", err)
	}
	switch a.at = w.clock; o {
	case gatehouse.Failed:
		w.guesses = append(w.guesses, a)
	case gatehouse.Succeeded:
		w.guesses = slices.DeleteFunc(w.guesses, func(g attempt) bool { return g.key == a.key })
	}
}

func (w *world) forget(rt *rapid.T) {
	_, n := w.node(rt)
	if err := n.Forget(bg, key(1)); err != nil {
		rt.Fatalf("Forget: %v", err)
	}
	w.guesses = slices.DeleteFunc(w.guesses, func(g attempt) bool { return g.key == 1 })
}

// pass lets time go by for data and goroutines. Attempts settle before they
// expire.
func (w *world) pass(rt *rapid.T, d, real time.Duration) {
	for i := 0; i < len(w.inFlight); {
		if end := w.inFlight[i].at.Add(gatehouse.ReservationTTL); !w.clock.Add(d).Before(end) {
			w.end(rt, i, gatehouse.Failed)
		} else {
			i++
		}
	}
	w.advance(d, real)
}

// fault changes what is wrong with the shared store.
func (w *world) fault(rt *rapid.T) {
	what := rapid.SampledFrom([]string{"up", "up", "up", "down", "deaf", "emptied"}).Draw(rt, "what")
	w.shared.down.Store(what == "down")
	w.shared.deaf.Store(what == "deaf")
	if what == "emptied" {
		w.shared.empty()
	}
	w.always = w.always && what == "up"
}

func (w *world) advance(d, real time.Duration) {
	w.clock = w.clock.Add(d)
	w.shown.Store(int64(w.clock.Sub(start)))
	time.Sleep(real) // of the bubble
}

func (w *world) check(rt *rapid.T) {
	perNode := make(map[[2]int]int)
	all := make(map[int]int)
	for _, g := range w.guesses {
		if !w.clock.Before(g.at.Add(w.limit.Window)) {
			continue
		}
		perNode[[2]int{g.node, g.key}]++
		all[g.key]++
		if perNode[[2]int{g.node, g.key}] > w.limit.Threshold {
			rt.Fatalf("node %d let through more than %d within %v for key %d", g.node, w.limit.Threshold, w.limit.Window, g.key)
		}
		if w.always && all[g.key] > w.limit.Threshold {
			rt.Fatalf("all nodes let through more than %d for key %d though the shared store was up", w.limit.Threshold, g.key)
		}
	}
}

func (w *world) actions(outcomes ...gatehouse.Outcome) map[string]func(*rapid.T) {
	steps := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, w.limit.Window / 2,
		w.limit.Window - time.Millisecond, w.limit.Window, gatehouse.ReservationTTL})
	reals := rapid.SampledFrom([]time.Duration{0, 0, 300 * time.Millisecond, time.Second})
	settle := func(rt *rapid.T) {
		if len(w.inFlight) > 0 {
			w.end(rt, rapid.IntRange(0, len(w.inFlight)-1).Draw(rt, "attempt"), rapid.SampledFrom(outcomes).Draw(rt, "outcome"))
		}
	}
	return map[string]func(*rapid.T){
		"":         w.check,
		"hit":      w.hit,
		"hit2":     w.hit,
		"reserve":  w.reserve,
		"reserve2": w.reserve,
		"settle":   settle,
		"settle2":  settle,
		"time":     func(rt *rapid.T) { w.pass(rt, steps.Draw(rt, "step"), reals.Draw(rt, "real")) },
		"fault":    w.fault,
		"fault2":   w.fault,
	}
}

// Whatever becomes of the shared store and whenever, no node lets through more
// failures than the threshold within any window.
func TestNeverMoreThanTheThresholdPerNode(t *testing.T) {
	inBubble(t, func(rt *rapid.T) {
		w := newWorld(rt)
		rt.Repeat(w.actions(gatehouse.Failed, gatehouse.Failed, gatehouse.Abandoned))
	})
}

// Nor does it since the last success, or since the counter was cleared.
func TestNeverMoreThanTheThresholdSinceASuccess(t *testing.T) {
	inBubble(t, func(rt *rapid.T) {
		w := newWorld(rt)
		actions := w.actions(gatehouse.Failed, gatehouse.Failed, gatehouse.Failed, gatehouse.Succeeded)
		actions["forget"] = w.forget
		rt.Repeat(actions)
	})
}

// While the shared store is up, many nodes answer as it would by itself.
func TestAlwaysUp(t *testing.T) {
	inBubble(t, func(rt *rapid.T) {
		w := newWorld(rt)
		alone := memory.NewWindows(memory.Options{MaxBytes: 1})
		type pair struct {
			node       int
			at         time.Time
			ours, want gatehouse.Reservation
		}
		var held []pair
		outcomes := rapid.SampledFrom([]gatehouse.Outcome{gatehouse.Failed, gatehouse.Failed, gatehouse.Succeeded, gatehouse.Abandoned})
		rt.Repeat(map[string]func(*rapid.T){
			"hit": func(rt *rapid.T) {
				_, n := w.node(rt)
				got := make([]gatehouse.Hit, rapid.IntRange(1, 10).Draw(rt, "hits"))
				for i := range got {
					got[i] = gatehouse.Hit{Key: key(byte(rapid.IntRange(1, 2).Draw(rt, "key"))), Limit: w.limit}
				}
				want := slices.Clone(got)
				err := n.Hit(bg, w.clock, got)
				if wantErr := alone.Hit(bg, w.clock, want); err != nil || wantErr != nil || !slices.Equal(got, want) {
					rt.Fatalf("Hit: %+v, %v; want %+v", got, err, want)
				}
			},
			"reserve": func(rt *rapid.T) {
				i, n := w.node(rt)
				got, gotTally, err := n.Reserve(bg, w.clock, key(2), w.limit, 0)
				want, wantTally, wantErr := alone.Reserve(bg, w.clock, key(2), w.limit, 0)
				if (got.ID == 0) != (want.ID == 0) || gotTally != wantTally || errors.Is(err, gatehouse.ErrBusy) != errors.Is(wantErr, gatehouse.ErrBusy) {
					rt.Fatalf("Reserve: %+v, %+v, %v; want %+v, %+v, %v", got, gotTally, err, want, wantTally, wantErr)
				}
				if got.ID != 0 {
					held = append(held, pair{i, w.clock, got, want})
				}
			},
			"settle": func(rt *rapid.T) {
				if len(held) == 0 {
					return
				}
				p, o := rapid.SampledFrom(held).Draw(rt, "place"), outcomes.Draw(rt, "outcome")
				if w.clock.Sub(p.at) > 20*gatehouse.ReservationTTL {
					return // the one has forgotten it, the other counts it
				}
				got, err := w.nodes[p.node].Settle(bg, w.clock, p.ours, o)
				if want, wantErr := alone.Settle(bg, w.clock, p.want, o); got != want || err != nil || wantErr != nil {
					rt.Fatalf("Settle(%v): %+v, %v; want %+v", o, got, err, want)
				}
			},
			"forget": func(rt *rapid.T) {
				_, n := w.node(rt)
				if err := errors.Join(n.Forget(bg, key(1), key(2)), alone.Forget(bg, key(1), key(2))); err != nil {
					rt.Fatal(err)
				}
			},
			"time": func(rt *rapid.T) {
				step := rapid.SampledFrom([]time.Duration{0, time.Millisecond, w.limit.Window / 2, w.limit.Window, gatehouse.ReservationTTL})
				w.advance(step.Draw(rt, "step"), rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(rt, "real"))
			},
		})
	})
}
