package storetest

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"pgregory.net/rapid"
)

// journalModel compares queries of any mixture with a loop over a slice.
func journalModel(t *testing.T, l *log) {
	users := []string{"", "u1", "u2", "a@example.com"}
	kinds := []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoginSucceeded, gatehouse.BruteForceDetected}
	ips := []string{"", "192.0.2.1", "192.0.2.9", "192.0.3.1", "198.51.100.7", "2001:db8::1", "2001:db8:1::1"}
	prefixes := []string{"192.0.2.1/32", "192.0.2.0/24", "192.0.0.0/16", "192.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "2001:db8::/64", "::/0"}
	correlations := []string{"", "c1", "c2"}
	findings := []string{"", "", "f1", "f2"}

	pick := func(t *rapid.T, what string, from []string) string { return rapid.SampledFrom(from).Draw(t, what) }
	var records []gatehouse.Record
	rapid.Check(t, func(rt *rapid.T) {
		added := make([]gatehouse.Record, rapid.IntRange(0, 40).Draw(rt, "records"))
		for i := range added {
			added[i] = record(fmt.Sprintf("r%d", len(records)+i), rapid.IntRange(0, 9).Draw(rt, "minute"),
				rapid.SampledFrom(kinds).Draw(rt, "kind"), pick(rt, "user", users[:3]), pick(rt, "account", users),
				pick(rt, "ip", ips), pick(rt, "correlation", correlations))
			if id := pick(rt, "finding", findings); id != "" {
				added[i].Finding = &gatehouse.Finding{ID: id, Kind: added[i].Kind}
			}
		}
		if err := l.Append(t.Context(), added...); err != nil {
			rt.Fatal(err)
		}
		records = append(records, added...)

		q := gatehouse.Query{
			User: pick(rt, "of user", users), Correlation: pick(rt, "of correlation", correlations), Finding: pick(rt, "of finding", findings),
		}
		if rapid.Bool().Draw(rt, "in a network") {
			q.Prefix = netip.MustParsePrefix(pick(rt, "prefix", prefixes))
		}
		q.Kinds = rapid.SliceOfN(rapid.SampledFrom(kinds), 0, 2).Draw(rt, "of kinds")
		if minute := rapid.IntRange(-1, 9).Draw(rt, "since"); minute >= 0 {
			q.Since = noon.Add(time.Duration(minute) * time.Minute)
		}
		if minute := rapid.IntRange(-1, 9).Draw(rt, "until"); minute >= 0 {
			q.Until = noon.Add(time.Duration(minute) * time.Minute)
		}
		got := l.ids(t, q)
		want := []string{}
		for _, r := range newestFirst(records) {
			if selects(q, r) {
				want = append(want, r.ID)
			}
		}
		if !sameOfEachTime(records, got, want) {
			rt.Fatalf("%+v: got %v, want %v", q, got, want)
		}
		q.Limit = rapid.IntRange(1, 20).Draw(rt, "limit")
		if got, want := l.ids(t, q), got[:min(q.Limit, len(got))]; !slices.Equal(got, want) {
			rt.Fatalf("%+v: got %v, want %v", q, got, want)
		}
		q.Limit = 0
		if got, want := l.paged(t, q, rapid.IntRange(1, 20).Draw(rt, "page")), got; !slices.Equal(got, want) {
			rt.Fatalf("%+v, page by page: got %v, want %v", q, got, want)
		}
		if len(records) == 0 {
			return
		}
		// Behind any record, whether it is selected or not.
		q.After = rapid.SampledFrom(records).Draw(rt, "after").ID
		all := l.ids(t, gatehouse.Query{})
		behind := all[slices.Index(all, q.After)+1:]
		want = slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !slices.Contains(behind, id) })
		if got := l.ids(t, q); !slices.Equal(got, want) {
			rt.Fatalf("%+v: got %v, want %v", q, got, want)
		}
	})
}

func newestFirst(records []gatehouse.Record) []gatehouse.Record {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b gatehouse.Record) int { return b.Time.Compare(a.Time) })
	return sorted
}

func selects(q gatehouse.Query, r gatehouse.Record) bool {
	return (q.User == "" || q.User == r.User || q.User == r.Account) &&
		(q.Correlation == "" || q.Correlation == r.CorrelationID) &&
		(q.Finding == "" || r.Finding != nil && r.Finding.ID == q.Finding) &&
		(!q.Prefix.IsValid() || q.Prefix.Contains(r.IP)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) &&
		!r.Time.Before(q.Since) && (q.Until.IsZero() || r.Time.Before(q.Until))
}

// sameOfEachTime compares two lists of IDs, newest first, in which records of
// the same time may stand in any order.
func sameOfEachTime(records []gatehouse.Record, got, want []string) bool {
	at := map[string]time.Time{}
	for _, r := range records {
		at[r.ID] = r.Time
	}
	canonical := func(ids []string) []string {
		ids = slices.Clone(ids)
		for i := 0; i < len(ids); {
			j := i + 1
			for j < len(ids) && at[ids[j]].Equal(at[ids[i]]) {
				j++
			}
			slices.SortFunc(ids[i:j], cmp.Compare[string])
			i = j
		}
		return ids
	}
	return slices.Equal(canonical(got), canonical(want))
}
