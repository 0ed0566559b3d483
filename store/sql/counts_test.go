package sql_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// countsAgree compares the counts, by each of their spans, with the records that are
// in the log.
func countsAgree(t *testing.T, s interface {
	gatehouse.Log
	logstats.Store
}) {
	t.Helper()
	ctx := context.Background()
	var want []logstats.Count
	for r, err := range s.Query(ctx, gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, logstats.Of(r)...)
	}
	for _, step := range []time.Duration{logstats.Slot, time.Hour, 24 * time.Hour} {
		for i := range want {
			want[i].Slot = time.UnixMicro(want[i].Slot.UnixMicro() / step.Microseconds() * step.Microseconds()).UTC()
		}
		got, err := s.Counts(ctx, logstats.Query{Step: step})
		if want := logstats.Sum(want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("by %v the counts are %v, %v; the log has %v", step, got, err, want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		s := open(t)
		testSettings(t, func() *sql.Store { return s })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		nodes := postgres(t, 2)(t)
		testSettings(t, nodes.next)
	})
}

func testSettings(t *testing.T, next func() *sql.Store) {
	ctx, at := t.Context(), time.Date(2026, 3, 2, 12, 0, 0, 123_000, time.UTC)
	set := func(v sql.Setting) {
		t.Helper()
		if err := next().SetSetting(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	want := func(scope string, want ...sql.Setting) {
		t.Helper()
		got, err := next().Settings(ctx, scope)
		if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("settings of %s: %v, %v; want %v", scope, got, err, want)
		}
	}
	a := sql.Setting{Scope: "shadow", Name: "brute_force", Value: "true", By: "ada@example.com", Changed: at}
	b := sql.Setting{Scope: "shadow", Name: "a'; DROP TABLE settings --", By: "ada@example.com", Changed: at}
	c := sql.Setting{Scope: "allow", Name: "brute_force", Value: "192.0.2.0/24", Changed: at}
	want("shadow")
	set(a)
	set(b)
	set(c)
	want("shadow", b, a)
	want("allow", c)
	want("%")
	a.Value, a.By, a.Changed = "false", "eve@example.com", at.Add(time.Hour)
	set(a)
	want("shadow", b, a)
	if err := next().DeleteSetting(ctx, "shadow", b.Name); err != nil {
		t.Error(err)
	}
	if err := next().DeleteSetting(ctx, "shadow", b.Name); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	want("shadow", a)
	want("allow", c)
}
