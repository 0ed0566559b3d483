package logseed_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/logseed"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// A month has everything that is looked for in it, in as many records as were asked
// for.
func TestFill(t *testing.T) {
	j := memory.NewJournal(memory.Options{MaxRecords: 100_000})
	l, err := logseed.Fill(t.Context(), j, logseed.Options{Records: 30_000})
	if err != nil {
		t.Fatal(err)
	}
	n, kinds, users := 0, map[gatehouse.Kind]int{}, map[string]int{}
	for r, err := range j.Query(t.Context(), gatehouse.Query{Since: l.Since, Until: l.Until}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		kinds[r.Kind]++
		users[r.User]++
	}
	if n != 30_000 {
		t.Errorf("%d records in the month, want 30000", n)
	}
	for _, kind := range []gatehouse.Kind{gatehouse.LoginSucceeded, gatehouse.LoginFailed, gatehouse.LoginRefused, gatehouse.IPAddressBlocked, gatehouse.BruteForceDetected, gatehouse.TokenReused} {
		if kinds[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	if busy := users[l.Busy.User]; busy < 2000 || users[l.Usual.User] == 0 || len(users) < 900 {
		t.Errorf("%d users, %d records of the busy one, %d of a usual one", len(users), busy, users[l.Usual.User])
	}
	if l.Finding.Finding == nil || l.Early.User != l.Busy.User || l.Middle.ID == "" || !l.Early.Time.Before(l.Middle.Time) {
		t.Errorf("to look for: %+v", l)
	}
}
