package export_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is a target that does as it is told.
type sink struct {
	mu     sync.Mutex
	lines  []string
	write  func(ctx context.Context, l export.Line) error // nil: take it
	closed int
}

func (s *sink) Write(ctx context.Context, l export.Line) error {
	if s.write != nil {
		if err := s.write(ctx, l); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, string(l.Text))
	return nil
}

func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// ids is a format that writes nothing but the ID.
func ids(r gatehouse.Record) ([]byte, error) { return []byte(r.ID), nil }

func numbered(from, n int) []gatehouse.Record {
	out := make([]gatehouse.Record, n)
	for i := range out {
		out[i] = gatehouse.Record{ID: fmt.Sprint(from + i)}
	}
	return out
}

func start(t *testing.T, o export.Options) *export.Exporter {
	t.Helper()
	e, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func within10s(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestExporterWritesInOrder(t *testing.T) {
	s := &sink{}
	e := start(t, export.Options{Target: s, Format: ids})
	e.Records(numbered(0, 1000))
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	for i, line := range s.lines {
		if line != fmt.Sprint(i) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
	if got, want := e.Stats(), (export.Stats{Written: 1000}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	e.Records(numbered(0, 3)) // too late, and harmless
	if got := e.Stats(); got.Dropped != 3 {
		t.Errorf("%+v after the end", got)
	}
	if err := e.Close(within10s(t)); err != nil || s.closed != 1 {
		t.Errorf("closed %d times, %v", s.closed, err)
	}
}

// A dead target costs whoever logs in nothing, and the count is exact.
func TestExporterDeadTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{write: func(ctx context.Context, _ export.Line) error {
			<-ctx.Done() // hangs until the timeout
			return ctx.Err()
		}}
		var states []export.State
		e := start(t, export.Options{Target: s, Format: ids, Queue: 8, OnState: func(s export.State) { states = append(states, s) }})
		began := time.Now()
		var clients sync.WaitGroup
		for range 64 {
			clients.Go(func() {
				for range 100 {
					e.Records(numbered(0, 1))
				}
			})
		}
		clients.Wait()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("Records waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "records not exported") {
			t.Errorf("Close: %v", err)
		}
		synctest.Wait()
		got := e.Stats()
		if got.Dropped != 6400 || got.Written != 0 || got.Pending != 0 || !got.Failing || got.Errors < 3 {
			t.Errorf("%+v", got)
		}
		if len(states) != 1 || !errors.Is(states[0].Err, context.DeadlineExceeded) {
			t.Errorf("states %v", states)
		}
		if s.closed != 1 {
			t.Errorf("target closed %d times", s.closed)
		}
	})
}

// Close returns at its deadline though the target ignores everything.
func TestExporterDeafTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := start(t, export.Options{Target: &sink{write: func(context.Context, export.Line) error { <-release; return nil }}, Format: ids})
		e.Records(numbered(0, 10))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
		close(release)
		synctest.Wait()
		if got := e.Stats(); got.Written+got.Dropped != 10 || got.Pending != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// A target that comes back gets everything that waited, once, in order.
func TestExporterRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := true
		began := time.Now()
		s := &sink{write: func(context.Context, export.Line) error {
			if dead = dead && time.Since(began) < time.Minute; dead {
				return errors.New("away")
			}
			return nil
		}}
		var states []export.State
		e := start(t, export.Options{Target: s, Format: ids, OnState: func(s export.State) { states = append(states, s) }})
		e.Records(numbered(0, 100))
		<-time.After(90 * time.Second) // of the bubble
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := e.Stats(); got.Written != 100 || got.Dropped != 0 || got.Failing || got.Errors < 5 || got.Errors > 15 {
			t.Errorf("%+v", got)
		}
		if len(states) != 2 || states[0].Err == nil || states[1].Err != nil {
			t.Errorf("states %v", states)
		}
	})
}

// One line that cannot be written holds nobody up, nor does a panic.
func TestExporterSkips(t *testing.T) {
	s := &sink{write: func(_ context.Context, l export.Line) error {
		switch l.Record.ID {
		case "1":
			return fmt.Errorf("too long: %w", export.ErrUnwritable)
		case "2":
			if first := l.Record.Reason == ""; first {
				panic("target")
			}
		}
		return nil
	}}
	format := func(r gatehouse.Record) ([]byte, error) {
		if r.ID == "3" {
			panic("format")
		}
		return ids(r)
	}
	s2 := s.write
	tried := false
	s.write = func(ctx context.Context, l export.Line) error {
		if l.Record.ID == "2" && tried {
			return nil
		}
		tried = tried || l.Record.ID == "2"
		return s2(ctx, l)
	}
	e := start(t, export.Options{Target: s, Format: format, Backoff: time.Microsecond, OnState: func(export.State) { panic("hook") }})
	e.Records(numbered(0, 5))
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0", "2", "4"}; !slices.Equal(s.lines, want) {
		t.Errorf("%q, want %q", s.lines, want)
	}
	if got := e.Stats(); got.Written != 3 || got.Dropped != 2 {
		t.Errorf("%+v", got)
	}
}

// A canary in any text of a record is gone from what is exported, and still in
// the record.
func TestScrub(t *testing.T) {
	const canary = "canary-7f3a"
	for name, format := range map[string]export.Format{"ocsf": export.OCSF, "ecs": export.ECS} {
		for _, kind := range append(gatehouse.Kinds(), canary) {
			var r gatehouse.Record
			fill(reflect.ValueOf(&r).Elem(), func() string { return "x " + canary }, false)
			r.Kind = kind
			s := &sink{}
			e := start(t, export.Options{Target: s, Format: format, Scrub: func(text string) string {
				return strings.ReplaceAll(text, canary, "[removed]")
			}})
			e.Records([]gatehouse.Record{r})
			if err := e.Close(within10s(t)); err != nil {
				t.Fatal(err)
			}
			if len(s.lines) != 1 || strings.Contains(s.lines[0], canary) || !strings.Contains(s.lines[0], "[removed]") {
				t.Errorf("%s %s: %s", name, kind, s.lines)
			}
			if !strings.Contains(r.Finding.Evidence.Devices[1].Device.Name, canary) || !strings.Contains(r.Block.Reason, canary) {
				t.Errorf("%s: the record itself was changed", kind)
			}
		}
	}
}

// journal fails or not.
type journal struct{ err error }

func (j journal) Append(context.Context, ...gatehouse.Record) error { return j.err }

// Only what is durable is exported.
func TestJournal(t *testing.T) {
	s := &sink{}
	e := start(t, export.Options{Target: s, Format: ids})
	broken := errors.New("disk full")
	if err := e.Journal(journal{broken}).Append(t.Context(), numbered(0, 2)...); err != broken {
		t.Errorf("got %v", err)
	}
	if err := e.Journal(journal{}).Append(t.Context(), numbered(5, 2)...); err != nil {
		t.Error(err)
	}
	if err := e.Close(within10s(t)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"5", "6"}; !slices.Equal(s.lines, want) {
		t.Errorf("%q, want %q", s.lines, want)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []export.Options{{}, {Target: &sink{}, Queue: -1}, {Target: &sink{}, Backoff: -1}} {
		if _, err := export.New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// blocked is a target that takes nothing until release is closed.
func blocked(release <-chan struct{}) export.Target {
	return &sink{write: func(ctx context.Context, _ export.Line) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}
