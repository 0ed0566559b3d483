package sql_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Blocks that are over stay as history until they are pruned.
func TestDeleteOldBlocks(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	at := time.Unix(1_772_000_000, 0)
	hour := func(n int) time.Time { return at.Add(time.Duration(n) * time.Hour) }
	place := func(id, prefix string, until time.Time) {
		t.Helper()
		if _, err := s.Place(ctx, gatehouse.Block{ID: id, Prefix: netip.MustParsePrefix(prefix), Created: at, Until: until}); err != nil {
			t.Fatal(err)
		}
	}
	place("expires", "192.0.2.1/32", hour(1))
	place("gives way", "192.0.2.2/32", hour(2))
	place("stands", "192.0.2.2/32", hour(9))
	place("is lifted", "192.0.2.3/32", time.Time{})
	place("permanent", "192.0.2.4/32", time.Time{})
	if _, err := s.Lift(ctx, netip.MustParsePrefix("192.0.2.3/32"), hour(3)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before time.Time
		want   int
	}{
		{at, 0},
		{hour(1), 1}, // the one that gave way
		{hour(2), 1}, // expired
		{hour(8), 1}, // lifted
		{hour(8), 0},
		{hour(99), 1},
	} {
		if n, err := s.DeleteOldBlocks(ctx, c.before, 100); err != nil || n != c.want {
			t.Errorf("DeleteOldBlocks(%v) = %d, %v; want %d", c.before.Sub(at), n, err, c.want)
		}
	}
	if left, err := s.List(ctx, hour(99)); err != nil || len(left) != 1 || left[0].ID != "permanent" {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestDeleteRecords(t *testing.T) {
	s := open(t)
	at := time.Unix(1_772_000_000, 0)
	for i := range 10 {
		r := sample(int64(i))
		r.Time = at.Add(time.Duration(i) * time.Hour)
		if err := s.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ limit, want int }{{0, 0}, {3, 3}, {100, 2}, {100, 0}} {
		if n, err := s.DeleteRecords(t.Context(), at.Add(5*time.Hour), c.limit); err != nil || n != c.want {
			t.Errorf("DeleteRecords(%d) = %d, %v; want %d", c.limit, n, err, c.want)
		}
	}
	if n := count(t, s); n != 5 {
		t.Errorf("%d left, want 5", n)
	}
}

// Of two logins on one device whose records cross, the later one is kept.
func TestSightingsThatCross(t *testing.T) {
	s := open(t)
	at := time.Unix(1_772_000_000, 0).UTC()
	for _, minute := range []int{5, 3} {
		if _, err := s.See(t.Context(), "u", gatehouse.Sighting{Time: at.Add(time.Duration(minute) * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.See(t.Context(), "u", gatehouse.Sighting{Time: at.Add(time.Hour)})
	if err != nil || len(got) != 1 || !got[0].Time.Equal(at.Add(5*time.Minute)) {
		t.Errorf("got %v, %v", got, err)
	}
}

// A record must stay small: the log is what fills the disk.
func TestRecordsAreSmall(t *testing.T) {
	const n, most = 5000, 1000 // bytes for each with all its indexes
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := openAt(t, path)
	records := make([]gatehouse.Record, n)
	for i := range records {
		records[i] = sample(int64(i))
	}
	if err := s.Append(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if each := info.Size() / n; each > most {
		t.Errorf("%d bytes for each record, want at most %d", each, most)
	} else {
		t.Log(fmt.Sprint(each, " bytes for each record"))
	}
}
