package memory_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

var bothAlgorithms = map[string]gatehouse.Algorithm{"sliding": gatehouse.SlidingWindow, "gcra": gatehouse.GCRA}

// A crowd of invented keys neither pushes out a limit that is used up, or nearly,
// nor makes the process grow.
func TestRatesFlood(t *testing.T) {
	const budget = 1 << 20
	for name, algorithm := range bothAlgorithms {
		t.Run(name, func(t *testing.T) {
			r := memory.NewRates(memory.Options{MaxBytes: budget})
			before := heap()
			take := func(n int, at time.Time, cost int) gatehouse.Quota {
				all := []gatehouse.Take{{Key: key(n), Limit: gatehouse.Limit{Threshold: 20, Window: time.Hour}, Algorithm: algorithm, Cost: cost}}
				if err := r.Take(bg, at, all); err != nil {
					t.Fatal(err)
				}
				return all[0].Quota
			}
			take(-1, start, 20)
			take(-2, start, 12)
			for n := range floodSize / 10 {
				take(n, start.Add(time.Duration(n)*time.Microsecond), 1+n%3)
			}
			if got := take(-1, start.Add(time.Minute), 1); !got.Over {
				t.Errorf("a limit that was used up: %+v", got)
			}
			if got := take(-2, start.Add(time.Minute), 1); got.Remaining != 7 {
				t.Errorf("a limit of which 12 of 20 were used: %+v", got)
			}
			if grown := int64(heap() - before); grown > budget*5/4 {
				t.Errorf("the heap has grown by %d bytes, the budget is %d", grown, budget)
			}
			runtime.KeepAlive(r)
		})
	}
}

// Where there is no room for one of several limits, none is charged.
func TestRatesWithoutRoom(t *testing.T) {
	for name, algorithm := range bothAlgorithms {
		t.Run(name, func(t *testing.T) {
			r := memory.NewRates(memory.Options{MaxBytes: 1})
			limit := gatehouse.Limit{Threshold: 1, Window: time.Hour} // all are used up, so none is evicted
			known := gatehouse.Take{Key: key(-1), Limit: gatehouse.Limit{Threshold: 100, Window: time.Hour}, Algorithm: algorithm, Cost: 60}
			if err := r.Take(bg, start, []gatehouse.Take{known}); err != nil {
				t.Fatal(err)
			}
			known.Cost = 5
			for n := 0; ; n++ {
				all := []gatehouse.Take{{Key: key(n), Limit: limit, Algorithm: algorithm}}
				if err := r.Take(bg, start, all); err == nil {
					continue
				} else if !errors.Is(err, gatehouse.ErrBusy) || n < 1000 {
					t.Fatalf("after %d: %v", n, err)
				}
				break
			}
			for n := range 50 {
				all := []gatehouse.Take{known, {Key: key(1e6 + n), Limit: limit, Algorithm: algorithm}}
				if n%2 == 0 {
					all[0], all[1] = all[1], all[0]
				}
				if err := r.Take(bg, start, all); !errors.Is(err, gatehouse.ErrBusy) {
					t.Fatalf("two, one of which is new: %v", err)
				}
			}
			all := []gatehouse.Take{known}
			if err := r.Take(bg, start, all); err != nil {
				t.Fatal(err)
			}
			if got := all[0].Quota.Remaining; got != 35 && got != 95 { // it may have been evicted: it was the coldest
				t.Errorf("%d remain of 100", got)
			}
			all = []gatehouse.Take{{Key: key(-3), Limit: limit, Algorithm: algorithm}}
			if err := r.Take(bg, start.Add(time.Hour), all); err != nil || all[0].Quota.Over {
				t.Errorf("an hour later: %v, %+v", err, all[0].Quota)
			}
		})
	}
}

// What has drained is removed long before its window is over.
func TestRatesDrained(t *testing.T) {
	r := memory.NewRates(memory.Options{MaxBytes: 1})
	before := heap()
	for n := range 100_000 { // ten are in use at a time
		all := []gatehouse.Take{{Key: key(n), Limit: gatehouse.Limit{Threshold: 3600, Window: time.Hour}, Algorithm: gatehouse.GCRA}}
		if err := r.Take(bg, start.Add(time.Duration(n)*100*time.Millisecond), all); err != nil || all[0].Quota.Remaining != 3599 {
			t.Fatalf("%v, %+v", err, all[0].Quota)
		}
	}
	if grown := int64(heap() - before); grown > 64<<10 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	runtime.KeepAlive(r)
}

func TestRatesDoNotAllocate(t *testing.T) {
	for name, algorithm := range bothAlgorithms {
		r := memory.NewRates(memory.Options{})
		limits := make([]gatehouse.Take, 4)
		for i := range limits {
			limits[i] = gatehouse.Take{Key: key(i), Limit: gatehouse.Limit{Threshold: 100 * (1 + i), Window: time.Second}, Algorithm: algorithm}
		}
		at := start
		for _, all := range [][]gatehouse.Take{limits[:1], limits} {
			if n := testing.AllocsPerRun(1000, func() {
				at = at.Add(time.Duration(rand.N(30)) * time.Millisecond)
				if err := r.Take(bg, at, all); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s: %d limits cost %v allocations", name, len(all), n)
			}
		}
	}
}

// The clock of a shard has a new base now and then.
func TestRatesForYears(t *testing.T) {
	for name, algorithm := range bothAlgorithms {
		r := memory.NewRates(memory.Options{MaxBytes: 1})
		one := []gatehouse.Take{{Key: key(1), Limit: gatehouse.Limit{Threshold: 2, Window: 7 * 24 * time.Hour}, Algorithm: algorithm, Cost: 2}}
		at := start
		for n := range 400 {
			if err := r.Take(bg, at, one); err != nil || one[0].Quota.Over {
				t.Fatalf("%s, use %d: %v, %+v", name, n, err, one[0].Quota)
			}
			if err := r.Take(bg, at.Add(one[0].Limit.Window-time.Millisecond), one); err != nil || !one[0].Quota.Over || one[0].Quota.RetryAfter != time.Millisecond {
				t.Fatalf("%s, use %d, too early: %v, %+v", name, n, err, one[0].Quota)
			}
			at = at.Add(one[0].Limit.Window + time.Duration(n%50)*24*time.Hour)
		}
	}
}
