package memory_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

var (
	bg    = context.Background()
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	five  = gatehouse.Limit{Threshold: 5, Window: 5 * time.Minute}
)

// key spreads numbers over the table as a keyed hash does.
func key(n int) (k gatehouse.Key) {
	r := rand.NewPCG(uint64(n), 0)
	binary.LittleEndian.PutUint64(k[:8], r.Uint64())
	binary.LittleEndian.PutUint64(k[8:], r.Uint64())
	return k
}

func hit(t testing.TB, w gatehouse.Windows, at time.Time, k gatehouse.Key, l gatehouse.Limit) gatehouse.Tally {
	t.Helper()
	tally, err := tryHit(w, at, k, l)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

func tryHit(w gatehouse.Windows, at time.Time, k gatehouse.Key, l gatehouse.Limit) (gatehouse.Tally, error) {
	hits := []gatehouse.Hit{{Key: k, Limit: l}}
	err := w.Hit(bg, at, hits)
	return hits[0].Tally, err
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A crowd of invented keys neither pushes out the counter of an account under
// attack nor makes the process grow.
func TestFlood(t *testing.T) {
	const budget, flood = 1 << 20, floodSize
	w := memory.NewWindows(memory.Options{MaxBytes: budget})
	attacked, slow := key(-1), key(-2)
	before := heap()
	for i := range 4 {
		hit(t, w, start, attacked, five)
		if i%2 == 0 {
			hit(t, w, start, slow, five)
		}
	}
	for n := range flood {
		at := start.Add(time.Duration(n) * time.Microsecond)
		hit(t, w, at, key(n), five)
		if n == flood/2 {
			if got := hit(t, w, at, slow, five); got.Count != 3 {
				t.Fatalf("half way a counter that stood at 2 of 5 is at %+v", got)
			}
		}
	}
	at := start.Add(time.Minute)
	want := gatehouse.Tally{Count: 5, RetryAfter: 4 * time.Minute}
	if got := hit(t, w, at, attacked, five); got != want {
		t.Errorf("the attacked counter is at %+v, want %+v", got, want)
	}
	if got := hit(t, w, at, slow, five); got.Count != 4 {
		t.Errorf("the slower attack is at %+v, want 4", got)
	}
	if grown := int64(heap() - before); grown > budget*5/4 {
		t.Errorf("the heap has grown by %d bytes, the budget is %d", grown, budget)
	}
	runtime.KeepAlive(w)
}

// The same with keys that need rings of timestamps.
func TestFloodOfBusyKeys(t *testing.T) {
	const budget = 1 << 20
	limit := gatehouse.Limit{Threshold: 50, Window: time.Minute}
	w := memory.NewWindows(memory.Options{MaxBytes: budget})
	before := heap()
	for range 45 {
		hit(t, w, start, key(-1), limit)
	}
	for n := range 20_000 {
		for range 20 {
			hit(t, w, start, key(n), limit)
		}
	}
	if got := hit(t, w, start, key(-1), limit); got.Count != 46 {
		t.Errorf("the attacked counter is at %+v, want 46", got)
	}
	if grown := int64(heap() - before); grown > budget*5/4 {
		t.Errorf("the heap has grown by %d bytes, the budget is %d", grown, budget)
	}
	// A long ring can still be had in a full store, and is given back.
	long := gatehouse.Limit{Threshold: 10_000, Window: time.Minute}
	for n := range 10_000 {
		if got := hit(t, w, start, key(-2), long); got.Count != n+1 {
			t.Fatalf("occurrence %d is counted as %+v", n+1, got)
		}
	}
	if grown := int64(heap() - before); grown > budget*5/4 {
		t.Errorf("the heap has grown by %d bytes, the budget is %d", grown, budget)
	}
}

// When nothing may be evicted, what is there stays and the new is refused.
func TestFullOfFullWindows(t *testing.T) {
	once := gatehouse.Limit{Threshold: 1, Window: time.Hour}
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	n, err := 0, error(nil)
	for ; err == nil; n++ {
		_, err = tryHit(w, start, key(n), once)
	}
	if !errors.Is(err, gatehouse.ErrBusy) || n < 3500 {
		t.Fatalf("after %d keys: %v", n, err)
	}
	for i := range n - 1 {
		if got := hit(t, w, start, key(i), once); !got.Over {
			t.Fatalf("the full window %d of %d was evicted: %+v", i, n, got)
		}
	}
	batch := []gatehouse.Hit{{Key: key(0), Limit: once}, {Key: key(-1), Limit: five}, {Key: key(-2), Limit: five}, {Key: key(-1), Limit: five}}
	if err := w.Hit(bg, start, batch); !errors.Is(err, gatehouse.ErrBusy) {
		t.Fatalf("a batch without room: %v", err)
	}
	if _, _, err := w.Reserve(bg, start, key(-1), five, time.Hour); !errors.Is(err, gatehouse.ErrBusy) {
		t.Fatalf("a reservation without room: %v", err)
	}
	later := start.Add(time.Hour) // all have expired
	if got := hit(t, w, later, key(-1), five); got.Count != 1 {
		t.Fatalf("after the error: %+v", got)
	}
	for i := range n {
		if got := hit(t, w, later, key(i), five); got.Count != 1 {
			t.Fatalf("after an hour: %+v", got)
		}
	}
}

// A key with a place held is never evicted, so that its outcome can be counted.
func TestHeldKeysStay(t *testing.T) {
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	many := gatehouse.Limit{Threshold: 20, Window: time.Minute}
	var held []gatehouse.Reservation
	for range 20 {
		r, _, err := w.Reserve(bg, start, key(-1), many, 0)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, r)
	}
	for n := range 100_000 {
		hit(t, w, start, key(n), five)
	}
	for i, r := range held {
		if got, err := w.Settle(bg, start, r, gatehouse.Failed); err != nil || got.Count != i+1 {
			t.Fatalf("failure %d: %+v, %v", i+1, got, err)
		}
	}
}

// Attempts that nobody settles are forgotten, and too many at once are refused.
func TestAttemptsInFlightAreBounded(t *testing.T) {
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	for round := range 3 {
		at := start.Add(time.Duration(round) * time.Hour)
		n := 0
		for ; n < 10_000; n++ {
			if _, _, err := w.Reserve(bg, at, key(n), five, 0); errors.Is(err, gatehouse.ErrBusy) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n < 50 || n > 1000 {
			t.Errorf("round %d: %d attempts in flight", round, n)
		}
	}
}

// A small table that grows, shrinks, wraps around and moves its slots counts as
// a map does.
func TestTableMatchesMap(t *testing.T) {
	w := memory.NewWindows(memory.Options{MaxBytes: 1})
	limit := gatehouse.Limit{Threshold: 9, Window: time.Minute}
	r := rand.New(rand.NewPCG(1, 2))
	model := map[int][]time.Time{}
	at := start
	for i := range 300_000 {
		keys := 3000
		if i/50_000%2 == 1 {
			keys = 50 // the others expire
		}
		at = at.Add(time.Duration(r.IntN(20)) * time.Millisecond)
		n := r.IntN(keys)
		if r.IntN(20) == 0 {
			if err := w.Forget(bg, key(n)); err != nil {
				t.Fatal(err)
			}
			delete(model, n)
			continue
		}
		times := model[n]
		for len(times) > 0 && !at.Before(times[0].Add(limit.Window)) {
			times = times[1:]
		}
		want := gatehouse.Tally{Count: len(times), Over: len(times) == 9}
		if !want.Over {
			times = append(times, at)
			want.Count++
		}
		if want.Count == 9 {
			want.RetryAfter = times[0].Add(limit.Window).Sub(at)
		}
		model[n] = times
		if got := hit(t, w, at, key(n), limit); got != want {
			t.Fatalf("operation %d: %+v, want %+v", i, got, want)
		}
	}
}
