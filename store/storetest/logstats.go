package storetest

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/logstats"
	"pgregory.net/rapid"
)

// CountingLog is a security log that counts its records.
type CountingLog interface {
	gatehouse.Journal
	logstats.Store
}

// LogStats runs the suite of the log in numbers: counts are of the records that
// were added, each one time, whoever adds them. open returns an empty log.
func LogStats(t *testing.T, open func(t *testing.T) CountingLog) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, l counted)
	}{
		{"records add what Of says, once", statsOfRecords},
		{"what 64 clients add twice is counted once", statsParallel},
		{"hostile names are clean, and few", statsHostile},
		{"counts are selected and summed up", statsQueries},
		{"random counts agree with a model", statsModel},
		{"targets are those of the newest failures", statsTargets},
		{"old counts go, oldest first", statsDelete},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, counted{open(t)}) })
	}
}

// counted is the log under test.
type counted struct{ CountingLog }

func (l counted) append(t *testing.T, records ...gatehouse.Record) {
	t.Helper()
	if err := l.Append(t.Context(), records...); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func (l counted) add(t *testing.T, counts ...logstats.Count) {
	t.Helper()
	if err := l.AddCounts(t.Context(), counts); err != nil {
		t.Fatalf("AddCounts: %v", err)
	}
}

func (l counted) want(t *testing.T, q logstats.Query, want ...logstats.Count) {
	t.Helper()
	got, err := l.Counts(t.Context(), q)
	if err != nil {
		t.Fatalf("Counts(%+v): %v", q, err)
	}
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("Counts(%+v):\n got %v\nwant %v", q, got, want)
	}
}

func (l counted) targets(t *testing.T, since, until time.Time, limit int) logstats.Targets {
	t.Helper()
	got, err := l.Targets(t.Context(), since, until, limit)
	if err != nil {
		t.Fatalf("Targets: %v", err)
	}
	return got
}

// count is one of so many slots after noon.
func count(slot int, name, country string, n int) logstats.Count {
	return logstats.Count{Slot: noon.Add(time.Duration(slot) * logstats.Slot), Name: name, Country: country, N: n}
}

func statsOfRecords(t *testing.T, l counted) {
	failed := func(id string, minute int, country string) gatehouse.Record {
		r := record(id, minute, gatehouse.LoginFailed, "", "a@example.com", "192.0.2.1", "")
		r.Place.Country = country
		return r
	}
	found := func(id string, minute, count int, shadow bool) gatehouse.Record {
		r := record(id, minute, gatehouse.BruteForceDetected, "", "", "", "")
		r.Finding = &gatehouse.Finding{ID: "f", Rule: "brute_force", Kind: r.Kind, Count: count, Shadow: shadow}
		return r
	}
	storm := record("storm", 15, gatehouse.RequestRefused, "", "", "", "")
	storm.Count = 900
	records := []gatehouse.Record{
		failed("1", 0, "NL"), failed("2", 14, "NL"), failed("3", 14, "DE"), failed("4", 15, "NL"), failed("5", 15, ""),
		failed("6", 15, "not a country"), found("7", 16, 1, false), found("8", 17, 10, false), found("9", 18, 1, true), storm,
	}
	want := []logstats.Count{
		count(0, "login_failed", "DE", 1), count(0, "login_failed", "NL", 2),
		count(1, "brute_force_detected", "", 3), count(1, "login_failed", "", 2), count(1, "login_failed", "NL", 1),
		count(1, "request_refused", "", 900), count(1, "rule:brute_force", "", 1), count(1, "shadow:brute_force", "", 1),
	}
	l.append(t, records...)
	l.want(t, logstats.Query{}, want...)
	l.append(t, records...)
	for _, r := range records {
		l.append(t, r, r)
	}
	l.want(t, logstats.Query{}, want...)
	l.append(t, records[0], failed("10", 1, "NL"), failed("10", 1, "DE"))
	want[1].N++
	l.want(t, logstats.Query{}, want...)
}

// statsParallel has each record appended by two clients at the same time, among
// others, in either order, while counts are added and old ones removed.
func statsParallel(t *testing.T, l counted) {
	const clients, each = 64, 8
	var wg sync.WaitGroup
	var want []gatehouse.Record
	kinds := []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoginSucceeded, gatehouse.TokenRefreshed}
	for c := range clients {
		var records []gatehouse.Record
		for i := range each {
			r := record(fmt.Sprintf("c%02d-%d", c/2, i), i*7, kinds[(c/2+i)%len(kinds)], "", "", "192.0.2.1", "")
			r.Place.Country = []string{"NL", "DE"}[i%2]
			records = append(records, r)
		}
		if c%2 == 1 {
			want = append(want, records...)
			slices.Reverse(records)
		}
		wg.Go(func() {
			for i := 0; i < each; i += 2 {
				if err := l.Append(t.Context(), records[i:i+2]...); err != nil {
					t.Errorf("Append: %v", err)
				}
				if err := l.AddCounts(t.Context(), []logstats.Count{count(i, "near:r:1", "", 1), count(i, "near:r:2", "", 2)}); err != nil {
					t.Errorf("AddCounts: %v", err)
				}
				if _, err := l.DeleteCounts(t.Context(), noon.AddDate(0, 0, -9), 10); err != nil {
					t.Errorf("DeleteCounts: %v", err)
				}
			}
		})
	}
	wg.Wait()
	near := []logstats.Count{}
	for i := 0; i < each; i += 2 {
		near = append(near, count(i, "near:r:1", "", clients), count(i, "near:r:2", "", 2*clients))
	}
	l.want(t, logstats.Query{}, logstats.Sum(append(logstats.Of(want...), near...))...)
}

func statsHostile(t *testing.T, l counted) {
	long := strings.Repeat("x", 10_000)
	names := []string{"\x00", "\xff\xfe", "' OR 1=1 --", "a\u202eb", "%", "", long, long + "y", "$1", "name\nname", "İ"}
	var want []logstats.Count
	for i, name := range names {
		r := record(fmt.Sprint("r", i), 0, gatehouse.Kind(name), "", "", "", "")
		r.Place.Country = name
		r.Count = math.MaxInt
		r.Finding = &gatehouse.Finding{ID: "f", Rule: name, Kind: r.Kind, Count: math.MinInt}
		failed := record(fmt.Sprint("failed", i), 0, gatehouse.LoginFailed, "", "", "", "")
		failed.Place.Country, failed.Count = name, -5
		l.append(t, r, failed)
		l.add(t, count(0, name, name, math.MaxInt))
		want = append(append(want, logstats.Of(r, failed)...), count(0, name, name, math.MaxInt))
	}
	for _, at := range []time.Time{{}, time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		r := record(fmt.Sprint("at", at.Year()), 0, gatehouse.LoggedOut, "", "", "", "")
		r.Time = at
		l.append(t, r)
		want = append(want, logstats.Of(r)...)
	}
	l.want(t, logstats.Query{}, logstats.Sum(want)...)
	for _, name := range names {
		if got, err := l.Counts(t.Context(), logstats.Query{Names: []string{name}, Countries: []string{name, ""}}); err != nil {
			t.Errorf("of %q: %d, %v", name, len(got), err)
		}
	}
}

func statsQueries(t *testing.T, l counted) {
	l.add(t, count(0, "a", "NL", 1), count(0, "a", "DE", 2), count(0, "b", "", 3), count(4, "a", "NL", 4), count(5, "b", "", 5))
	l.add(t, count(0, "a", "NL", 10), count(0, "a", "NL", 10), count(0, "c", "", 0), count(0, "c", "", -1))
	l.add(t)
	at := func(slot int) time.Time { return count(slot, "", "", 0).Slot }
	for _, c := range []struct {
		q    logstats.Query
		want []logstats.Count
	}{
		{logstats.Query{}, []logstats.Count{count(0, "a", "DE", 2), count(0, "a", "NL", 21), count(0, "b", "", 3), count(4, "a", "NL", 4), count(5, "b", "", 5)}},
		{logstats.Query{Names: []string{"b"}}, []logstats.Count{count(0, "b", "", 3), count(5, "b", "", 5)}},
		{logstats.Query{Names: []string{"b", "b", "%", "near:'"}, Since: at(1)}, []logstats.Count{count(5, "b", "", 5)}},
		{logstats.Query{Names: []string{"a", "b"}, Since: at(4), Until: at(5)}, []logstats.Count{count(4, "a", "NL", 4)}},
		{logstats.Query{Since: at(0).Add(1), Until: at(4)}, nil},
		{logstats.Query{Names: []string{"nothing"}}, nil},
		{logstats.Query{Worldwide: true, Until: at(4)}, []logstats.Count{count(0, "a", "", 23), count(0, "b", "", 3)}},
		{logstats.Query{Countries: []string{"NL"}}, []logstats.Count{count(0, "a", "NL", 21), count(4, "a", "NL", 4)}},
		{logstats.Query{Names: []string{"a", "b"}, Countries: []string{"", "DE"}, Worldwide: true}, []logstats.Count{count(0, "a", "", 2), count(0, "b", "", 3), count(5, "b", "", 5)}},
		{logstats.Query{Step: time.Hour}, []logstats.Count{count(0, "a", "DE", 2), count(0, "a", "NL", 21), count(0, "b", "", 3), count(4, "a", "NL", 4), count(4, "b", "", 5)}},
		{logstats.Query{Step: 24 * time.Hour, Worldwide: true}, []logstats.Count{count(-48, "a", "", 27), count(-48, "b", "", 8)}},
	} {
		l.want(t, c.q, c.want...)
	}
}

// statsModel compares queries of any mixture with a loop over what was added.
func statsModel(t *testing.T, l counted) {
	names, countries := []string{"a", "b", "near:r:9"}, []string{"", "DE", "NL"}
	steps := []time.Duration{0, 1, 15 * time.Minute, 45 * time.Minute, time.Hour, 5 * time.Hour, 24 * time.Hour, 48 * time.Hour, 25 * time.Hour}
	var added []logstats.Count
	rapid.Check(t, func(rt *rapid.T) {
		counts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) logstats.Count {
			return count(rapid.IntRange(-300, 300).Draw(rt, "slot"), rapid.SampledFrom(names).Draw(rt, "name"),
				rapid.SampledFrom(countries).Draw(rt, "country"), rapid.IntRange(-1, 9).Draw(rt, "n"))
		}), 0, 20).Draw(rt, "counts")
		if err := l.AddCounts(t.Context(), counts); err != nil {
			rt.Fatal(err)
		}
		added = append(added, counts...)

		bound := func(what string) time.Time {
			if rapid.Bool().Draw(rt, "no "+what) {
				return time.Time{}
			}
			at := count(rapid.IntRange(-301, 301).Draw(rt, what), "", "", 0).Slot
			return at.Add(rapid.SampledFrom([]time.Duration{0, 0, 1, time.Minute}).Draw(rt, "late"))
		}
		q := logstats.Query{
			Names: rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(rt, "names"),
			Since: bound("since"), Until: bound("until"),
			Countries: rapid.SliceOfN(rapid.SampledFrom(countries), 0, 2).Draw(rt, "of countries"),
			Step:      rapid.SampledFrom(steps).Draw(rt, "step"), Worldwide: rapid.Bool().Draw(rt, "worldwide"),
		}
		got, err := l.Counts(t.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		if want := modelCounts(added, q); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			rt.Fatalf("%+v:\n got %v\nwant %v", q, got, want)
		}
	})
}

func modelCounts(added []logstats.Count, q logstats.Query) []logstats.Count {
	sums := map[logstats.Count]int{}
	step := max(q.Step.Truncate(logstats.Slot), logstats.Slot)
	for _, c := range added {
		if c.N < 1 || len(q.Names) > 0 && !slices.Contains(q.Names, c.Name) || len(q.Countries) > 0 && !slices.Contains(q.Countries, c.Country) ||
			c.Slot.Before(q.Since) || !q.Until.IsZero() && !c.Slot.Before(q.Until) {
			continue
		}
		c.Slot = time.Unix(0, c.Slot.UnixNano()/int64(step)*int64(step)).UTC()
		if q.Worldwide {
			c.Country = ""
		}
		n := c.N
		c.N = 0
		sums[c] += n
	}
	var counts []logstats.Count
	for c, n := range sums {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, logstats.Compare)
	return counts
}

func statsTargets(t *testing.T, l counted) {
	none := l.targets(t, noon, time.Time{}, 5)
	if none.Seen != 0 || !none.Complete || len(none.Accounts)+len(none.Addresses) > 0 {
		t.Errorf("of an empty log: %+v", none)
	}
	var records []gatehouse.Record
	add := func(n, minute int, kind gatehouse.Kind, account, ip string) {
		for range n {
			records = append(records, record(fmt.Sprint("r", len(records)), minute, kind, "", account, ip, ""))
		}
	}
	add(5, 1, gatehouse.LoginFailed, "a@example.com", "192.0.2.1")
	add(3, 2, gatehouse.LoginRefused, "b@example.com", "2001:db8::1")
	add(3, 3, gatehouse.LoginFailed, "c@example.com", "192.0.2.1")
	add(1, 4, gatehouse.LoginFailed, "", "")
	add(9, 4, gatehouse.LoginSucceeded, "d@example.com", "192.0.2.9")
	add(9, 9, gatehouse.LoginFailed, "later@example.com", "192.0.2.2")
	l.append(t, records...)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	got := l.targets(t, at(1), at(9), 2)
	want := logstats.Targets{
		Accounts:  []logstats.Target{{Account: "a@example.com", N: 5}, {Account: "b@example.com", N: 3}},
		Addresses: []logstats.Target{{IP: netip.MustParseAddr("192.0.2.1"), N: 8}, {IP: netip.MustParseAddr("2001:db8::1"), N: 3}},
		Seen:      12, Complete: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := l.targets(t, at(2), time.Time{}, 1); got.Seen != 16 || len(got.Accounts) != 1 || got.Accounts[0].Account != "later@example.com" {
		t.Errorf("without an end: %+v", got)
	}
}

func statsDelete(t *testing.T, l counted) {
	const day = 96 // slots; noon is amid one
	l.add(t, count(0, "a", "", 1), count(1, "a", "NL", 1), count(day, "a", "", 1), count(day, "b", "", 1), count(2*day-49, "a", "", 1), count(2*day-48, "c", "", 1))
	remove := func(limit int) (n int) {
		t.Helper()
		n, err := l.DeleteCounts(t.Context(), count(2*day+3, "", "", 0).Slot, limit)
		if err != nil {
			t.Fatalf("DeleteCounts: %v", err)
		}
		return n
	}
	if n := remove(0); n != 0 {
		t.Errorf("at most none: %d", n)
	}
	for range 100 {
		n := remove(2)
		if n > 2 {
			t.Errorf("at most two: %d", n)
		}
		if n == 0 {
			break
		}
	}
	for _, step := range []time.Duration{0, time.Hour, 24 * time.Hour} { // the day that is not over stays
		got, err := l.Counts(t.Context(), logstats.Query{Step: step, Worldwide: true})
		if err != nil || len(got) != 1 || got[0].Name != "c" {
			t.Errorf("in steps of %v: %v, %v", step, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.AddCounts(ctx, []logstats.Count{count(0, "a", "", 1)}); err == nil {
		t.Error("AddCounts with an ended context returned nil")
	}
}
