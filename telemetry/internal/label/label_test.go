package label_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

func TestMethod(t *testing.T) {
	for in, want := range map[string]string{"GET": "GET", "PATCH": "PATCH", "get": label.Other, "": label.Other, "BREW\n": label.Other} {
		if got := label.Method(in); got != want {
			t.Errorf("Method(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	for in, want := range map[int]int{200: 200, 429: 429, 599: 0, 0: 0, -1: 0, 1 << 40: 0} {
		if got := label.Code(in); got != want {
			t.Errorf("Code(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestCause(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("windows: %w", gatehouse.ErrBusy), "busy"},
		{fmt.Errorf("windows: %w", gatehouse.ErrUnavailable), "unavailable"},
		{fmt.Errorf("%w: %w", gatehouse.ErrUnavailable, context.DeadlineExceeded), "timeout"},
		{context.Canceled, "canceled"},
		{errors.New("dial tcp 192.0.2.1:6379: secret"), label.Other},
	} {
		if got := label.Cause(c.err); got != c.want || !slices.Contains(label.Causes(), got) {
			t.Errorf("Cause(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	var made atomic.Int64
	table := label.NewTable(8, func(k int) int { made.Add(1); return 10 * k })
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for k := range 1000 {
				if v, ok := table.Get(k); ok && v != 10*k {
					t.Errorf("Get(%d) = %d", k, v)
				}
			}
		})
	}
	wg.Wait()
	if made.Load() != 8 {
		t.Errorf("%d values made, want 8", made.Load())
	}
	if _, ok := table.Get(1_000_000); ok {
		t.Error("a full table took one more")
	}
	if allocs := testing.AllocsPerRun(100, func() { table.Get(0) }); allocs != 0 {
		t.Errorf("Get allocates %v times", allocs)
	}
}
