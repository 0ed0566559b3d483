package storetest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

func rateClockStepsBack(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		one := gatehouse.Take{Key: newKey(), Limit: limitOf(2, time.Minute), Algorithm: algorithm}
		first := s.take(t, epoch, one)
		got := s.take(t, epoch.Add(-9*time.Second), one)
		if got.Over || got.Remaining != 0 || got.ResetAfter != time.Minute {
			t.Fatalf("%s: %+v, then back in time %+v", name, first, got)
		}
		over := s.take(t, epoch.Add(-5*time.Second), one)
		if !over.Over || over.RetryAfter > time.Minute {
			t.Fatalf("%s: back in time: %+v", name, over)
		}
		if again := s.take(t, epoch, one); again != over {
			t.Fatalf("%s: at the newest: %+v, before it: %+v", name, again, over)
		}
		if got := s.take(t, epoch.Add(over.RetryAfter), one); got.Over {
			t.Fatalf("%s: afterwards: %+v", name, got)
		}
	}
}

// refusedFreesNothing: one whose clock is ahead is refused, which must not let
// go of what the others still count.
func refusedFreesNothing(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		one := gatehouse.Take{Key: newKey(), Limit: limitOf(3, 8*time.Second), Algorithm: algorithm}
		all := one
		all.Cost = 3
		two := one
		two.Cost = 2
		s.take(t, epoch, one)
		s.take(t, epoch.Add(4*time.Second), two)
		before := s.take(t, epoch.Add(4*time.Second), all)
		if ahead := s.take(t, epoch.Add(9*time.Second), all); !ahead.Over {
			t.Fatalf("%s: ahead: %+v", name, ahead)
		}
		if after := s.take(t, epoch.Add(4*time.Second), all); after != before {
			t.Fatalf("%s: before one from the future was refused %+v, after %+v", name, before, after)
		}
	}
}

func rateLimitChanges(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		k := newKey()
		at := func(n int, w time.Duration, cost int) gatehouse.Take {
			return gatehouse.Take{Key: k, Limit: limitOf(n, w), Algorithm: algorithm, Cost: cost}
		}
		s.take(t, epoch, at(10, time.Minute, 6))
		if got := s.take(t, epoch, at(20, time.Hour, 1)); got.Over || got.Remaining != 13 {
			t.Fatalf("%s: a larger limit: %+v", name, got)
		}
		if got := s.take(t, epoch, at(4, time.Minute, 1)); !got.Over || got.Remaining != 0 || got.RetryAfter > time.Minute {
			t.Fatalf("%s: a smaller limit: %+v", name, got)
		}
		if got := s.take(t, epoch.Add(time.Minute), at(4, time.Minute, 4)); got.Over {
			t.Fatalf("%s: a window later: %+v", name, got)
		}
	}
}

func algorithmChanges(t *testing.T, s rates) {
	k := newKey()
	for range 3 {
		for _, algorithm := range []gatehouse.Algorithm{gatehouse.GCRA, gatehouse.SlidingWindow} {
			one := gatehouse.Take{Key: k, Limit: limitOf(9, time.Minute), Algorithm: algorithm, Cost: 8}
			if got := s.take(t, epoch, one); got.Over || got.Remaining != 1 {
				t.Fatalf("algorithm %d: %+v", algorithm, got)
			}
		}
	}
}

func largeLimits(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		one := gatehouse.Take{Key: newKey(), Limit: limitOf(10_000, 7*24*time.Hour), Algorithm: algorithm, Cost: 2500}
		for i := range 4 {
			got := s.take(t, epoch.Add(time.Duration(i)*time.Millisecond), one)
			if got.Over || got.Remaining != 7500-2500*i {
				t.Fatalf("%s: %+v", name, got)
			}
		}
		one.Cost = 10_000
		at := epoch.Add(3 * time.Millisecond)
		got := s.take(t, at, one)
		if !got.Over || got.Remaining != 0 {
			t.Fatalf("%s, used up: %+v", name, got)
		}
		if got = s.take(t, at.Add(got.RetryAfter), one); got.Over || got.Remaining != 0 {
			t.Fatalf("%s, all at once: %+v", name, got)
		}
	}
}

func nothingTakenOnError(t *testing.T, s rates) {
	k := s.keys(2)
	good := gatehouse.Take{Key: k[0], Limit: limitOf(2, time.Minute)}
	bad := []gatehouse.Take{
		{}, {Limit: limitOf(0, time.Minute)}, {Limit: limitOf(-1, time.Minute)}, {Limit: limitOf(10_001, time.Minute)},
		{Limit: limitOf(1, 0)}, {Limit: limitOf(1, time.Millisecond-1)}, {Limit: limitOf(1, -time.Minute)}, {Limit: limitOf(1, 7*24*time.Hour+1)},
		{Limit: good.Limit, Algorithm: 2}, {Limit: good.Limit, Cost: -1},
	}
	for _, b := range bad {
		b.Key = k[1]
		for _, all := range [][]gatehouse.Take{{b}, {good, b}, {b, good}} {
			if err := s.Take(context.Background(), epoch, all); err == nil {
				t.Errorf("Take accepts %+v", b)
			}
		}
	}
	if err := s.Take(context.Background(), epoch, []gatehouse.Take{good, {Key: k[1], Limit: good.Limit}, good}); err == nil {
		t.Errorf("Take accepts a key twice")
	}
	wantQuota(t, "after the errors", s.take(t, epoch, good), gatehouse.Quota{Remaining: 1, ResetAfter: time.Minute})
}

func parallelTakes(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		for range rounds / 2 {
			one := gatehouse.Take{Key: newKey(), Limit: limitOf(7, time.Minute), Algorithm: algorithm}
			var left [7]atomic.Int32
			var over atomic.Int32
			together(func(int) {
				if got := s.take(t, epoch, one); got.Over {
					over.Add(1)
				} else {
					left[got.Remaining].Add(1)
				}
			})
			for n := range left {
				if left[n].Load() != 1 || over.Load() != crowd-7 {
					t.Fatalf("%s: of %d at once, after %d requests %d remained, and %d were over", name, crowd, left[n].Load(), n, over.Load())
				}
			}
		}
	}
}

// parallelLimits asks for two limits in opposite orders at once: exactly as many
// get both as the tighter one allows, and nobody takes one alone.
func parallelLimits(t *testing.T, s rates) {
	for range rounds {
		k := s.keys(2)
		tight := gatehouse.Take{Key: k[0], Limit: limitOf(9, time.Minute)}
		wide := gatehouse.Take{Key: k[1], Limit: limitOf(100, time.Minute), Algorithm: gatehouse.GCRA, Cost: 2}
		var through atomic.Int32
		together(func(i int) {
			all := []gatehouse.Take{tight, wide}
			if i%2 == 0 {
				all[0], all[1] = wide, tight
			}
			got := s.takeAll(t, epoch, all...)
			if !got[0].Over && !got[1].Over {
				through.Add(1)
			}
		})
		wide.Cost = 1
		if got := s.take(t, epoch, wide); through.Load() != 9 || got.Remaining != 100-2*9-1 {
			t.Fatalf("%d went through, %d remain of the wide limit", through.Load(), got.Remaining)
		}
	}
}
