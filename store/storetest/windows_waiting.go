package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// answer is what a call of Reserve came back with.
type answer struct {
	r     gatehouse.Reservation
	tally gatehouse.Tally
	err   error
}

// queue calls Reserve in another goroutine and gives it time to get in line:
// from outside there is no telling when it has.
func queue(ctx context.Context, w gatehouse.Windows, k gatehouse.Key, l gatehouse.Limit) <-chan answer {
	ch := make(chan answer, 1)
	go func() {
		r, tally, err := w.Reserve(ctx, epoch, k, l, long)
		ch <- answer{r, tally, err}
	}()
	<-time.After(short)
	return ch
}

func wantGrant(t *testing.T, ch <-chan answer) gatehouse.Reservation {
	t.Helper()
	got := <-ch
	if got.err != nil || got.r.ID == 0 {
		t.Fatalf("a waiter got %+v", got)
	}
	return got.r
}

func wantWaiting(t *testing.T, ch <-chan answer) {
	t.Helper()
	select {
	case got := <-ch:
		t.Fatalf("a waiter came too soon: %+v", got)
	case <-time.After(short):
	}
}

// taken returns a key all of whose places are held.
func taken(t *testing.T, w gatehouse.Windows, l gatehouse.Limit) (gatehouse.Key, []gatehouse.Reservation) {
	t.Helper()
	k := newKey()
	var held []gatehouse.Reservation
	for range l.Threshold {
		held = append(held, reserve(t, w, epoch, k, l))
	}
	return k, held
}

func waitersInOrder(t *testing.T, w gatehouse.Windows) {
	l := limitOf(2, time.Minute)
	k, held := taken(t, w, l)
	var line []<-chan answer
	for range 6 {
		line = append(line, queue(bg, w, k, l))
	}
	for i, ch := range line {
		if i+1 < len(line) {
			settle(t, w, epoch, held[i], gatehouse.Abandoned)
			held = append(held, wantGrant(t, ch))
			continue
		}
		wantWaiting(t, ch)
		settle(t, w, epoch, held[i], gatehouse.Abandoned)
		wantGrant(t, ch)
	}
}

func waitIsBounded(t *testing.T, w gatehouse.Windows) {
	l := limitOf(1, time.Minute)
	k, held := taken(t, w, l)
	start := time.Now()
	r, _, err := w.Reserve(bg, epoch, k, l, short)
	if !isBusy(err) || r.ID != 0 || time.Since(start) < short {
		t.Fatalf("after %v: %+v, %v", time.Since(start), r, err)
	}
	// Having given up, it holds nothing and is in nobody's way.
	next := queue(bg, w, k, l)
	settle(t, w, epoch, held[0], gatehouse.Abandoned)
	settle(t, w, epoch, wantGrant(t, next), gatehouse.Abandoned)
	reserve(t, w, epoch, k, l)
}

func cancelledWaiter(t *testing.T, w gatehouse.Windows) {
	l := limitOf(1, time.Minute)
	k, held := taken(t, w, l)
	ctx, cancel := context.WithCancel(bg)
	first := queue(ctx, w, k, l)
	second := queue(bg, w, k, l)
	cancel()
	if got := <-first; !errors.Is(got.err, context.Canceled) || got.r.ID != 0 {
		t.Fatalf("cancelled: %+v", got)
	}
	wantWaiting(t, second)
	settle(t, w, epoch, held[0], gatehouse.Abandoned)
	settle(t, w, epoch, wantGrant(t, second), gatehouse.Abandoned)
	reserve(t, w, epoch, k, l)
}

// cancelledCrowd cancels some of a crowd at random moments: whoever gets a place
// gives it back, and in the end every place is free.
func cancelledCrowd(t *testing.T, w gatehouse.Windows) {
	for range rounds / 4 {
		l := limitOf(2, time.Minute)
		k := newKey()
		var mu sync.Mutex
		var cancels []context.CancelFunc
		together(func(i int) {
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			mu.Lock()
			cancels = append(cancels, cancel)
			if i%4 == 0 {
				cancels[rand.N(len(cancels))]()
			}
			mu.Unlock()
			r, _, err := w.Reserve(ctx, epoch, k, l, long)
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Reserve: %v", err)
			}
			if _, err := w.Settle(bg, epoch, r, gatehouse.Abandoned); err != nil {
				t.Errorf("Settle: %v", err)
			}
		})
		reserve(t, w, epoch, k, l)
		reserve(t, w, epoch, k, l)
	}
}

func abandonedWakes(t *testing.T, w gatehouse.Windows) {
	l := limitOf(3, time.Minute)
	k, held := taken(t, w, l)
	a, b := queue(bg, w, k, l), queue(bg, w, k, l)
	settle(t, w, epoch, held[1], gatehouse.Abandoned)
	wantGrant(t, a)
	settle(t, w, epoch, held[0], gatehouse.Failed)
	wantWaiting(t, b)
	settle(t, w, epoch, held[2], gatehouse.Abandoned)
	wantGrant(t, b)
}

func succeededWakes(t *testing.T, w gatehouse.Windows) {
	k, l := newKey(), limitOf(3, time.Minute)
	hit(t, w, epoch, k, l)
	hit(t, w, epoch, k, l)
	held := reserve(t, w, epoch, k, l)
	var line []<-chan answer
	for range 4 {
		line = append(line, queue(bg, w, k, l))
	}
	wantTally(t, "success", settle(t, w, epoch, held, gatehouse.Succeeded), gatehouse.Tally{})
	for _, ch := range line[:3] {
		held = wantGrant(t, ch)
	}
	wantWaiting(t, line[3])
	settle(t, w, epoch, held, gatehouse.Succeeded)
	wantGrant(t, line[3])
}

func forgetWakes(t *testing.T, w gatehouse.Windows) {
	k, l := newKey(), limitOf(2, time.Minute)
	hit(t, w, epoch, k, l)
	held := reserve(t, w, epoch, k, l)
	waiting := queue(bg, w, k, l)
	if err := w.Forget(bg, k); err != nil {
		t.Fatal(err)
	}
	second := wantGrant(t, waiting)
	if _, _, err := w.Reserve(bg, epoch, k, l, 0); !isBusy(err) {
		t.Fatalf("a held place was forgotten: %v", err)
	}
	wantTally(t, "failure after", settle(t, w, epoch, held, gatehouse.Failed), gatehouse.Tally{Count: 1})
	wantTally(t, "failure after", settle(t, w, epoch, second, gatehouse.Failed), gatehouse.Tally{Count: 2, RetryAfter: time.Minute})
}

func fullWindowAnswers(t *testing.T, w gatehouse.Windows) {
	l := limitOf(2, time.Minute)
	full := gatehouse.Tally{Count: 2, Over: true, RetryAfter: time.Minute}

	k, held := taken(t, w, l)
	line := []<-chan answer{queue(bg, w, k, l), queue(bg, w, k, l)}
	for _, r := range slices.Backward(held) {
		settle(t, w, epoch, r, gatehouse.Failed)
	}
	for _, ch := range line {
		if got := <-ch; got.err != nil || got.r.ID != 0 || got.tally != full {
			t.Fatalf("after the last failure: %+v", got)
		}
	}

	// Occurrences from elsewhere fill the window as well.
	k, held = taken(t, w, l)
	waiting := queue(bg, w, k, l)
	hit(t, w, epoch, k, l)
	hit(t, w, epoch, k, l)
	if got := <-waiting; got.err != nil || got.r.ID != 0 || got.tally != full {
		t.Fatalf("after two hits: %+v", got)
	}
	wantTally(t, "no room for the attempt", settle(t, w, epoch, held[0], gatehouse.Failed), full)
}
