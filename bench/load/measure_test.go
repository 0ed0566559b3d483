package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// A server that hesitates is charged for all who came meanwhile, though one worker
// alone waits for it.
func TestLatencyCountsFromTheSchedule(t *testing.T) {
	began := time.Now()
	s := &schedule{ConstantPacer: vegeta.ConstantPacer{Freq: 100, Per: time.Second}, requests: 4}
	wait, stop := s.Pace(0, 0)
	if wait != 10*time.Millisecond || stop {
		t.Fatalf("the first request waits %v", wait)
	}
	if wait, _ := s.Pace(500*time.Millisecond, 3); wait > 0 {
		t.Errorf("one that is owed waits %v", wait)
	}
	if _, stop := s.Pace(500*time.Millisecond, 4); !stop {
		t.Error("more are sent than were due")
	}
	for seq, want := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond} {
		if got := s.due(uint64(seq)).Sub(began); got < want || got > want+time.Second/2 {
			t.Errorf("request %d is due after %v, want %v", seq, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	var sorted []time.Duration
	for i := range 1000 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if quantile(sorted[:1], 0.99) != 1 || quantile(nil, 0.99) != 0 {
		t.Error("of one value or none")
	}
}

func TestBounds(t *testing.T) {
	// Table of the binomial distribution: n, and the ranks from either end.
	for n, rank := range map[int]int{1: 1, 5: 1, 6: 1, 9: 2, 10: 2, 12: 3, 20: 6} {
		var values []float64
		for i := range n {
			values = append(values, float64(n-i))
		}
		if least, most := bounds(values); least != float64(rank) || most != float64(n+1-rank) {
			t.Errorf("of %d: %v to %v, want ranks %d to %d", n, least, most, rank, n+1-rank)
		}
	}
}

func TestTablesAreRewrittenAndTheRestStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	prose := "# Before\n\n" + opening + "old\n" + closing + "\nAfter.\n"
	if err := os.WriteFile(file, []byte(prose), 0o600); err != nil {
		t.Fatal(err)
	}
	r := report{Rows: []row{{Store: "shared", Scenario: "me", Variant: "neither", Statuses: map[string]int{"200": 7}}}}
	for range 2 {
		if err := rewrite(file, r); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "# Before\n\n"+opening) || !strings.HasSuffix(got, closing+"\nAfter.\n") ||
		strings.Contains(got, "old") || strings.Count(got, "| me | neither |") != 1 {
		t.Error(got)
	}
	if err := os.WriteFile(file, []byte("no markers"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rewrite(file, r) == nil {
		t.Error("a file without markers was rewritten")
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		least, most float64
		want        string
	}{{-1, 4.9, "met"}, {5, 9, "NOT MET"}, {-3, 8, "undecided, the machine was too restless"}} {
		if got := (difference{Least: c.least, Most: c.most, Ceiling: 5}).verdict(); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.least, c.most, got, c.want)
		}
	}
}
