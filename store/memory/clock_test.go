package memory_test

import (
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

const day = 24 * time.Hour

// A store that runs for years counts as on its first day.
func TestYears(t *testing.T) {
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	week := gatehouse.Limit{Threshold: 8, Window: 7 * day}
	for n := range 1000 {
		at := start.Add(time.Duration(n) * day)
		for _, k := range []int{1, 2} {
			if got := hit(t, w, at, key(k), week); got.Over || got.Count != min(n+1, 7) {
				t.Fatalf("day %d: %+v", n, got)
			}
		}
	}
	at := start.Add(1000 * day)
	many := gatehouse.Limit{Threshold: 100, Window: 7 * day}
	for n := range 40 { // in a ring, across a change of the base
		hit(t, w, at.Add(time.Duration(n)*time.Hour), key(3), many)
	}
	hit(t, w, at.Add(6*day), key(4), many)
	for n := range 30 {
		at := at.Add(6*day + time.Duration(n)*day)
		want := 1
		for k := range 40 {
			if at.Before(start.Add(1007*day + time.Duration(k)*time.Hour)) {
				want++
			}
		}
		if got := hit(t, w, at, key(3), many); got.Count != want+min(n, 6) {
			t.Fatalf("day %d: %+v, want %d", n, got, want+min(n, 6))
		}
	}
	if got := hit(t, w, start.AddDate(80, 0, 0), key(1), week); got.Count != 1 {
		t.Fatalf("after 80 years: %+v", got)
	}
}

// A clock that was set back by years neither frees what was counted nor keeps
// it for years.
func TestClockSetBack(t *testing.T) {
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	many := gatehouse.Limit{Threshold: 10, Window: time.Hour}
	wrong := start.AddDate(14, 0, 0)
	for range 5 {
		hit(t, w, wrong, key(1), five)
	}
	for range 9 {
		hit(t, w, wrong, key(2), many)
	}
	if got := hit(t, w, start, key(1), five); !got.Over || got.RetryAfter != five.Window {
		t.Errorf("what was counted: %+v", got)
	}
	if got := hit(t, w, start, key(2), many); got.Count != 10 || got.Over {
		t.Errorf("in a ring: %+v", got)
	}
	for n := range 5 {
		if got := hit(t, w, start.Add(time.Duration(n)*time.Minute), key(3), five); got.Count != n+1 {
			t.Errorf("a new key: %+v", got)
		}
	}
	if got := hit(t, w, start.Add(5*time.Minute), key(3), five); got.Over {
		t.Errorf("a new key whose oldest has left: %+v", got)
	}
	for _, k := range []int{1, 2} {
		if got := hit(t, w, start.Add(60*day), key(k), many); got.Count != 1 {
			t.Errorf("key %d after 60 days: %+v", k, got)
		}
	}
}

func TestOddTimes(t *testing.T) {
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	for n, at := range []time.Time{{}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0), start, time.Unix(0, 0)} {
		hit(t, w, at, key(n), five)
		if got := hit(t, w, at, key(n), five); got.Count != 2 {
			t.Errorf("at %v: %+v", at, got)
		}
	}
}

// A new limit for a key holds from then on.
func TestLimitChanges(t *testing.T) {
	w := memory.NewWindows(memory.Options{})
	limit := func(n int, window time.Duration) gatehouse.Limit {
		return gatehouse.Limit{Threshold: n, Window: window}
	}
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for n := range 20 {
		hit(t, w, at(n), key(1), limit(20, time.Minute))
	}
	// Of twenty the newest five are kept: the one of second 15 leaves first.
	want := gatehouse.Tally{Count: 5, Over: true, RetryAfter: 55 * time.Second}
	if got := hit(t, w, at(20), key(1), limit(5, time.Minute)); got != want {
		t.Errorf("a smaller threshold: %+v, want %+v", got, want)
	}
	want = gatehouse.Tally{Count: 6}
	if got := hit(t, w, at(20), key(1), limit(20, time.Minute)); got != want {
		t.Errorf("a larger one again: %+v, want %+v", got, want)
	}
	want = gatehouse.Tally{Count: 3} // of seconds 19, 20 and now
	if got := hit(t, w, at(21), key(1), limit(20, 3*time.Second)); got != want {
		t.Errorf("a shorter window: %+v, want %+v", got, want)
	}
	want = gatehouse.Tally{Count: 4}
	if got := hit(t, w, at(60), key(1), limit(20, time.Hour)); got != want {
		t.Errorf("a longer one: %+v, want %+v", got, want)
	}
	// Twelve limits at once, in one call, on one key.
	hits := make([]gatehouse.Hit, 12)
	for i := range hits {
		hits[i] = gatehouse.Hit{Key: key(2), Limit: limit(12-i, time.Minute)}
	}
	if err := w.Hit(bg, start, hits); err != nil {
		t.Fatal(err)
	}
	for i, h := range hits {
		threshold := 12 - i
		if got := h.Tally; got.Count != min(i+1, threshold) || got.Over != (i+1 > threshold) {
			t.Errorf("hit %d against %d: %+v", i+1, threshold, got)
		}
	}
	// An attempt made before the change settles after it.
	r, _, err := w.Reserve(bg, start, key(3), limit(3, time.Minute), 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 9 {
		hit(t, w, start, key(3), limit(9, time.Minute))
	}
	if got, err := w.Settle(bg, start, r, gatehouse.Failed); err != nil || got.Count != 3 || !got.Over {
		t.Errorf("settled against the limit of its time: %+v, %v", got, err)
	}
}
