package storetest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

const (
	crowd  = 64
	rounds = 60
)

// together runs f crowd times at once and waits for all.
func together(f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func parallelHits(t *testing.T, w gatehouse.Windows) {
	for range rounds {
		k, l := newKey(), limitOf(7, time.Minute)
		var seen [8]atomic.Int32
		var over atomic.Int32
		together(func(int) {
			if got := hit(t, w, epoch, k, l); got.Over {
				over.Add(1)
			} else {
				seen[got.Count].Add(1)
			}
		})
		for n := 1; n <= 7; n++ {
			if seen[n].Load() != 1 || over.Load() != crowd-7 {
				t.Fatalf("of %d at once, %d were number %d and %d over", crowd, seen[n].Load(), n, over.Load())
			}
		}
	}
}

// batchesAreAtomic counts two keys in opposite orders at once: each batch must
// come before or after another in both.
func batchesAreAtomic(t *testing.T, w gatehouse.Windows) {
	for range rounds {
		a, b, l := newKey(), newKey(), limitOf(crowd, time.Minute)
		together(func(i int) {
			hits := []gatehouse.Hit{{Key: a, Limit: l}, {Key: b, Limit: l}}
			if i%2 == 0 {
				hits[0], hits[1] = hits[1], hits[0]
			}
			if err := w.Hit(bg, epoch, hits); err != nil || hits[0].Tally.Count != hits[1].Tally.Count {
				t.Errorf("one key counted %d, the other %d: %v", hits[0].Tally.Count, hits[1].Tally.Count, err)
			}
		})
	}
}

// attempts counts those who hold a place at the same time.
type attempts struct {
	now, most, granted, over atomic.Int32
}

// try makes one attempt that ends in the given way.
func (a *attempts) try(t *testing.T, w gatehouse.Windows, k gatehouse.Key, l gatehouse.Limit, o gatehouse.Outcome) {
	r, tally, err := w.Reserve(bg, epoch, k, l, long)
	if err != nil {
		t.Errorf("Reserve: %v", err)
		return
	}
	if r.ID == 0 {
		if !tally.Over || tally.Count != l.Threshold || tally.RetryAfter <= 0 {
			t.Errorf("refused with %+v", tally)
		}
		a.over.Add(1)
		return
	}
	a.granted.Add(1)
	n := a.now.Add(1)
	for m := a.most.Load(); n > m && !a.most.CompareAndSwap(m, n); m = a.most.Load() {
	}
	a.now.Add(-1)
	if _, err := w.Settle(bg, epoch, r, o); err != nil {
		t.Errorf("Settle: %v", err)
	}
}

func parallelWrong(t *testing.T, w gatehouse.Windows) {
	for range rounds {
		var a attempts
		k, l := newKey(), limitOf(5, time.Minute)
		together(func(int) { a.try(t, w, k, l, gatehouse.Failed) })
		if a.granted.Load() != 5 || a.over.Load() != crowd-5 {
			t.Fatalf("of %d wrong attempts %d were let in and %d refused", crowd, a.granted.Load(), a.over.Load())
		}
	}
}

func parallelRight(t *testing.T, w gatehouse.Windows) {
	for range rounds {
		var a attempts
		k, l := newKey(), limitOf(5, time.Minute)
		together(func(int) { a.try(t, w, k, l, gatehouse.Succeeded) })
		if a.granted.Load() != crowd || a.most.Load() > 5 {
			t.Fatalf("of %d right attempts %d were let in, %d at once", crowd, a.granted.Load(), a.most.Load())
		}
	}
}

func parallelMixed(t *testing.T, w gatehouse.Windows) {
	for range rounds {
		var a attempts
		k, l := newKey(), limitOf(3, time.Minute)
		together(func(int) { a.try(t, w, k, l, gatehouse.Outcome(1+rand.N(3))) })
		if a.most.Load() > 3 || a.granted.Load()+a.over.Load() != crowd {
			t.Fatalf("%d in flight at once, %d let in, %d refused", a.most.Load(), a.granted.Load(), a.over.Load())
		}
		// No place is left behind.
		if err := w.Forget(bg, k); err != nil {
			t.Fatal(err)
		}
		var held []gatehouse.Reservation
		for range 3 {
			held = append(held, reserve(t, w, epoch, k, l))
		}
		for _, r := range held {
			settle(t, w, epoch, r, gatehouse.Abandoned)
		}
	}
}
