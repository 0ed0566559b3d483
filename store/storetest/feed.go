package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Feed holds a driver to what gatehouse.Feed promises. open returns a feed that
// nobody watches and closes it with the test.
func Feed(t *testing.T, open func(t *testing.T) gatehouse.Feed) {
	tests := map[string]func(t *testing.T, f gatehouse.Feed){
		"InOrder":       feedInOrder,
		"FromNowOn":     feedFromNowOn,
		"SlowWatcher":   feedSlowWatcher,
		"EndsWithCtx":   feedEnds,
		"OwnCopy":       feedOwnCopy,
		"Parallel":      feedParallel,
		"ComeAndGo":     feedComeAndGo,
		"NobodyWatches": feedNobody,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// FindingRecord returns a record that every Feed passes on to every node.
func FindingRecord(id string) gatehouse.Record {
	return gatehouse.Record{
		ID:       id,
		Event:    gatehouse.Event{Kind: gatehouse.BruteForceDetected, Time: epoch},
		Severity: gatehouse.High,
		Finding:  &gatehouse.Finding{ID: "finding", Rule: "brute_force", Kind: gatehouse.BruteForceDetected, First: epoch, Last: epoch, Count: 1},
	}
}

func receive(t testing.TB, messages <-chan gatehouse.FeedMessage) gatehouse.FeedMessage {
	t.Helper()
	select {
	case m, ok := <-messages:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no message in time")
	}
	panic("not reached")
}

func feedInOrder(t *testing.T, f gatehouse.Feed) {
	watchers := make([]<-chan gatehouse.FeedMessage, 3)
	for i := range watchers {
		watchers[i] = f.Subscribe(t.Context())
	}
	f.Publish(FindingRecord("0"), FindingRecord("1"))
	f.Publish()
	for i := 2; i < 10; i++ {
		f.Publish(FindingRecord(fmt.Sprint(i)))
	}
	for _, w := range watchers {
		for i := range 10 {
			m := receive(t, w)
			if m.Record.ID != fmt.Sprint(i) || m.Missed != 0 || m.Record.Finding == nil || m.Record.Finding.Rule != "brute_force" {
				t.Fatalf("message %d: %+v", i, m)
			}
		}
	}
}

func feedFromNowOn(t *testing.T, f gatehouse.Feed) {
	first := f.Subscribe(t.Context())
	f.Publish(FindingRecord("before"))
	receive(t, first) // it has been passed on
	second := f.Subscribe(t.Context())
	f.Publish(FindingRecord("after"))
	if m := receive(t, second); m.Record.ID != "after" || m.Missed != 0 {
		t.Fatalf("a new watcher got %+v", m)
	}
}

// feedSlowWatcher counts: what was got and what was said to be missed is all
// that was published.
func feedSlowWatcher(t *testing.T, f gatehouse.Feed) {
	const published = 50_000
	slow := f.Subscribe(t.Context())
	for i := range published {
		f.Publish(FindingRecord(fmt.Sprint(i)))
	}
	got, missed, last := 0, 0, -1
	for done := false; !done; {
		f.Publish(FindingRecord("end"))
		m := receive(t, slow)
		missed += m.Missed
		if m.Record.ID == "end" {
			done = true
			continue
		}
		got++
		var n int
		fmt.Sscan(m.Record.ID, &n)
		if n != last+1+m.Missed {
			t.Fatalf("record %d came after %d with %d missed", n, last, m.Missed)
		}
		last = n
	}
	if missed == 0 {
		t.Error("a watcher that reads nothing misses nothing")
	}
	if got > published/2 {
		t.Errorf("%d of %d records were kept for a watcher that reads nothing", got, published)
	}
}

func feedEnds(t *testing.T, f gatehouse.Feed) {
	ctx, cancel := context.WithCancel(t.Context())
	w, other := f.Subscribe(ctx), f.Subscribe(t.Context())
	cancel()
	select {
	case m, ok := <-w:
		if ok {
			t.Fatalf("got %+v", m)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the channel is not closed")
	}
	f.Publish(FindingRecord("x"))
	receive(t, other)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range f.Subscribe(over) {
		t.Error("a watcher who never came got a message")
	}
}

func feedOwnCopy(t *testing.T, f gatehouse.Feed) {
	w := f.Subscribe(t.Context())
	records := []gatehouse.Record{FindingRecord("a"), FindingRecord("b")}
	f.Publish(records...)
	records[0].ID, records[1].ID = "changed", "changed"
	if a, b := receive(t, w), receive(t, w); a.Record.ID != "a" || b.Record.ID != "b" {
		t.Fatalf("got %q and %q", a.Record.ID, b.Record.ID)
	}
}

func feedParallel(t *testing.T, f gatehouse.Feed) {
	const publishers, each, watchers = 8, 25, 8 // fewer than are kept for a slow watcher
	var watching sync.WaitGroup
	for range watchers {
		w := f.Subscribe(t.Context())
		watching.Go(func() {
			seen := map[string]int{}
			for range publishers * each {
				m := receive(t, w)
				seen[m.Record.ID]++
				if m.Missed != 0 || seen[m.Record.ID] > 1 {
					t.Errorf("%+v", m)
				}
			}
		})
	}
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for i := range each {
				f.Publish(FindingRecord(fmt.Sprintf("%d-%d", p, i)))
			}
		})
	}
	publishing.Wait()
	watching.Wait()
}

func feedComeAndGo(t *testing.T, f gatehouse.Feed) {
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				w := f.Subscribe(ctx)
				f.Publish(FindingRecord("x"))
				receive(t, w)
				cancel()
				for range w { // until it is closed
				}
			}
		})
	}
	wg.Wait()
}

func feedNobody(t *testing.T, f gatehouse.Feed) {
	for range 10_000 {
		f.Publish(FindingRecord("x"))
	}
}
