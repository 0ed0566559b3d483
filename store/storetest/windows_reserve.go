package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Waits that end because something happens are given long; those that run out
// are short.
const (
	long  = 20 * time.Second
	short = 30 * time.Millisecond
)

var bg = context.Background()

// reserve takes a place that is free.
func reserve(t testing.TB, w gatehouse.Windows, at time.Time, k gatehouse.Key, l gatehouse.Limit) gatehouse.Reservation {
	t.Helper()
	r, _, err := w.Reserve(bg, at, k, l, 0)
	if err != nil || r.ID == 0 || r.Key != k || r.Limit != l {
		t.Fatalf("Reserve: %+v, %v", r, err)
	}
	return r
}

func settle(t testing.TB, w gatehouse.Windows, at time.Time, r gatehouse.Reservation, o gatehouse.Outcome) gatehouse.Tally {
	t.Helper()
	got, err := w.Settle(bg, at, r, o)
	if err != nil {
		t.Fatalf("Settle(%v): %v", o, err)
	}
	return got
}

func reserveHolds(t *testing.T, w gatehouse.Windows) {
	k, l := newKey(), limitOf(3, time.Minute)
	hit(t, w, epoch, k, l)
	a, b := reserve(t, w, epoch, k, l), reserve(t, w, epoch, k, l)
	if a.ID == b.ID {
		t.Fatalf("two reservations share the ID %d", a.ID)
	}
	if r, _, err := w.Reserve(bg, epoch, k, l, 0); !isBusy(err) || r.ID != 0 {
		t.Fatalf("a place too many: %+v, %v", r, err)
	}
	wantTally(t, "first failure", settle(t, w, epoch, a, gatehouse.Failed), gatehouse.Tally{Count: 2})
	if r, _, err := w.Reserve(bg, epoch, k, l, 0); !isBusy(err) || r.ID != 0 {
		t.Fatalf("a failure freed its place: %+v, %v", r, err)
	}
	wantTally(t, "second failure", settle(t, w, epoch, b, gatehouse.Failed), gatehouse.Tally{Count: 3, RetryAfter: time.Minute})
	r, got, err := w.Reserve(bg, epoch, k, l, long)
	if err != nil || r != (gatehouse.Reservation{}) {
		t.Fatalf("a full window: %+v, %v", r, err)
	}
	wantTally(t, "a full window", got, gatehouse.Tally{Count: 3, Over: true, RetryAfter: time.Minute})
	reserve(t, w, epoch.Add(time.Minute), k, l)
}

func reservationExpires(t *testing.T, w gatehouse.Windows) {
	k, l := newKey(), limitOf(2, time.Minute)
	reserve(t, w, epoch, k, l)
	reserve(t, w, epoch.Add(time.Second), k, l)
	if _, _, err := w.Reserve(bg, epoch.Add(gatehouse.ReservationTTL-time.Millisecond), k, l, 0); !isBusy(err) {
		t.Fatalf("just before it expires: %v", err)
	}
	reserve(t, w, epoch.Add(gatehouse.ReservationTTL), k, l)
	if _, _, err := w.Reserve(bg, epoch.Add(gatehouse.ReservationTTL), k, l, 0); !isBusy(err) {
		t.Fatalf("only one of two has expired: %v", err)
	}
}

func lateFailureCounts(t *testing.T, w gatehouse.Windows) {
	k, l := newKey(), limitOf(2, time.Hour)
	late := epoch.Add(gatehouse.ReservationTTL + 3*time.Minute)
	r := reserve(t, w, epoch, k, l)
	wantTally(t, "late failure", settle(t, w, late, r, gatehouse.Failed), gatehouse.Tally{Count: 1})
	wantTally(t, "late failure again", settle(t, w, late, r, gatehouse.Failed), gatehouse.Tally{Count: 1})

	k = newKey()
	r = reserve(t, w, epoch, k, l)
	hit(t, w, late, k, l)
	hit(t, w, late, k, l)
	wantTally(t, "others took its place", settle(t, w, late, r, gatehouse.Failed),
		gatehouse.Tally{Count: 2, Over: true, RetryAfter: time.Hour})
}

func settleTwice(t *testing.T, w gatehouse.Windows) {
	outcomes := []gatehouse.Outcome{gatehouse.Failed, gatehouse.Succeeded, gatehouse.Abandoned}
	for _, first := range outcomes {
		for _, second := range outcomes {
			k, l := newKey(), limitOf(3, time.Minute)
			r := reserve(t, w, epoch, k, l)
			other := reserve(t, w, epoch, k, l)
			want := settle(t, w, epoch, r, first)
			if got := settle(t, w, epoch, r, second); got != want {
				t.Errorf("settled %v, then %v: %+v, want %+v as before", first, second, got, want)
			}
			if got := settle(t, w, epoch, other, gatehouse.Failed); got.Count != want.Count+1 {
				t.Errorf("settled %v, then %v: the other place was lost: %+v", first, second, got)
			}
		}
	}
}

func settleNothing(t *testing.T, w gatehouse.Windows) {
	for o := range gatehouse.Abandoned + 1 {
		wantTally(t, "nothing", settle(t, w, epoch, gatehouse.Reservation{}, o), gatehouse.Tally{})
	}
	k, l := newKey(), limitOf(2, time.Minute)
	r := reserve(t, w, epoch, k, l)
	for _, o := range []gatehouse.Outcome{0, gatehouse.Abandoned + 1, 255} {
		if _, err := w.Settle(bg, epoch, r, o); err == nil {
			t.Errorf("Settle accepts the outcome %d", o)
		}
	}
	wantTally(t, "after wrong outcomes", settle(t, w, epoch, r, gatehouse.Failed), gatehouse.Tally{Count: 1})
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, _, err := w.Reserve(ctx, epoch, k, l, long); !errors.Is(err, context.Canceled) {
		t.Errorf("Reserve with a context that has ended: %v", err)
	}
	reserve(t, w, epoch, k, l)
}
