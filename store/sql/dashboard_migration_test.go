package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/logstats"
)

// A database from before there were counts gets those of its records, by type, and
// can be taken back to where it was.
func TestCountsOfEarlierRecords(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "gatehouse.db")
		countsOfEarlierRecords(t, "sqlite", path, OpenSQLite)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := testserver.SharedPostgres(t).Database(t)
		countsOfEarlierRecords(t, "pgx", url, OpenPostgres)
	})
}

func countsOfEarlierRecords(t *testing.T, driver, address string, open func(context.Context, string, Options) (*Store, error)) {
	s, err := open(t.Context(), address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 23, 50, 0, 0, time.UTC)
	var want []logstats.Count
	for i := range 40 {
		r := gatehouse.Record{ID: fmt.Sprint(i), Event: gatehouse.Event{Kind: gatehouse.LoginSucceeded, Time: at.Add(time.Duration(i) * time.Minute)}}
		if i%3 == 0 {
			r.Kind = gatehouse.LoginFailed
		}
		if i == 39 {
			r.Time = time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)
		}
		if err := s.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want = append(want, logstats.Of(r)...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := stdsql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const dashboard = 7
	p, _, _, err := s.database.schema(t.Context(), db)
	if err == nil {
		_, err = p.DownTo(t.Context(), dashboard-1)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s, err = open(t.Context(), address, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, step := range []time.Duration{logstats.Slot, time.Hour, 24 * time.Hour} {
		for i, c := range want {
			want[i].Slot = fromMicros(spanOf(micros(c.Slot), step.Microseconds()))
		}
		got, err := s.Counts(context.Background(), logstats.Query{Step: step})
		if want := logstats.Sum(want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("by %v: %v, %v; want %v", step, got, err, want)
		}
	}
	if err := s.Append(t.Context(), gatehouse.Record{ID: "later", Event: gatehouse.Event{Kind: gatehouse.LoginFailed, Time: at}}); err != nil {
		t.Error(err)
	}
}
