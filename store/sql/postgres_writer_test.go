package sql

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
)

func postgresTest(t *testing.T) *Store {
	t.Helper()
	s, err := OpenPostgres(t.Context(), testserver.SharedPostgres(t).Database(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPostgresFailedOperationLeavesItsNeighboursAlone(t *testing.T) {
	refused := errors.New("refused")
	s := postgresTest(t)
	for name, fails := range map[string]op{
		"error":         func(context.Context, *handle) error { return refused },
		"panic":         func(context.Context, *handle) error { panic("broken") },
		"bad statement": func(ctx context.Context, h *handle) error { _, err := h.exec(ctx, "SELECT nonsense"); return err },
		"violated key": func(ctx context.Context, h *handle) error {
			_, err := h.exec(ctx, "INSERT INTO users (id) VALUES (NULL)")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			errs := together(t, s, put(name+" before"), func(ctx context.Context, h *handle) error {
				if err := put(name+" undone")(ctx, h); err != nil {
					return err
				}
				return fails(ctx, h)
			}, put(name+" after"))
			if errs[0] != nil || errs[2] != nil || errs[3] != nil {
				t.Errorf("neighbours failed: %v", errs)
			}
			// What is refused for what it is must not look as if it could succeed later.
			unavailable := name == "panic" || name == "bad statement"
			if errs[1] == nil || errors.Is(errs[1], refused) != (name == "error") || errors.Is(errs[1], gatehouse.ErrUnavailable) != unavailable {
				t.Errorf("got %v", errs[1])
			}
			if got := kept(t, s); !got[name+" before"] || !got[name+" after"] || !got["appended"] || got[name+" undone"] {
				t.Errorf("kept %v", got)
			}
		})
	}
}

// What PostgreSQL undoes because of somebody else is run again, all of it, and in
// the end each write by itself.
func TestPostgresRunsAgainWhatItUndid(t *testing.T) {
	raise := map[string]string{
		"serialization failure": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$",
		"deadlock":              "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$",
		"lost connection":       "SELECT pg_terminate_backend(pg_backend_pid())",
	}
	for name, text := range raise {
		for fails, want := range map[int32]bool{1: true, 2: true, 99: false} {
			s := postgresTest(t)
			var runs atomic.Int32
			errs := together(t, s, put("before"), func(ctx context.Context, h *handle) error {
				if runs.Add(1) <= fails {
					_, err := h.exec(ctx, text)
					return err
				}
				return nil
			}, put("after"))
			if errs[0] != nil || errs[2] != nil || errs[3] != nil {
				t.Errorf("%s, %d times: neighbours failed: %v", name, fails, errs)
			}
			if (errs[1] == nil) != want || !want && !errors.Is(errs[1], gatehouse.ErrUnavailable) {
				t.Errorf("%s, %d times: got %v", name, fails, errs[1])
			}
			if got := kept(t, s); len(got) != 3 {
				t.Errorf("%s, %d times: kept %v", name, fails, got)
			}
			if limit := int32(6); runs.Load() > limit {
				t.Errorf("%s: run %d times", name, runs.Load())
			}
		}
	}
}

// An ID that another node adds at the same time is not added twice, and its
// neighbours are added.
func TestPostgresIDThatIsKnownMeanwhile(t *testing.T) {
	s := postgresTest(t)
	for _, id := range []string{"first", "second"} { // the chain's end is known from then on
		if err := s.Append(t.Context(), testRecord(id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append(t.Context(), testRecord("second"), testRecord("third"), testRecord("third")); err != nil {
		t.Fatal(err)
	}
	head, err := headOf(t.Context(), s.reader, "local")
	if got := kept(t, s); len(got) != 3 || err != nil || head.Seq != 3 {
		t.Errorf("kept %v, the chain ends at %d (%v)", got, head.Seq, err)
	}
}

// A record that the database takes from nobody is told apart from a database that
// is down, or a spool would offer it for ever, and all behind it would wait.
func TestPostgresRefusesARecord(t *testing.T) {
	s := postgresTest(t)
	constrain := func(ctx context.Context, h *handle) error {
		_, err := h.exec(ctx, "ALTER TABLE security_log ADD CHECK (id NOT LIKE 'bad%')")
		return err
	}
	if err := together(t, s, constrain)[0]; err != nil {
		t.Fatal(err)
	}
	for _, records := range [][]gatehouse.Record{
		{testRecord("bad alone")},
		{testRecord("good before"), testRecord("bad between"), testRecord("good after")},
	} {
		if err := s.Append(t.Context(), records...); err == nil || errors.Is(err, gatehouse.ErrUnavailable) {
			t.Errorf("%d records: %v", len(records), err)
		}
	}
	if err := s.Append(t.Context(), testRecord("good")); err != nil {
		t.Errorf("the next record: %v", err)
	}
}
