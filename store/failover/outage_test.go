package failover_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// never is an Options.Failures that opens no breaker.
const never = 1 << 30

// at once the stricter limit holds, on top of what was counted before.
func TestStricterWhileDown(t *testing.T) {
	for _, c := range []struct{ before, strictness, want int }{
		{0, 0, 2}, {2, 0, 2}, {4, 0, 1}, {5, 0, 0}, {0, 1, 5}, {2, 1, 3}, {0, 3, 1}, {0, 99, 1},
	} {
		s := newShared()
		w := newNode(t, s, failover.Options{Strictness: c.strictness, Failures: never})
		let(t, w, start, key(1), c.before)
		s.down.Store(true)
		if got := let(t, w, start, key(1), 9); got != c.want {
			t.Errorf("%d counted before, strictness %d: %d let through, want %d", c.before, c.strictness, got, c.want)
		}
		tally := hit(t, w, start.Add(time.Minute), key(1))
		if !tally.Over || tally.RetryAfter != 4*time.Minute {
			t.Errorf("refused with %+v", tally)
		}
	}
}

// An occurrence is counted in all of a batch, or in none where a limit is wrong.
func TestBatchWhileDown(t *testing.T) {
	s := newShared()
	w := newNode(t, s, failover.Options{Failures: never})
	s.down.Store(true)
	let(t, w, start, key(1), 2) // its stricter counter is full
	hits := make([]gatehouse.Hit, 12)
	for i := range hits {
		hits[i] = gatehouse.Hit{Key: key(byte(i + 1)), Limit: five}
	}
	if err := w.Hit(bg, start, hits); err != nil {
		t.Fatal(err)
	}
	for i, h := range hits {
		if over := i == 0; h.Tally.Over != over || !over && h.Tally.Count != 1 {
			t.Errorf("hit %d: %+v", i, h.Tally)
		}
	}
	for _, threshold := range []int{0, -1, 10_001} {
		bad := []gatehouse.Hit{{Key: key(20), Limit: five}, {Key: key(21), Limit: gatehouse.Limit{Threshold: threshold, Window: time.Minute}}}
		if err := w.Hit(bg, start, bad); err == nil {
			t.Errorf("a threshold of %d is accepted", threshold)
		}
	}
	if got := hit(t, w, start, key(20)); got.Count != 1 {
		t.Errorf("counted with an error: %+v", got)
	}
}

// A success elsewhere leaves this node's mirror full: it does not refuse for
// that, neither occurrences nor attempts.
func TestClearedElsewhere(t *testing.T) {
	s := newShared()
	a, b := newNode(t, s, failover.Options{}), newNode(t, s, failover.Options{})
	for range 3 {
		if got := let(t, a, start, key(1), 9); got != 5 {
			t.Fatalf("%d let through", got)
		}
		if err := b.Forget(bg, key(1)); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			settle(t, a, start, reserve(t, a, start, key(1)), gatehouse.Failed)
		}
		if err := b.Forget(bg, key(1)); err != nil {
			t.Fatal(err)
		}
	}
}

// Calls that overtake each other make the mirror's window end later than the
// primary's. That refuses nobody, costs one question, and loses no guess.
func TestOvertaking(t *testing.T) {
	s := &early{shared: newShared()}
	w := newNode(t, s, failover.Options{Failures: never})
	s.by = 5 * time.Millisecond
	let(t, w, start, key(1), 5)
	s.by = 0
	end := start.Add(five.Window)
	before := s.calls.Load()
	if got := let(t, w, end.Add(-5*time.Millisecond), key(1), 2); got != 2 {
		t.Errorf("%d of 2 let through when the primary had room", got)
	}
	r := reserve(t, w, end.Add(-5*time.Millisecond), key(1))
	if n := s.calls.Load() - before; n != 4 {
		t.Errorf("the primary was asked %d times, want twice for the first, then once each", n)
	}
	settle(t, w, end.Add(-5*time.Millisecond), r, gatehouse.Failed)
	s.empty()
	if got := let(t, w, end, key(1), 9); got != 2 {
		t.Errorf("%d let through beside three", got)
	}
}

// early sees hits before the caller says that they were.
type early struct {
	*shared
	by time.Duration
}

func (e *early) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	return e.shared.Hit(ctx, at.Add(-e.by), hits)
}

// A restart between two calls, of which no call and no probe heard.
func TestEmptiedUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		w := newNode(t, s, failover.Options{})
		let(t, w, start, key(1), 5)
		s.empty()
		if got := let(t, w, start.Add(time.Minute), key(1), 9); got != 0 {
			t.Errorf("%d more let through by the emptied store", got)
		}
		s.empty()
		if r, tally, err := w.Reserve(bg, start.Add(2*time.Minute), key(1), five, time.Second); r.ID != 0 || err != nil || !tally.Over {
			t.Errorf("an attempt let through by the emptied store: %+v, %v", tally, err)
		}
		if got := let(t, w, start.Add(5*time.Minute), key(1), 9); got != 5 {
			t.Errorf("%d let through in the next window", got)
		}
	})
}

// Places held in a store that loses them are still held here.
func TestEmptiedWithAttemptsInFlight(t *testing.T) {
	s := newShared()
	w := newNode(t, s, failover.Options{})
	var held []gatehouse.Reservation
	for range 5 {
		held = append(held, reserve(t, w, start, key(1)))
	}
	s.empty()
	if _, _, err := w.Reserve(bg, start, key(1), five, 0); !errors.Is(err, gatehouse.ErrBusy) {
		t.Fatalf("a sixth guess in flight: %v", err)
	}
	settle(t, w, start, held[0], gatehouse.Abandoned)
	settle(t, w, start, reserve(t, w, start, key(1)), gatehouse.Abandoned)
	for _, r := range held[1:] {
		settle(t, w, start, r, gatehouse.Failed)
	}
	if got := let(t, w, start, key(1), 9); got != 1 {
		t.Errorf("%d let through beside four failures", got)
	}
}

// An attempt may begin in one store and end when the other is in charge.
func TestSettledByTheOther(t *testing.T) {
	outcomes := map[gatehouse.Outcome]int{gatehouse.Failed: 4, gatehouse.Succeeded: 5, gatehouse.Abandoned: 5}
	for outcome, want := range outcomes {
		s := newShared()
		w := newNode(t, s, failover.Options{Strictness: 1, Failures: never})
		r := reserve(t, w, start, key(1))
		s.down.Store(true)
		settle(t, w, start, r, outcome)
		if got := let(t, w, start, key(1), 9); got != want {
			t.Errorf("granted by the primary, ended %v while it was down: %d more, want %d", outcome, got, want)
		}

		r = reserve(t, w, start, key(2))
		s.down.Store(false)
		settle(t, w, start, r, outcome)
		other := newNode(t, s, failover.Options{})
		if got := let(t, other, start, key(2), 9); got != want {
			t.Errorf("granted locally, ended %v when the primary was back: %d more elsewhere, want %d", outcome, got, want)
		}
	}
}

// Only what says that the primary could not answer is an outage.
func TestWhatIsNoOutage(t *testing.T) {
	cancelled, cancel := context.WithCancel(bg)
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		err    error
		outage bool
	}{
		"unavailable": {bg, errDown, true},
		"deadline":    {bg, fmt.Errorf("test: %w", context.DeadlineExceeded), true},
		"busy":        {bg, fmt.Errorf("test: %w", gatehouse.ErrBusy), false},
		"validation":  {bg, errors.New("test: threshold out of bounds"), false},
		"cancelled":   {cancelled, errDown, false},
	} {
		primary := failing{newShared(), new(atomic.Pointer[error])}
		w := newNode(t, primary, failover.Options{Failures: 1})
		primary.err.Store(&c.err)
		hits := []gatehouse.Hit{{Key: key(1), Limit: five}}
		err := w.Hit(c.ctx, start, hits)
		_, _, reserveErr := w.Reserve(c.ctx, start, key(1), five, 0)
		if c.outage != (err == nil) || c.outage != (reserveErr == nil) || c.outage != w.State().Degraded {
			t.Errorf("%s: Hit: %v, Reserve: %v, %+v", name, err, reserveErr, w.State())
		}
		if want := c.ctx.Err(); want != nil && (!errors.Is(err, want) || !errors.Is(reserveErr, want)) {
			t.Errorf("%s: %v, %v, want %v", name, err, reserveErr, want)
		}
	}
}

// failing fails with any error.
type failing struct {
	*shared
	err *atomic.Pointer[error]
}

func (f failing) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return f.shared.Hit(ctx, at, hits)
}

func (f failing) Reserve(ctx context.Context, at time.Time, k gatehouse.Key, l gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	if err := f.err.Load(); err != nil {
		return gatehouse.Reservation{}, gatehouse.Tally{}, *err
	}
	return f.shared.Reserve(ctx, at, k, l, wait)
}

// Once the breaker is open nobody asks the primary; after its return everybody
// does within a second, without traffic.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		states := make(chan failover.State, 9)
		w := newNode(t, s, failover.Options{OnState: func(s failover.State) { states <- s }})
		s.down.Store(true)
		for range 3 {
			hit(t, w, start, key(1))
		}
		if st := <-states; !st.Degraded || !errors.Is(st.Err, errDown) || st != w.State() {
			t.Fatalf("after three failures: %+v", st)
		}
		before := s.calls.Load()
		r, _, err := w.Reserve(bg, start, key(2), five, 0)
		_, settleErr := w.Settle(bg, start, r, gatehouse.Failed)
		if err := errors.Join(err, settleErr, w.Forget(bg, key(3))); err != nil {
			t.Fatal(err)
		}
		hit(t, w, start, key(4))
		if n := s.calls.Load() - before; n != 0 {
			t.Errorf("asked %d times though the breaker is open", n)
		}
		time.Sleep(time.Minute)
		if !w.State().Degraded {
			t.Error("recovered from an outage that goes on")
		}
		s.down.Store(false)
		time.Sleep(time.Second)
		if st := <-states; st.Degraded || st != w.State() {
			t.Fatalf("a second after the return: %+v", st)
		}
		// Probation: the primary has never heard of the two that were let through.
		if got := let(t, w, start.Add(time.Minute), key(1), 9); got != 3 {
			t.Errorf("%d let through beside two", got)
		}
	})
}

// The outage is noticed without traffic, and from the start.
func TestNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared()
		w := newNode(t, s, failover.Options{})
		s.down.Store(true)
		time.Sleep(time.Second)
		if !w.State().Degraded {
			t.Error("an outage without traffic is not noticed")
		}
		var dead atomic.Bool
		dead.Store(true)
		probe := func(context.Context) error {
			if dead.Load() {
				return errDown
			}
			return nil
		}
		w = newNode(t, newShared(), failover.Options{Probe: probe})
		time.Sleep(time.Second)
		if !w.State().Degraded {
			t.Error("Options.Probe is not heeded")
		}
		dead.Store(false)
		time.Sleep(time.Second)
		if w.State().Degraded {
			t.Error("not recovered")
		}
		s = newShared()
		s.down.Store(true)
		if w = newNode(t, s, failover.Options{Failures: 1}); !w.State().Degraded {
			t.Error("a store that is down at the start is not noticed")
		}
	})
}

// What is left of the wait is spent locally.
func TestDiesWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slow{newShared(), 3 * time.Second}
		w := newNode(t, s, failover.Options{Strictness: 1})
		var held []gatehouse.Reservation
		for range 5 {
			held = append(held, reserve(t, w, start, key(1)))
		}
		s.deaf.Store(true)
		begin := time.Now()
		_, _, err := w.Reserve(bg, start, key(1), five, 10*time.Second)
		if took := time.Since(begin); !errors.Is(err, gatehouse.ErrBusy) || took != 10*time.Second {
			t.Errorf("gave up after %v: %v", took, err)
		}
		time.AfterFunc(5*time.Second, func() { w.Settle(bg, start, held[0], gatehouse.Abandoned) })
		begin = time.Now()
		r, _, err := w.Reserve(bg, start, key(1), five, 10*time.Second)
		if took := time.Since(begin); err != nil || r.ID == 0 || took < 5*time.Second || took >= 10*time.Second {
			t.Errorf("after %v: %+v, %v", took, r, err)
		}
	})
}

// slow gives up waiters after a while.
type slow struct {
	*shared
	after time.Duration
}

func (s slow) Reserve(ctx context.Context, at time.Time, k gatehouse.Key, l gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	if s.deaf.Load() {
		time.Sleep(min(wait, s.after))
		return gatehouse.Reservation{}, gatehouse.Tally{}, errDown
	}
	return s.shared.Reserve(ctx, at, k, l, wait)
}

// 64 at once on one key of each node, while the store fails in every way.
func TestParallel(t *testing.T) {
	for round := range 40 {
		s := newShared()
		nodes := []*failover.Windows{newNode(t, s, failover.Options{Failures: 1 + round%4}), newNode(t, s, failover.Options{})}
		verified := make([]atomic.Int32, len(nodes))
		var calls atomic.Int32
		var crowd sync.WaitGroup
		for i := range 64 {
			crowd.Go(func() {
				n := i % len(nodes)
				for range 3 {
					switch calls.Add(1) {
					case 10:
						s.deaf.Store(true)
					case 25:
						s.down.Store(true)
					case 40:
						s.empty()
					case 60:
						s.deaf.Store(false)
						s.down.Store(false)
					}
					r, _, err := nodes[n].Reserve(bg, start, key(1), five, 20*time.Millisecond)
					if err != nil && !errors.Is(err, gatehouse.ErrBusy) { // places whose grant was not heard of are lost for a while
						t.Errorf("Reserve: %v", err)
					}
					if r.ID == 0 {
						continue
					}
					verified[n].Add(1)
					if _, err := nodes[n].Settle(bg, start, r, gatehouse.Failed); err != nil {
						t.Errorf("Settle: %v", err)
					}
				}
			})
		}
		crowd.Wait()
		for n := range verified {
			if got := verified[n].Load(); got > 5 {
				t.Fatalf("round %d: node %d verified %d guesses", round, n, got)
			}
		}
	}
}

// Attempts that never settle are forgotten; beyond the bound there is no room.
func TestReservationsAreBounded(t *testing.T) {
	w := failover.NewWindows(memory.NewWindows(memory.Options{}), memory.NewWindows(memory.Options{}), failover.Options{MaxReservations: 64})
	t.Cleanup(w.Close)
	keys := func(i int) gatehouse.Key { return gatehouse.Key{byte(i), byte(i >> 8), 8: byte(i)} }
	var first gatehouse.Reservation
	for i := range 64 {
		r := reserve(t, w, start, keys(i))
		if i == 0 {
			first = r
		}
	}
	if _, _, err := w.Reserve(bg, start, keys(64), five, 0); !errors.Is(err, gatehouse.ErrBusy) {
		t.Fatalf("one too many: %v", err)
	}
	late := start.Add(gatehouse.ReservationTTL)
	for i := range 64 {
		reserve(t, w, late, keys(64+i))
	}
	// It was dropped to make room, but it may yet count.
	if got := settle(t, w, late, first, gatehouse.Failed); got.Count != 1 {
		t.Errorf("a failure that was dropped: %+v", got)
	}
	for range 10_000 {
		settle(t, w, late, reserve(t, w, late.Add(gatehouse.ReservationTTL), keys(999)), gatehouse.Abandoned)
	}
}

// Hit allocates nothing, in any state.
func TestHitAllocatesNothing(t *testing.T) {
	s := newShared()
	w := failover.NewWindows(s.store.Load(), memory.NewWindows(memory.Options{}), failover.Options{})
	t.Cleanup(w.Close)
	down := newNode(t, s, failover.Options{Failures: 1})
	s.down.Store(true)
	hits := []gatehouse.Hit{{Key: key(1), Limit: five}, {Key: key(2), Limit: five}}
	for name, w := range map[string]*failover.Windows{"healthy": w, "down": down} {
		at := start
		n := testing.AllocsPerRun(1000, func() {
			at = at.Add(time.Minute)
			if err := w.Hit(bg, at, hits); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
