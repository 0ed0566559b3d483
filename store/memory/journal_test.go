package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestJournal(t *testing.T) {
	storetest.Journal(t, func(*testing.T) (gatehouse.Journal, gatehouse.Log) {
		j := memory.NewJournal(memory.Options{})
		return j, j
	})
}

func TestSightings(t *testing.T) {
	storetest.Sightings(t, func(*testing.T) gatehouse.Sightings { return memory.NewSightings(memory.Options{}) })
}

func TestJournalKeepsTheNewest(t *testing.T) {
	ctx, start := context.Background(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	j := memory.NewJournal(memory.Options{MaxRecords: 3})
	record := func(n int) gatehouse.Record {
		return gatehouse.Record{ID: fmt.Sprint(n), Event: gatehouse.Event{Time: start.Add(time.Duration(n) * time.Second)}}
	}
	for n := range 8 {
		if err := j.Append(ctx, record(n), record(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Append(ctx, record(0)); err != nil { // forgotten, so not known
		t.Fatal(err)
	}
	var got string
	for r, err := range j.Query(ctx, gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		got += r.ID + " "
	}
	if want := "7 6 0 "; got != want {
		t.Errorf("the log holds %q, want %q", got, want)
	}
}

func TestSightingsForgetsWhoWasNotSeen(t *testing.T) {
	ctx, start := context.Background(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := memory.NewSightings(memory.Options{MaxUsers: 2})
	see := func(user string, seconds int) int {
		earlier, err := s.See(ctx, user, gatehouse.Sighting{Time: start.Add(time.Duration(seconds) * time.Second), Device: gatehouse.Device{ID: fmt.Sprint(seconds)}})
		if err != nil {
			t.Fatal(err)
		}
		return len(earlier)
	}
	see("ann", 1)
	see("bob", 2)
	see("ann", 3)
	see("eve", 4) // forgets bob
	if n := see("ann", 5); n != 2 {
		t.Errorf("ann has %d earlier sightings, want 2", n)
	}
	if n := see("bob", 6); n != 0 {
		t.Errorf("bob has %d earlier sightings, want none", n)
	}
}
