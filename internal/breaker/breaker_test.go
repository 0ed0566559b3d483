package breaker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse/internal/breaker"
)

var errDead = errors.New("dead")

// store is a probe that can be told to fail or to hang.
type store struct{ dead, hung atomic.Bool }

func (s *store) probe(ctx context.Context) error {
	if s.hung.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.dead.Load() {
		return errDead
	}
	return nil
}

// run starts a breaker in a bubble where time passes by itself.
func run(t *testing.T, o breaker.Options, f func(t *testing.T, b *breaker.Breaker, s *store)) {
	synctest.Test(t, func(t *testing.T) {
		s := new(store)
		o.Probe = s.probe
		b := breaker.New(o)
		defer b.Close()
		f(t, b, s)
	})
}

func TestFailuresInARowOpen(t *testing.T) {
	run(t, breaker.Options{}, func(t *testing.T, b *breaker.Breaker, _ *store) {
		for _, fails := range []bool{true, true, false, true, true} {
			if fails {
				b.Failure(errDead)
			} else {
				b.Success()
			}
			if !b.Allow() {
				t.Fatal("open before three failures in a row")
			}
		}
		b.Failure(errDead)
		if s := b.State(); b.Allow() || !s.Open || s.Err != errDead || !s.Since.Equal(time.Now()) {
			t.Fatalf("after three failures in a row: %+v", s)
		}
	})
}

func TestRecovers(t *testing.T) {
	run(t, breaker.Options{Failures: 1}, func(t *testing.T, b *breaker.Breaker, s *store) {
		for _, down := range []*atomic.Bool{&s.dead, &s.hung} {
			down.Store(true)
			b.Failure(errDead)
			time.Sleep(time.Minute)
			if b.Success(); b.Allow() {
				t.Fatal("closed while the store is down")
			}
			down.Store(false)
			time.Sleep(time.Second)
			if st := b.State(); !b.Allow() || st.Open || st.Err != nil || time.Since(st.Since) > time.Second {
				t.Fatalf("a second after the store is back: %+v", st)
			}
		}
	})
}

func TestOneGoodProbeIsNotEnough(t *testing.T) {
	run(t, breaker.Options{Failures: 1}, func(t *testing.T, b *breaker.Breaker, s *store) {
		b.Failure(errDead)
		time.Sleep(300 * time.Millisecond) // one probe: 225 to 275 ms
		s.dead.Store(true)
		time.Sleep(275 * time.Millisecond)
		s.dead.Store(false)
		time.Sleep(275 * time.Millisecond)
		if b.Allow() {
			t.Fatal("closed although no two probes in a row succeeded")
		}
	})
}

// Without traffic the probe notices, and it alone never hides that calls fail.
func TestProbeOpens(t *testing.T) {
	run(t, breaker.Options{}, func(t *testing.T, b *breaker.Breaker, s *store) {
		for range 3 {
			if !b.Allow() {
				t.Fatal("opened too soon")
			}
			b.Failure(errDead)
			time.Sleep(time.Second) // probes succeed meanwhile
		}
		time.Sleep(time.Second)
		s.hung.Store(true)
		time.Sleep(2 * time.Second)
		if st := b.State(); !errors.Is(st.Err, context.DeadlineExceeded) {
			t.Fatalf("two seconds after the store hangs: %+v", st)
		}
	})
}

func TestOnState(t *testing.T) {
	var told []bool
	var hold chan struct{} // of the bubble, or time would not pass
	o := breaker.Options{Failures: 1, OnState: func(s breaker.State) {
		<-hold
		told = append(told, s.Open) // never concurrently: the race detector looks on
	}}
	run(t, o, func(t *testing.T, b *breaker.Breaker, _ *store) {
		hold = make(chan struct{})
		for range 20 { // 40 changes while the listener is stuck with the first
			b.Failure(errDead)
			time.Sleep(time.Second)
		}
		b.Failure(errDead)
		close(hold)
		synctest.Wait()
		if len(told) != 17 || !told[0] || !told[16] {
			t.Fatalf("told %v", told)
		}
		for i := 2; i < len(told); i++ {
			if told[i] == told[i-1] {
				t.Fatalf("not in order: %v", told)
			}
		}
	})
}

func TestCloseEndsAHungProbe(t *testing.T) {
	run(t, breaker.Options{Timeout: time.Hour}, func(t *testing.T, b *breaker.Breaker, s *store) {
		s.hung.Store(true)
		time.Sleep(time.Second)
		b.Close()
		b.Close()
		if !b.Allow() {
			t.Fatal("a probe that Close ended counted as a failure")
		}
	})
}

// Many callers, while the store comes and goes.
func TestParallel(t *testing.T) {
	run(t, breaker.Options{OnState: func(breaker.State) {}}, func(t *testing.T, b *breaker.Breaker, s *store) {
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for n := range 100 {
					if b.Allow() && (i+n)%3 > 0 {
						b.Failure(errDead)
					} else {
						b.Success()
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		b.Failure(errDead)
		b.Failure(errDead)
		b.Failure(errDead)
		if b.Allow() {
			t.Fatal("three failures did not open it")
		}
	})
}
