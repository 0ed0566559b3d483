package storetest

import (
	"context"
	"crypto/rand"
	"math"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Rates holds a driver to what gatehouse.Rates promises. open returns a store
// ready for use and closes it with the test; it may return the same one each
// time, since keys are random. All times are data and far from the wall clock.
//
// As for Windows, the suite does not step back further than ten seconds.
func Rates(t *testing.T, open func(t *testing.T) gatehouse.Rates) {
	ratesOf(t, open, func(n int) []gatehouse.Key {
		keys := make([]gatehouse.Key, n)
		for i := range keys {
			keys[i] = newKey()
		}
		return keys
	})
	t.Run("KeysTogether", func(t *testing.T) { ShardedRates(t, open) })
}

// ShardedRates is Rates for a driver that spreads keys over several servers and
// says so: keys of one call have equal second halves.
func ShardedRates(t *testing.T, open func(t *testing.T) gatehouse.Rates) {
	ratesOf(t, open, keysTogether)
}

// keysTogether returns keys that every driver keeps together.
func keysTogether(n int) []gatehouse.Key {
	keys, half := make([]gatehouse.Key, n), newKey()
	for i := range keys {
		keys[i] = half
		rand.Read(keys[i][:8])
	}
	return keys
}

func ratesOf(t *testing.T, open func(t *testing.T) gatehouse.Rates, keys func(n int) []gatehouse.Key) {
	tests := map[string]func(t *testing.T, s rates){
		"WindowSlides":          windowSlides,
		"BucketDrains":          bucketDrains,
		"MatchesModel":          ratesMatchModel,
		"AllOrNothing":          allOrNothing,
		"RetryAfterIsTruthful":  retryIsTruthful,
		"TooDearForEver":        tooDear,
		"ClockStepsBack":        rateClockStepsBack,
		"RefusedFreesNothing":   refusedFreesNothing,
		"LimitChanges":          rateLimitChanges,
		"AlgorithmChanges":      algorithmChanges,
		"LargeLimits":           largeLimits,
		"NothingChargedOnError": nothingTakenOnError,
		"ParallelTakes":         parallelTakes,
		"ParallelLimits":        parallelLimits,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, rates{open(t), keys}) })
	}
}

// rates is the store under test and what makes keys for one call.
type rates struct {
	gatehouse.Rates
	keys func(n int) []gatehouse.Key
}

var algorithms = map[string]gatehouse.Algorithm{"sliding": gatehouse.SlidingWindow, "gcra": gatehouse.GCRA}

// take asks one limit.
func (s rates) take(t testing.TB, at time.Time, one gatehouse.Take) gatehouse.Quota {
	t.Helper()
	return s.takeAll(t, at, one)[0]
}

// takeAll asks several.
func (s rates) takeAll(t testing.TB, at time.Time, all ...gatehouse.Take) []gatehouse.Quota {
	t.Helper()
	if err := s.Take(context.Background(), at, all); err != nil {
		t.Fatalf("Take: %v", err)
	}
	quotas := make([]gatehouse.Quota, len(all))
	for i := range all {
		quotas[i] = all[i].Quota
	}
	return quotas
}

func wantQuota(t testing.TB, what string, got, want gatehouse.Quota) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %+v, want %+v", what, got, want)
	}
}

func windowSlides(t *testing.T, s rates) {
	one := gatehouse.Take{Key: newKey(), Limit: limitOf(3, time.Minute)}
	two := one
	two.Cost = 2
	wantQuota(t, "first", s.take(t, epoch, one), gatehouse.Quota{Remaining: 2, ResetAfter: time.Minute})
	wantQuota(t, "two more", s.take(t, epoch.Add(10*time.Second), two), gatehouse.Quota{ResetAfter: time.Minute})
	wantQuota(t, "a millisecond too early", s.take(t, epoch.Add(time.Minute-time.Millisecond), one),
		gatehouse.Quota{ResetAfter: 10*time.Second + time.Millisecond, Over: true, RetryAfter: time.Millisecond})
	wantQuota(t, "two, for which there is no room yet", s.take(t, epoch.Add(time.Minute), two),
		gatehouse.Quota{Remaining: 1, ResetAfter: 10 * time.Second, Over: true, RetryAfter: 10 * time.Second})
	wantQuota(t, "as the first leaves", s.take(t, epoch.Add(time.Minute), one), gatehouse.Quota{ResetAfter: time.Minute})
	wantQuota(t, "long after", s.take(t, epoch.Add(time.Hour), one), gatehouse.Quota{Remaining: 2, ResetAfter: time.Minute})
}

func bucketDrains(t *testing.T, s rates) {
	one := gatehouse.Take{Key: newKey(), Limit: limitOf(6, time.Minute), Algorithm: gatehouse.GCRA} // one in 10 s
	five := one
	five.Cost = 5
	wantQuota(t, "first", s.take(t, epoch, one), gatehouse.Quota{Remaining: 5, ResetAfter: 10 * time.Second})
	wantQuota(t, "five more", s.take(t, epoch.Add(time.Second), five), gatehouse.Quota{ResetAfter: 59 * time.Second})
	wantQuota(t, "a millisecond too early", s.take(t, epoch.Add(10*time.Second-time.Millisecond), one),
		gatehouse.Quota{ResetAfter: 50*time.Second + time.Millisecond, Over: true, RetryAfter: time.Millisecond})
	wantQuota(t, "as one has drained", s.take(t, epoch.Add(10*time.Second), one), gatehouse.Quota{ResetAfter: time.Minute})
	wantQuota(t, "two have drained", s.take(t, epoch.Add(30*time.Second), five),
		gatehouse.Quota{Remaining: 2, ResetAfter: 40 * time.Second, Over: true, RetryAfter: 30 * time.Second})
	wantQuota(t, "long after", s.take(t, epoch.Add(time.Hour), one), gatehouse.Quota{Remaining: 5, ResetAfter: 10 * time.Second})
}

func allOrNothing(t *testing.T, s rates) {
	k := s.keys(3)
	short := gatehouse.Take{Key: k[0], Limit: limitOf(2, time.Second)}
	long := gatehouse.Take{Key: k[1], Limit: limitOf(10, time.Hour), Algorithm: gatehouse.GCRA, Cost: 3}
	other := gatehouse.Take{Key: k[2], Limit: limitOf(10, time.Hour)}
	for i := range 5 { // two go through
		got := s.takeAll(t, epoch, short, long, other)
		if over := i >= 2; got[0].Over != over || got[1].Over || got[2].Over {
			t.Fatalf("request %d: %+v", i+1, got)
		}
		if left := max(4, 7-3*i); got[1].Remaining != left {
			t.Fatalf("request %d: %d remain of the long limit, want %d", i+1, got[1].Remaining, left)
		}
		if left := max(8, 9-i); got[2].Remaining != left {
			t.Fatalf("request %d: %d remain of the other limit, want %d", i+1, got[2].Remaining, left)
		}
	}
	got := s.takeAll(t, epoch.Add(time.Second), long, short)
	if got[0].Remaining != 1 || got[1].Remaining != 1 {
		t.Fatalf("in another order: %+v", got)
	}
	got = s.takeAll(t, epoch.Add(time.Second), long, short)
	if !got[0].Over || got[1].Over || got[1].Remaining != 1 {
		t.Fatalf("refused by the long limit: %+v", got)
	}
	if err := s.Take(context.Background(), epoch, nil); err != nil {
		t.Fatalf("no limits: %v", err)
	}
}

// retryIsTruthful: after RetryAfter the request fits, a millisecond before it
// does not, and after ResetAfter everything does.
func retryIsTruthful(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		for _, l := range []gatehouse.Limit{limitOf(1, time.Millisecond), limitOf(7, time.Second), limitOf(3, 10*time.Minute),
			limitOf(1000, time.Second), limitOf(999, 7*time.Millisecond), limitOf(10_000, 7*24*time.Hour)} {
			for _, cost := range []int{1, l.Threshold/3 + 1, l.Threshold} {
				waitAsTold(t, s, gatehouse.Take{Key: newKey(), Limit: l, Algorithm: algorithm, Cost: cost}, name)
			}
		}
	}
}

func waitAsTold(t *testing.T, s rates, one gatehouse.Take, name string) {
	t.Helper()
	l, at := one.Limit, epoch
	of := func(cost int) gatehouse.Take {
		return gatehouse.Take{Key: one.Key, Limit: l, Algorithm: one.Algorithm, Cost: cost}
	}
	left := l.Threshold
	for _, part := range []int{3, 2, 1} { // spread over the window, for as long as it lets us
		if left > 0 && part < 3 {
			at = at.Add((l.Window / 4).Truncate(time.Millisecond))
		}
		if left > 0 {
			left = s.take(t, at, of((left+part-1)/part)).Remaining
		}
	}
	if left > 0 {
		s.take(t, at, of(left))
	}
	for range 4 {
		got := s.take(t, at, one)
		retry := got.RetryAfter
		if !got.Over || retry < time.Millisecond || retry > l.Window || retry%time.Millisecond != 0 {
			t.Fatalf("%s, %+v, cost %d: %+v", name, l, one.Cost, got)
		}
		if early := s.take(t, at.Add(retry-time.Millisecond), one); !early.Over || early.RetryAfter != time.Millisecond {
			t.Fatalf("%s, %+v, cost %d: a millisecond before: %+v", name, l, one.Cost, early)
		}
		at = at.Add(retry)
		if got = s.take(t, at, one); got.Over {
			t.Fatalf("%s, %+v, cost %d: after RetryAfter: %+v", name, l, one.Cost, got)
		}
		if got.Remaining > 0 {
			s.take(t, at, of(got.Remaining))
		}
	}
	reset := s.take(t, at, one).ResetAfter
	if early := s.take(t, at.Add(reset-time.Millisecond), of(l.Threshold)); !early.Over {
		t.Fatalf("%s, %+v: a millisecond before the reset: %+v", name, l, early)
	}
	if got := s.take(t, at.Add(reset), of(l.Threshold)); got.Over {
		t.Fatalf("%s, %+v: after the reset: %+v", name, l, got)
	}
}

func tooDear(t *testing.T, s rates) {
	for name, algorithm := range algorithms {
		one := gatehouse.Take{Key: newKey(), Limit: limitOf(4, time.Minute), Algorithm: algorithm, Cost: 5}
		wantQuota(t, name, s.take(t, epoch, one), gatehouse.Quota{Remaining: 4, Over: true})
		one.Cost = 1
		s.take(t, epoch, one)
		for _, one.Cost = range []int{5, 10_000, 10_001, 1 << 16, 1<<16 + 1, math.MaxInt} {
			if got := s.take(t, epoch, one); !got.Over || got.Remaining != 3 || got.RetryAfter != 0 {
				t.Fatalf("%s, cost %d: %+v", name, one.Cost, got)
			}
		}
	}
}
