package failover_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
)

var (
	bg      = context.Background()
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	errDown = fmt.Errorf("test: connection refused: %w", gatehouse.ErrUnavailable)
)

// shared stands for the store that all nodes share. It can be down, do what it
// is told but lose the answer, and lose what it holds. What store/redis makes of
// a real server that does so is for its own tests.
type shared struct {
	store atomic.Pointer[memory.Windows]
	down  atomic.Bool
	deaf  atomic.Bool // answers are lost
	calls atomic.Int64
}

func newShared() *shared {
	s := new(shared)
	s.empty()
	return s
}

func (s *shared) empty() { s.store.Store(memory.NewWindows(memory.Options{MaxBytes: 1})) }

func (s *shared) call(f func(w *memory.Windows) error) error {
	s.calls.Add(1)
	if s.down.Load() {
		return errDown
	}
	err := f(s.store.Load())
	if s.deaf.Load() {
		return errDown
	}
	return err
}

func (s *shared) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	return s.call(func(w *memory.Windows) error { return w.Hit(ctx, at, hits) })
}

func (s *shared) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (r gatehouse.Reservation, t gatehouse.Tally, err error) {
	err = s.call(func(w *memory.Windows) (err error) {
		r, t, err = w.Reserve(ctx, at, key, limit, wait)
		return err
	})
	if err != nil {
		r = gatehouse.Reservation{}
	}
	return r, t, err
}

func (s *shared) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, o gatehouse.Outcome) (t gatehouse.Tally, err error) {
	err = s.call(func(w *memory.Windows) (err error) {
		t, err = w.Settle(ctx, at, r, o)
		return err
	})
	return t, err
}

func (s *shared) Forget(ctx context.Context, keys ...gatehouse.Key) error {
	return s.call(func(w *memory.Windows) error { return w.Forget(ctx, keys...) })
}

// newNode returns a node in front of a primary, which is shown no other times
// than the test's.
func newNode(t interface{ Cleanup(func()) }, primary gatehouse.Windows, o failover.Options) *failover.Windows {
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	w := failover.NewWindows(primary, memory.NewWindows(memory.Options{MaxBytes: 1}), o)
	t.Cleanup(w.Close)
	return w
}

func key(n byte) gatehouse.Key { return gatehouse.Key{n, 8: n} }

var five = gatehouse.Limit{Threshold: 5, Window: 5 * time.Minute}

// hit counts one occurrence.
func hit(t testing.TB, w gatehouse.Windows, at time.Time, k gatehouse.Key) gatehouse.Tally {
	t.Helper()
	hits := []gatehouse.Hit{{Key: k, Limit: five}}
	if err := w.Hit(bg, at, hits); err != nil {
		t.Fatalf("Hit: %v", err)
	}
	return hits[0].Tally
}

// let reports how many of n occurrences are let through.
func let(t testing.TB, w gatehouse.Windows, at time.Time, k gatehouse.Key, n int) (through int) {
	t.Helper()
	for range n {
		if !hit(t, w, at, k).Over {
			through++
		}
	}
	return through
}

// reserve takes a place that is free.
func reserve(t testing.TB, w gatehouse.Windows, at time.Time, k gatehouse.Key) gatehouse.Reservation {
	t.Helper()
	r, tally, err := w.Reserve(bg, at, k, five, 0)
	if err != nil || r.ID == 0 {
		t.Fatalf("Reserve: %+v, %+v, %v", r, tally, err)
	}
	return r
}

func settle(t testing.TB, w gatehouse.Windows, at time.Time, r gatehouse.Reservation, o gatehouse.Outcome) gatehouse.Tally {
	t.Helper()
	tally, err := w.Settle(bg, at, r, o)
	if err != nil {
		t.Fatalf("Settle(%v): %v", o, err)
	}
	return tally
}
