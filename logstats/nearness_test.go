package logstats_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse/logstats"
)

var quarter = time.Date(2026, 3, 1, 12, 15, 0, 0, time.UTC)

func TestNearness(t *testing.T) {
	n := logstats.NewNearness("brute_force", "bot_activity")
	for _, c := range []struct {
		rule             string
		count, threshold int
	}{
		{"brute_force", 1, 5}, {"brute_force", 1, 5}, {"brute_force", 4, 5}, {"brute_force", 5, 5}, {"brute_force", 9, 5},
		{"bot_activity", 4, 50}, {"bot_activity", 5, 50}, {"bot_activity", 49, 50},
		{"of another version", 1, 5}, {"brute_force", 1, 0}, {"brute_force", -1, 5},
	} {
		n.Count(c.rule, c.count, c.threshold)
	}
	want := []logstats.Count{
		{Slot: quarter, Name: "near:bot_activity:0", N: 1},
		{Slot: quarter, Name: "near:bot_activity:1", N: 1},
		{Slot: quarter, Name: "near:bot_activity:9", N: 1},
		{Slot: quarter, Name: "near:brute_force:10", N: 2},
		{Slot: quarter, Name: "near:brute_force:2", N: 2},
		{Slot: quarter, Name: "near:brute_force:8", N: 1},
	}
	if got := n.Drain(quarter.Add(14 * time.Minute)); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := n.Drain(quarter); len(got) > 0 {
		t.Errorf("drained twice: %+v", got)
	}
}

// Whatever is counted falls into one bin, the one of its tenths, and is drained
// once, however many count and drain at the same time.
func TestNearnessLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := logstats.NewNearness("r")
		counts := rapid.SliceOfN(rapid.IntRange(0, 20_000), 1, 200).Draw(t, "counts")
		threshold := rapid.IntRange(1, 10_000).Draw(t, "threshold")
		want := make(map[string]int)
		for _, c := range counts {
			want[logstats.OfNear("r", min(c*10/threshold, 10))] += 2
		}
		var all []logstats.Count
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for _, c := range counts {
					n.Count("r", c, threshold)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, n.Drain(quarter)...)
			})
		}
		wg.Wait()
		all = logstats.Sum(append(all, n.Drain(quarter)...))
		if len(all) != len(want) {
			t.Fatalf("%+v, want %v", all, want)
		}
		for _, c := range all {
			if c.N != want[c.Name] {
				t.Fatalf("%s: %d, want %d", c.Name, c.N, want[c.Name])
			}
		}
	})
}

func TestNearnessAllocatesNothing(t *testing.T) {
	n := logstats.NewNearness("brute_force", "bot_activity", "rapid_signup")
	if got := testing.AllocsPerRun(1000, func() { n.Count("bot_activity", 3, 50) }); got != 0 {
		t.Errorf("%v allocations for each count", got)
	}
}

func BenchmarkNearness(b *testing.B) {
	n := logstats.NewNearness("brute_force", "bot_activity", "rapid_signup", "rapid_token_refresh", "multiple_devices")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n.Count("bot_activity", 3, 50)
		}
	})
}
