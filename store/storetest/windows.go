package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Windows holds a driver to what gatehouse.Windows promises. open returns a
// store ready for use and closes it with the test; it may return the same one
// each time, since keys are random. Most times are data and far from the wall
// clock; only calls that wait do so in real time, and briefly.
//
// A driver may forget what expired more than ten seconds ago by any clock it
// has been shown, so the suite does not step back further than that.
func Windows(t *testing.T, open func(t *testing.T) gatehouse.Windows) {
	ShardedWindows(t, open)
	t.Run("BatchesAreAtomic", func(t *testing.T) { batchesAreAtomic(t, open(t)) })
}

// ShardedWindows is Windows for a driver that spreads keys over several servers
// and says so: its Hit is atomic for each key, but need not be across keys.
func ShardedWindows(t *testing.T, open func(t *testing.T) gatehouse.Windows) {
	tests := map[string]func(t *testing.T, w gatehouse.Windows){
		"SlidesToTheMillisecond":      slides,
		"MatchesModel":                matchesModel,
		"LargeThresholds":             largeThresholds,
		"ClockStepsBack":              clockStepsBack,
		"SeveralHitsInOneCall":        severalHits,
		"NothingCountedOnError":       nothingOnError,
		"ForgetClears":                forgetClears,
		"ParallelHits":                parallelHits,
		"ReservationsMatchModel":      reservationsMatchModel,
		"ReserveHoldsAPlace":          reserveHolds,
		"ReservationExpires":          reservationExpires,
		"LateFailureCounts":           lateFailureCounts,
		"SettleTwice":                 settleTwice,
		"SettleNothing":               settleNothing,
		"ParallelWrong":               parallelWrong,
		"ParallelRight":               parallelRight,
		"ParallelMixed":               parallelMixed,
		"WaitersComeInOrder":          waitersInOrder,
		"WaitIsBounded":               waitIsBounded,
		"CancelledWaiterLosesNothing": cancelledWaiter,
		"CancelledCrowd":              cancelledCrowd,
		"AbandonedWakes":              abandonedWakes,
		"SucceededClearsAndWakes":     succeededWakes,
		"ForgetWakes":                 forgetWakes,
		"FullWindowAnswersWaiters":    fullWindowAnswers,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// epoch is where the clocks of the suite start.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func limitOf(n int, window time.Duration) gatehouse.Limit {
	return gatehouse.Limit{Threshold: n, Window: window}
}

func newKey() (k gatehouse.Key) {
	rand.Read(k[:]) // never fails (crypto/rand)
	return k
}

// hit counts one occurrence.
func hit(t testing.TB, w gatehouse.Windows, at time.Time, k gatehouse.Key, l gatehouse.Limit) gatehouse.Tally {
	t.Helper()
	hits := []gatehouse.Hit{{Key: k, Limit: l}}
	if err := w.Hit(context.Background(), at, hits); err != nil {
		t.Fatalf("Hit: %v", err)
	}
	return hits[0].Tally
}

func wantTally(t testing.TB, what string, got, want gatehouse.Tally) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %+v, want %+v", what, got, want)
	}
}

func slides(t *testing.T, w gatehouse.Windows) {
	for _, n := range []int{1, 2, 5, 6, 50} {
		const window = 5 * time.Minute
		k, l := newKey(), limitOf(n, window)
		for i := range n {
			want := gatehouse.Tally{Count: i + 1}
			if i == n-1 {
				want.RetryAfter = window - time.Duration(i)*time.Second
			}
			wantTally(t, "within the window", hit(t, w, epoch.Add(time.Duration(i)*time.Second), k, l), want)
		}
		wantTally(t, "a millisecond before the oldest leaves",
			hit(t, w, epoch.Add(window-time.Millisecond), k, l),
			gatehouse.Tally{Count: n, Over: true, RetryAfter: time.Millisecond})
		want := gatehouse.Tally{Count: n, RetryAfter: time.Second}
		if n == 1 {
			want.RetryAfter = window
		}
		wantTally(t, "as the oldest leaves", hit(t, w, epoch.Add(window), k, l), want)
		after := epoch.Add(3 * window)
		want = gatehouse.Tally{Count: 1}
		if n == 1 {
			want.RetryAfter = window
		}
		wantTally(t, "long after", hit(t, w, after, k, l), want)
	}
}

func largeThresholds(t *testing.T, w gatehouse.Windows) {
	for _, n := range []int{50, 1000, 10_000} {
		k, l := newKey(), limitOf(n, time.Hour)
		for round := range 3 { // so that every timestamp is replaced twice
			from := epoch.Add(time.Duration(round) * time.Hour)
			for i := range n {
				got := hit(t, w, from.Add(time.Duration(i)*time.Millisecond), k, l)
				if full := round > 0 || i == n-1; got.Over || full != (got.Count == n) || full != (got.RetryAfter > 0) {
					t.Fatalf("threshold %d, round %d, occurrence %d: got %+v", n, round, i, got)
				}
			}
			at := from.Add(time.Duration(n) * time.Millisecond)
			wantTally(t, "one too many", hit(t, w, at, k, l),
				gatehouse.Tally{Count: n, Over: true, RetryAfter: from.Add(time.Hour).Sub(at)})
		}
	}
}

func clockStepsBack(t *testing.T, w gatehouse.Windows) {
	k, l := newKey(), limitOf(3, time.Minute)
	hit(t, w, epoch, k, l)
	hit(t, w, epoch.Add(-5*time.Second), k, l) // counted at epoch
	wantTally(t, "third, back in time", hit(t, w, epoch.Add(-time.Second), k, l),
		gatehouse.Tally{Count: 3, RetryAfter: time.Minute})
	wantTally(t, "over, back in time", hit(t, w, epoch.Add(-9*time.Second), k, l),
		gatehouse.Tally{Count: 3, Over: true, RetryAfter: time.Minute})
	wantTally(t, "all leave together", hit(t, w, epoch.Add(time.Minute), k, l), gatehouse.Tally{Count: 1})

	k = newKey()
	r, _, err := w.Reserve(context.Background(), epoch, k, l, 0)
	if err != nil {
		t.Fatal(err)
	}
	hit(t, w, epoch.Add(2*time.Second), k, l)
	got, err := w.Settle(context.Background(), epoch.Add(time.Second), r, gatehouse.Failed)
	if err != nil || got.Count != 2 {
		t.Fatalf("Settle before the newest: %+v, %v", got, err)
	}
	wantTally(t, "the failure was counted at the newest", hit(t, w, epoch.Add(time.Minute+1500*time.Millisecond), k, l),
		gatehouse.Tally{Count: 3, RetryAfter: 500 * time.Millisecond})
}

func severalHits(t *testing.T, w gatehouse.Windows) {
	a, b := newKey(), newKey()
	la, lb := limitOf(2, time.Minute), limitOf(7, time.Hour)
	hits := []gatehouse.Hit{{Key: a, Limit: la}, {Key: b, Limit: lb}, {Key: a, Limit: la}, {Key: a, Limit: la}}
	if err := w.Hit(context.Background(), epoch, hits); err != nil {
		t.Fatal(err)
	}
	wantTally(t, "first of three", hits[0].Tally, gatehouse.Tally{Count: 1})
	wantTally(t, "another key", hits[1].Tally, gatehouse.Tally{Count: 1})
	wantTally(t, "second of three", hits[2].Tally, gatehouse.Tally{Count: 2, RetryAfter: time.Minute})
	wantTally(t, "third of three", hits[3].Tally, gatehouse.Tally{Count: 2, Over: true, RetryAfter: time.Minute})

	many := make([]gatehouse.Hit, 40)
	for i := range many {
		many[i] = gatehouse.Hit{Key: b, Limit: lb}
		if i%2 == 0 {
			many[i].Key = newKey()
		}
	}
	if err := w.Hit(context.Background(), epoch, many); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		want := gatehouse.Tally{Count: min(2+i/2, 7), Over: 2+i/2 > 7}
		if i%2 == 0 {
			want = gatehouse.Tally{Count: 1}
		} else if want.Count == 7 {
			want.RetryAfter = time.Hour
		}
		wantTally(t, "one of 40", many[i].Tally, want)
	}
	if err := w.Hit(context.Background(), epoch, nil); err != nil {
		t.Fatalf("no hits: %v", err)
	}
}

func nothingOnError(t *testing.T, w gatehouse.Windows) {
	good := limitOf(2, time.Minute)
	bad := []gatehouse.Limit{{}, limitOf(0, time.Minute), limitOf(-1, time.Minute), limitOf(10_001, time.Minute),
		limitOf(1, 0), limitOf(1, time.Millisecond-1), limitOf(1, -time.Minute), limitOf(1, 7*24*time.Hour+1)}
	for _, l := range bad {
		k := newKey()
		if err := w.Hit(context.Background(), epoch, []gatehouse.Hit{{Key: k, Limit: good}, {Key: newKey(), Limit: l}}); err == nil {
			t.Errorf("Hit accepts %+v", l)
		}
		if r, _, err := w.Reserve(context.Background(), epoch, k, l, 0); err == nil || r.ID != 0 {
			t.Errorf("Reserve accepts %+v", l)
		}
		wantTally(t, "after the error", hit(t, w, epoch, k, good), gatehouse.Tally{Count: 1})
	}
}

func forgetClears(t *testing.T, w gatehouse.Windows) {
	a, b, c, l := newKey(), newKey(), newKey(), limitOf(9, time.Minute)
	for range 9 {
		for _, k := range []gatehouse.Key{a, b, c} {
			hit(t, w, epoch, k, l)
		}
	}
	if err := w.Forget(context.Background(), a, newKey(), b, a); err != nil {
		t.Fatal(err)
	}
	wantTally(t, "forgotten", hit(t, w, epoch, a, l), gatehouse.Tally{Count: 1})
	wantTally(t, "forgotten too", hit(t, w, epoch, b, l), gatehouse.Tally{Count: 1})
	wantTally(t, "kept", hit(t, w, epoch, c, l), gatehouse.Tally{Count: 9, Over: true, RetryAfter: time.Minute})
	if err := w.Forget(context.Background()); err != nil {
		t.Fatalf("no keys: %v", err)
	}
}

func isBusy(err error) bool { return errors.Is(err, gatehouse.ErrBusy) }
