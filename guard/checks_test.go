package guard_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
)

// A window that is full is found once, in whatever spelling it was filled, and
// can be emptied in any other.
func TestCheckFailedLogin(t *testing.T) {
	d := newDesk(t, nil)
	check := func(account string) bool {
		t.Helper()
		f, err := d.CheckFailedLogin(t.Context(), d.now, account, home)
		if err != nil {
			t.Fatal(err)
		}
		return f != nil
	}
	spellings := []string{"ada@example.com", "ADA@example.com", " Ada@Example.com"}
	for round := range 2 {
		for i := range 7 {
			if found := check(spellings[i%len(spellings)]); found != (i == 4) {
				t.Fatalf("round %d, failure %d: found %v", round+1, i+1, found)
			}
		}
		if err := d.ResetFailedLogins(t.Context(), "Ada@EXAMPLE.com", home); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckTokenRefreshCountsOneToken(t *testing.T) {
	d := newDesk(t, nil)
	for i := range 18 {
		f, err := d.CheckTokenRefresh(t.Context(), d.now, "ada", []string{"a", "b"}[i%2])
		if err != nil || f != nil {
			t.Fatalf("refresh %d, never ten of one token: %+v, %v", i+1, f, err)
		}
	}
}

func TestUserStatsCountTheDays(t *testing.T) {
	d := newDesk(t, nil)
	for range 5 {
		d.fail("ada@example.com", home)
	}
	for _, c := range []struct{ after, days, want int }{{1, 1, 1}, {2, 1, 0}, {2, 2, 1}, {3, 2, 0}} {
		stats, err := d.UserStats(t.Context(), d.now.AddDate(0, 0, c.after), "ada@example.com", c.days)
		if err != nil || len(stats) != c.want {
			t.Errorf("%d days after, over %d days: %+v, %v", c.after, c.days, stats, err)
		}
	}
	if _, err := d.UserStats(t.Context(), d.now, "ada@example.com", 0); err == nil {
		t.Error("statistics over no day")
	}
}

func TestWhoLiftedABlockIsOnRecord(t *testing.T) {
	d := newDesk(t, nil)
	if _, err := d.BlockIP(t.Context(), gatehouse.Block{Prefix: guard.CountingPrefix(home), Created: d.now, By: "grace"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.UnblockIP(t.Context(), d.now, guard.CountingPrefix(home), "ada"); err != nil {
		t.Fatal(err)
	}
	records := d.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.IPAddressUnblocked}})
	if len(records) != 1 || records[0].Block == nil || records[0].Block.By != "ada" {
		t.Errorf("on record: %+v", records)
	}
}
