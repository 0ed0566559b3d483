package memory_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestFeed(t *testing.T) {
	storetest.Feed(t, func(t *testing.T) gatehouse.Feed { return memory.NewFeed(memory.FeedOptions{}) })
}

// What publishing costs does not depend on how many watch.
func TestPublishDoesNotWaitForWatchers(t *testing.T) {
	f := memory.NewFeed(memory.FeedOptions{})
	watchers := make([]<-chan gatehouse.FeedMessage, 1000)
	for i := range watchers {
		watchers[i] = f.Subscribe(t.Context())
	}
	const records = 100
	var worst time.Duration
	for i := range records {
		start := time.Now()
		f.Publish(storetest.FindingRecord(fmt.Sprint(i)))
		worst = max(worst, time.Since(start))
	}
	if worst > 100*time.Millisecond {
		t.Errorf("publishing took up to %v", worst)
	}
	for _, w := range watchers {
		for i := range records {
			if m := <-w; m.Record.ID != fmt.Sprint(i) || m.Missed != 0 {
				t.Fatalf("got %+v", m)
			}
		}
	}
}

// BenchmarkFeedDelivery is what a record costs, all in all, until each watcher
// has it. At 1,000 records a second, 1 ms would be all the time there is.
func BenchmarkFeedDelivery(b *testing.B) {
	for _, watchers := range []int{1, 1000} {
		b.Run(fmt.Sprint(watchers), func(b *testing.B) {
			f := memory.NewFeed(memory.FeedOptions{})
			var delivered sync.WaitGroup
			for range watchers {
				w := f.Subscribe(b.Context())
				go func() {
					for m := range w {
						delivered.Add(-1 - m.Missed)
					}
				}()
			}
			r := storetest.FindingRecord("x")
			b.ReportAllocs()
			for b.Loop() {
				delivered.Add(watchers)
				f.Publish(r)
				delivered.Wait()
			}
		})
	}
}

// BenchmarkFeedPublish is what publishing costs the publisher.
func BenchmarkFeedPublish(b *testing.B) {
	for _, watchers := range []int{1, 1000} {
		b.Run(fmt.Sprint(watchers), func(b *testing.B) {
			f := memory.NewFeed(memory.FeedOptions{})
			for range watchers {
				w := f.Subscribe(b.Context())
				go func() {
					for range w {
					}
				}()
			}
			r := storetest.FindingRecord("x")
			b.ReportAllocs()
			for b.Loop() {
				f.Publish(r)
			}
		})
	}
}
