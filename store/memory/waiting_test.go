package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// answer is what a waiting call of Reserve came back with, and when.
type answer struct {
	who   int
	r     gatehouse.Reservation
	tally gatehouse.Tally
	err   error
	at    time.Time
}

// queue lets somebody wait in line; the call stands there when it returns.
func queue(ctx context.Context, w gatehouse.Windows, l gatehouse.Limit, wait time.Duration, who int, to chan<- answer) {
	go func() {
		r, tally, err := w.Reserve(ctx, time.Now(), key(1), l, wait)
		to <- answer{who, r, tally, err, time.Now()}
	}()
	synctest.Wait()
}

func reserve(t *testing.T, w gatehouse.Windows, l gatehouse.Limit) gatehouse.Reservation {
	t.Helper()
	r, _, err := w.Reserve(bg, time.Now(), key(1), l, 0)
	if err != nil || r.ID == 0 {
		t.Fatalf("Reserve: %+v, %v", r, err)
	}
	return r
}

func settle(t *testing.T, w gatehouse.Windows, r gatehouse.Reservation, o gatehouse.Outcome) {
	t.Helper()
	if _, err := w.Settle(bg, time.Now(), r, o); err != nil {
		t.Fatal(err)
	}
}

func TestWaitEnds(t *testing.T) {
	once := gatehouse.Limit{Threshold: 1, Window: time.Hour}
	for name, test := range map[string]func(t *testing.T, w gatehouse.Windows, to chan answer){
		"when its time is up": func(t *testing.T, w gatehouse.Windows, to chan answer) {
			reserve(t, w, once)
			begin := time.Now()
			queue(bg, w, once, 7*time.Second, 0, to)
			if got := <-to; !errors.Is(got.err, gatehouse.ErrBusy) || got.at.Sub(begin) != 7*time.Second {
				t.Errorf("after %v: %+v", got.at.Sub(begin), got)
			}
		},
		"when the context ends": func(t *testing.T, w gatehouse.Windows, to chan answer) {
			reserve(t, w, once)
			ctx, cancel := context.WithTimeout(bg, 3*time.Second)
			defer cancel()
			begin := time.Now()
			queue(ctx, w, once, 7*time.Second, 0, to)
			if got := <-to; !errors.Is(got.err, context.DeadlineExceeded) || got.at.Sub(begin) != 3*time.Second {
				t.Errorf("after %v: %+v", got.at.Sub(begin), got)
			}
		},
		"when the place in the way expires": func(t *testing.T, w gatehouse.Windows, to chan answer) {
			reserve(t, w, once)
			begin := time.Now()
			queue(bg, w, once, time.Hour, 0, to)
			if got := <-to; got.r.ID == 0 || got.at.Sub(begin) != gatehouse.ReservationTTL {
				t.Errorf("after %v: %+v", got.at.Sub(begin), got)
			}
		},
		"when an occurrence leaves the window": func(t *testing.T, w gatehouse.Windows, to chan answer) {
			twice := gatehouse.Limit{Threshold: 2, Window: 20 * time.Second}
			hit(t, w, time.Now(), key(1), twice)
			<-time.After(5 * time.Second)
			reserve(t, w, twice)
			begin := time.Now()
			queue(bg, w, twice, time.Hour, 0, to)
			if got := <-to; got.r.ID == 0 || got.at.Sub(begin) != 15*time.Second {
				t.Errorf("after %v: %+v", got.at.Sub(begin), got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test(t, memory.NewWindows(memory.Options{MaxBytes: 1}), make(chan answer, 1))
			})
		})
	}
}

// Those who wait come in their order, and nobody who comes later slips past
// them, even where a larger limit would let them.
func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small, large := gatehouse.Limit{Threshold: 1, Window: time.Hour}, gatehouse.Limit{Threshold: 9, Window: time.Hour}
		w := memory.NewWindows(memory.Options{MaxBytes: 1})
		held := reserve(t, w, small)
		to := make(chan answer, 4)
		queue(bg, w, small, time.Minute, 0, to)
		queue(bg, w, large, time.Minute, 1, to)
		queue(bg, w, small, time.Second, 2, to)
		queue(bg, w, large, time.Minute, 3, to)
		select {
		case got := <-to:
			t.Fatalf("%d slipped past the first: %+v", got.who, got)
		default:
		}
		settle(t, w, held, gatehouse.Abandoned)
		synctest.Wait()
		if len(to) != 2 { // 2 does not fit beside those two
			t.Fatalf("%d were let in, want 2", len(to))
		}
		for range 2 {
			if got := <-to; got.who > 1 || got.r.ID == 0 {
				t.Errorf("let in: %+v", got)
			}
		}
		// When 2 gives up, 3 need not wait any longer.
		if got := <-to; got.who != 2 || !errors.Is(got.err, gatehouse.ErrBusy) {
			t.Errorf("gave up: %+v", got)
		}
		if got := <-to; got.who != 3 || got.r.ID == 0 {
			t.Errorf("let in: %+v", got)
		}
	})
}

func TestMaxWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		once := gatehouse.Limit{Threshold: 1, Window: time.Hour}
		w := memory.NewWindows(memory.Options{MaxBytes: 1, MaxWaiters: 3})
		held := reserve(t, w, once)
		to := make(chan answer, 4)
		for who := range 4 {
			queue(bg, w, once, time.Minute, who, to)
		}
		if got := <-to; got.who != 3 || !errors.Is(got.err, gatehouse.ErrBusy) {
			t.Errorf("one too many: %+v", got)
		}
		for range 3 {
			settle(t, w, held, gatehouse.Succeeded)
			held = (<-to).r
		}
		none := memory.NewWindows(memory.Options{MaxWaiters: -1})
		reserve(t, none, once)
		queue(bg, none, once, time.Minute, 0, to)
		if got := <-to; !errors.Is(got.err, gatehouse.ErrBusy) {
			t.Errorf("none may wait: %+v", got)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	w := memory.NewWindows(memory.Options{})
	hits := make([]gatehouse.Hit, 4)
	for i := range hits {
		hits[i] = gatehouse.Hit{Key: key(i), Limit: gatehouse.Limit{Threshold: 5 * (i + 1), Window: time.Minute}}
	}
	at := start
	n := testing.AllocsPerRun(1000, func() {
		at = at.Add(time.Second)
		if w.Hit(bg, at, hits) != nil || w.Hit(bg, at, hits[:1]) != nil {
			t.Error("Hit failed")
		}
	})
	if n != 0 {
		t.Errorf("Hit allocates %v times", n)
	}
	n = testing.AllocsPerRun(1000, func() {
		r, _, err := w.Reserve(bg, at, key(9), five, time.Second)
		if _, err2 := w.Settle(bg, at, r, gatehouse.Succeeded); err != nil || err2 != nil {
			t.Error(err, err2)
		}
	})
	if n != 0 {
		t.Errorf("Reserve and Settle allocate %v times", n)
	}
}
