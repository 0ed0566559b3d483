package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

// call calls every method of the ports that m decorates, and returns their
// errors by port and operation.
func call(ctx context.Context, m *metrics.Metrics, s *store) map[[2]string]error {
	at, ip := time.Unix(1, 0), netip.MustParseAddr("192.0.2.1")
	w, b := m.Windows(s), m.Blocks(s)
	errs := map[[2]string]error{
		{"windows", "hit"}:    w.Hit(ctx, at, nil),
		{"windows", "forget"}: w.Forget(ctx),
		{"journal", "append"}: m.Journal(s).Append(ctx, gatehouse.Record{}),
		{"alerts", "alert"}:   m.Alerts(s).Alert(ctx, gatehouse.Record{}),
	}
	_, _, errs[[2]string{"windows", "reserve"}] = w.Reserve(ctx, at, gatehouse.Key{}, gatehouse.Limit{}, 0)
	_, errs[[2]string{"windows", "settle"}] = w.Settle(ctx, at, gatehouse.Reservation{}, gatehouse.Failed)
	_, errs[[2]string{"blocks", "place"}] = b.Place(ctx, gatehouse.Block{})
	_, errs[[2]string{"blocks", "lift"}] = b.Lift(ctx, netip.Prefix{}, at)
	_, _, errs[[2]string{"blocks", "blocked"}] = b.Blocked(ctx, ip, at)
	_, errs[[2]string{"blocks", "list"}] = b.List(ctx, at)
	_, errs[[2]string{"sightings", "see"}] = m.Sightings(s).See(ctx, "u", gatehouse.Sighting{})
	return errs
}

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason string
	}{
		{nil, ""},
		{fmt.Errorf("x: %w", gatehouse.ErrNotFound), ""}, // an answer, not a failure
		{fmt.Errorf("x: %w", gatehouse.ErrBusy), "busy"},
		{fmt.Errorf("x: %w", gatehouse.ErrUnavailable), "unavailable"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "canceled"},
		{errors.New("password=hunter2"), "other"},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			m := metrics.New(metrics.Options{})
			errs := call(t.Context(), m, &store{err: c.err})
			if len(errs) != 11 {
				t.Fatalf("%d operations", len(errs))
			}
			s := scraped(t, m)
			for op, err := range errs {
				labels := []string{"port", op[0], "operation", op[1]}
				if err != c.err {
					t.Errorf("%v returned %v", op, err)
				}
				want(t, s, 1, "gatehouse_port_operations_total", labels...)
				want(t, s, 1, "gatehouse_port_operation_duration_seconds", labels...)
				for _, reason := range []string{"busy", "unavailable", "timeout", "canceled", "other"} {
					failures := 0.0
					if reason == c.reason {
						failures = 1
					}
					want(t, s, failures, "gatehouse_port_errors_total", append(labels, "reason", reason)...)
				}
			}
		})
	}
}

func TestPortsPassEverythingOn(t *testing.T) {
	m := metrics.New(metrics.Options{})
	s := &store{
		found: true, block: gatehouse.Block{ID: "b"}, tally: gatehouse.Tally{Count: 3},
		seen: []gatehouse.Sighting{{IP: netip.MustParseAddr("192.0.2.7")}},
	}
	ctx, at := t.Context(), time.Unix(1, 0)
	hits := make([]gatehouse.Hit, 2)
	if err := m.Windows(s).Hit(ctx, at, hits); err != nil || hits[1].Tally != s.tally {
		t.Errorf("Hit: %v, %v", hits, err)
	}
	key, limit := gatehouse.Key{1}, gatehouse.Limit{Threshold: 5}
	if r, tally, _ := m.Windows(s).Reserve(ctx, at, key, limit, 0); tally != s.tally || r != (gatehouse.Reservation{Key: key, Limit: limit, ID: 7}) {
		t.Errorf("Reserve: %v, %v", r, tally)
	}
	if tally, _ := m.Windows(s).Settle(ctx, at, gatehouse.Reservation{}, gatehouse.Failed); tally != s.tally {
		t.Errorf("Settle: %v", tally)
	}
	b := m.Blocks(s)
	if got, _ := b.Place(ctx, gatehouse.Block{ID: "p"}); got.ID != "p" {
		t.Errorf("Place: %v", got)
	}
	if got, _ := b.Lift(ctx, netip.Prefix{}, at); got.ID != "b" {
		t.Errorf("Lift: %v", got)
	}
	if got, found, _ := b.Blocked(ctx, netip.Addr{}, at); got.ID != "b" || !found {
		t.Errorf("Blocked: %v, %v", got, found)
	}
	if got, _ := b.List(ctx, at); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("List: %v", got)
	}
	if got, _ := m.Sightings(s).See(ctx, "u", gatehouse.Sighting{}); len(got) != 1 {
		t.Errorf("See: %v", got)
	}
}

func TestSampling(t *testing.T) {
	for every, timed := range map[int]float64{0: 125, 1: 1000, 2: 500, 64: 16, 100: 16} {
		m := metrics.New(metrics.Options{SampleEvery: every})
		w, b := m.Windows(new(store)), m.Blocks(new(store))
		for range 1000 {
			w.Hit(t.Context(), time.Time{}, nil)
			b.Blocked(t.Context(), netip.Addr{}, time.Time{})
		}
		s := scraped(t, m)
		for _, labels := range [][]string{{"port", "windows", "operation", "hit"}, {"port", "blocks", "operation", "blocked"}} {
			want(t, s, 1000, "gatehouse_port_operations_total", labels...)
			want(t, s, timed, "gatehouse_port_operation_duration_seconds", labels...)
		}
	}
}

func TestHitDoesNotAllocate(t *testing.T) {
	w := metrics.New(metrics.Options{SampleEvery: 1}).Windows(new(store))
	hits := make([]gatehouse.Hit, 1)
	if n := testing.AllocsPerRun(1000, func() { w.Hit(t.Context(), time.Time{}, hits) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkHit is one hit, of the memory store and of one that does nothing, so
// that the difference is the decorator's: bare, sampled by default, and timed
// each time.
func BenchmarkHit(b *testing.B) {
	for name, next := range map[string]func() gatehouse.Windows{
		"memory":  func() gatehouse.Windows { return memory.NewWindows(memory.Options{}) },
		"nothing": func() gatehouse.Windows { return idle{} },
	} {
		for _, c := range []struct {
			name  string
			every int
		}{{"bare", 0}, {"default", 8}, {"each", 1}} {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				w := next()
				if c.every > 0 {
					w = metrics.New(metrics.Options{SampleEvery: c.every}).Windows(w)
				}
				at := time.Now()
				hits := []gatehouse.Hit{{Limit: gatehouse.Limit{Threshold: 50, Window: time.Second}}}
				ctx := context.Background()
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					hits[0].Key[0] = byte(i)
					w.Hit(ctx, at.Add(time.Duration(i)*time.Millisecond), hits)
				}
			})
		}
	}
}
