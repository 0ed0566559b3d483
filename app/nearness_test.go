package app

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/logstats"
)

// What was counted is in the store once it is flushed, and at the end; while the
// store takes nothing it waits.
func TestNearnessIsKept(t *testing.T) {
	a := newApp(t)
	fail := func() {
		t.Helper()
		e := gatehouse.Event{Time: a.clock.now()}
		e.Account, e.IP = "ada@example.com", netip.MustParseAddr("192.0.2.1")
		attempt, d := a.guard.Begin(t.Context(), e)
		if attempt == nil {
			t.Fatalf("%+v", d)
		}
		if _, err := attempt.Fail(t.Context(), e.Time, "wrong_password"); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(when string, want map[string]int) {
		t.Helper()
		list, err := a.records.Counts(t.Context(), logstats.Query{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, c := range list {
			if name, ok := strings.CutPrefix(c.Name, "near:"); ok {
				got[name] += c.N
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	fail()
	fail()
	kept("before it is flushed", map[string]int{})
	a.flushNearness(t.Context())
	a.flushNearness(t.Context())
	kept("flushed", map[string]int{"brute_force:2": 1, "brute_force:4": 1})
	fail()
	a = reopen(t, a, nil)
	kept("after the end", map[string]int{"brute_force:2": 1, "brute_force:4": 1, "brute_force:6": 1})
	fail()
	dead, store := reopen(t, newApp(t), nil).records, a.records
	dead.Close()
	a.records = dead
	a.flushNearness(t.Context())
	a.records = store
	fail()
	a.flushNearness(t.Context())
	kept("after a failure", map[string]int{"brute_force:2": 2, "brute_force:4": 2, "brute_force:6": 1})
	if len(a.nearness.waiting) > 0 {
		t.Errorf("still waiting: %v", a.nearness.waiting)
	}
}
