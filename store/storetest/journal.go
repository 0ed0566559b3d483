package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Journal runs the suite of the security log: what is appended can be queried,
// by everybody at once, each record one time and whole. open returns both ends
// of an empty log. Times are compared to the microsecond.
func Journal(t *testing.T, open func(t *testing.T) (gatehouse.Journal, gatehouse.Log)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, l *log)
	}{
		{"each query selects its records, newest first", journalQueries},
		{"random queries agree with a model", journalModel},
		{"a known ID is left as it is", journalKnownID},
		{"64 clients append at the same time", journalParallel},
		{"a record comes back whole", journalWhole},
		{"hostile text makes one well-formed record", journalHostile},
		{"a long log is read through, and left early", journalLong},
		{"page follows on page", journalPages},
		{"a context that has ended appends and reads nothing", journalCancelled},
		{"findings are counted once each", journalFindings},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, l := open(t)
			c.run(t, &log{Journal: j, Log: l})
		})
	}
}

// log is both ends of the log under test.
type log struct {
	gatehouse.Journal
	gatehouse.Log
}

func (l *log) append(t *testing.T, records ...gatehouse.Record) {
	t.Helper()
	if err := l.Append(t.Context(), records...); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func (l *log) query(t testing.TB, q gatehouse.Query) []gatehouse.Record {
	t.Helper()
	var found []gatehouse.Record
	for r, err := range l.Query(t.Context(), q) {
		if err != nil {
			t.Fatalf("Query(%+v): %v", q, err)
		}
		found = append(found, r)
	}
	return found
}

func (l *log) ids(t testing.TB, q gatehouse.Query) []string {
	t.Helper()
	ids := []string{}
	for _, r := range l.query(t, q) {
		ids = append(ids, r.ID)
	}
	return ids
}

// paged reads all that q selects, in pages of a size.
func (l *log) paged(t testing.TB, q gatehouse.Query, size int) []string {
	t.Helper()
	ids := []string{}
	for q.Limit = size; ; q.After = ids[len(ids)-1] {
		page := l.ids(t, q)
		ids = append(ids, page...)
		if len(page) < size {
			return ids
		}
	}
}

// noon is the day that the suites play on.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// record is one at so many minutes after noon.
func record(id string, minute int, kind gatehouse.Kind, user, account, ip, correlation string) gatehouse.Record {
	r := gatehouse.Record{ID: id, Event: gatehouse.Event{
		Kind: kind, Time: noon.Add(time.Duration(minute) * time.Minute), CorrelationID: correlation,
		Subject: gatehouse.Subject{User: user, Account: account},
	}}
	if ip != "" {
		r.IP = netip.MustParseAddr(ip)
	}
	return r
}

func journalQueries(t *testing.T, l *log) {
	const alice, bob = "alice@example.com", "bob@example.com"
	found := record("r2", 2, gatehouse.BruteForceDetected, "u-alice", alice, "192.0.2.200", "c1")
	found.Finding = &gatehouse.Finding{ID: "f1", Kind: found.Kind}
	l.append(t,
		record("r0", 0, gatehouse.LoginFailed, "", alice, "192.0.2.1", "c0"),
		record("r1", 1, gatehouse.LoginFailed, "u-alice", alice, "192.0.2.1", "c1"),
		found,
		record("r4", 4, gatehouse.LoginSucceeded, "u-bob", bob, "2001:db8::1", "c4"),
		record("r3", 3, gatehouse.IPAddressBlocked, "", "", "192.0.3.1", "c1"),
	)
	l.append(t, record("r5", 5, gatehouse.RequestRefused, "", "", "", ""))

	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	prefix := netip.MustParsePrefix
	for _, c := range []struct {
		name string
		q    gatehouse.Query
		want []string
	}{
		{"everything", gatehouse.Query{}, []string{"r5", "r4", "r3", "r2", "r1", "r0"}},
		{"limit", gatehouse.Query{Limit: 2}, []string{"r5", "r4"}},
		{"user ID", gatehouse.Query{User: "u-alice"}, []string{"r2", "r1"}},
		{"account", gatehouse.Query{User: alice}, []string{"r2", "r1", "r0"}},
		{"account, limit", gatehouse.Query{User: alice, Limit: 1}, []string{"r2"}},
		{"nobody", gatehouse.Query{User: "u-carol"}, []string{}},
		{"a pattern is no wildcard", gatehouse.Query{User: "u-%"}, []string{}},
		{"one address", gatehouse.Query{Prefix: prefix("192.0.2.1/32")}, []string{"r1", "r0"}},
		{"network", gatehouse.Query{Prefix: prefix("192.0.2.0/24")}, []string{"r2", "r1", "r0"}},
		{"network, not masked", gatehouse.Query{Prefix: prefix("192.0.2.77/24")}, []string{"r2", "r1", "r0"}},
		{"wider network", gatehouse.Query{Prefix: prefix("192.0.2.0/23")}, []string{"r3", "r2", "r1", "r0"}},
		{"IPv6 network", gatehouse.Query{Prefix: prefix("2001:db8::/64")}, []string{"r4"}},
		{"all of IPv4", gatehouse.Query{Prefix: prefix("0.0.0.0/0")}, []string{"r3", "r2", "r1", "r0"}},
		{"all of IPv6", gatehouse.Query{Prefix: prefix("::/0")}, []string{"r4"}},
		{"all of IPv6, limit", gatehouse.Query{Prefix: prefix("::/0"), Limit: 1}, []string{"r4"}},
		{"one type", gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginFailed}}, []string{"r1", "r0"}},
		{"types", gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginSucceeded, gatehouse.LoginFailed, gatehouse.LoginFailed}}, []string{"r4", "r1", "r0"}},
		{"types, limit", gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoginSucceeded}, Limit: 2}, []string{"r4", "r1"}},
		{"correlation", gatehouse.Query{Correlation: "c1"}, []string{"r3", "r2", "r1"}},
		{"since is inclusive", gatehouse.Query{Since: at(4)}, []string{"r5", "r4"}},
		{"until is exclusive", gatehouse.Query{Until: at(2)}, []string{"r1", "r0"}},
		{"an empty span", gatehouse.Query{Since: at(3), Until: at(3)}, []string{}},
		{"finding", gatehouse.Query{Finding: "f1"}, []string{"r2"}},
		{"finding, of a type", gatehouse.Query{Finding: "f1", Kinds: []gatehouse.Kind{gatehouse.LoginFailed}}, []string{}},
		{"finding of a correlation, of a user", gatehouse.Query{Finding: "f1", Correlation: "c1", User: alice}, []string{"r2"}},
		{"finding of another correlation", gatehouse.Query{Finding: "f1", Correlation: "c4"}, []string{}},
		{"no finding", gatehouse.Query{Finding: "f%"}, []string{}},
		{"after", gatehouse.Query{After: "r3"}, []string{"r2", "r1", "r0"}},
		{"after, limit", gatehouse.Query{After: "r3", Limit: 1}, []string{"r2"}},
		{"after the last", gatehouse.Query{After: "r0"}, []string{}},
		{"after one that is not selected", gatehouse.Query{After: "r3", User: alice}, []string{"r2", "r1", "r0"}},
		{"after one before the span", gatehouse.Query{After: "r5", Until: at(2)}, []string{"r1", "r0"}},
		{"after one within the span", gatehouse.Query{After: "r2", Since: at(1), Until: at(4)}, []string{"r1"}},
		{"after one behind the span", gatehouse.Query{After: "r0", Since: at(1)}, []string{}},
		{"correlation of a user in a network, of a type, in a span", gatehouse.Query{
			Correlation: "c1", User: alice, Prefix: prefix("192.0.2.0/24"),
			Kinds: []gatehouse.Kind{gatehouse.BruteForceDetected, gatehouse.IPAddressBlocked}, Since: at(1), Until: at(9),
		}, []string{"r2"}},
		{"user and type", gatehouse.Query{User: alice, Kinds: []gatehouse.Kind{gatehouse.LoginFailed}}, []string{"r1", "r0"}},
		{"network and type", gatehouse.Query{Prefix: prefix("192.0.0.0/16"), Kinds: []gatehouse.Kind{gatehouse.IPAddressBlocked}}, []string{"r3"}},
		{"user from elsewhere", gatehouse.Query{User: alice, Prefix: prefix("198.51.100.0/24")}, []string{}},
	} {
		if got := l.ids(t, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func journalKnownID(t *testing.T, l *log) {
	first := record("same", 1, gatehouse.LoginFailed, "u1", "", "192.0.2.1", "first")
	second := record("same", 2, gatehouse.LoginSucceeded, "u2", "", "192.0.2.2", "second")
	l.append(t, first)
	l.append(t, second, record("other", 3, gatehouse.LoggedOut, "u2", "", "", ""))
	l.append(t, record("twice", 4, gatehouse.LoggedOut, "u2", "", "", "a"), record("twice", 5, gatehouse.LoggedOut, "u2", "", "", "b"))
	if got, want := l.ids(t, gatehouse.Query{}), []string{"twice", "other", "same"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for id, correlation := range map[string]string{"same": "first", "twice": "a"} {
		if got := l.ids(t, gatehouse.Query{Correlation: correlation}); !slices.Equal(got, []string{id}) {
			t.Errorf("of %q the first is not the one kept: %v", id, got)
		}
	}
}

func journalParallel(t *testing.T, l *log) {
	const clients, each = 64, 5
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("c%02d-%02d", c, i)
				user := fmt.Sprintf("u%d", c)
				if err := l.Append(t.Context(), record(id, i, gatehouse.LoginFailed, user, "", "192.0.2.1", ""),
					record(id+"x", i, gatehouse.BruteForceDetected, user, "", "192.0.2.1", "")); err != nil {
					t.Errorf("Append: %v", err)
				}
				// What was acknowledged is seen at once.
				if got := l.ids(t, gatehouse.Query{User: user, Limit: 2}); len(got) != 2 || !slices.Contains(got, id) || !slices.Contains(got, id+"x") {
					t.Errorf("after Append of %s the newest are %v", id, got)
				}
			}
		})
	}
	wg.Wait()
	if n := len(l.ids(t, gatehouse.Query{})); n != 2*clients*each {
		t.Errorf("%d records, want %d", n, 2*clients*each)
	}
}

func journalLong(t *testing.T, l *log) {
	const n = 3000
	records := make([]gatehouse.Record, n)
	for i := range records { // seven of each time, so that pages end amid them
		records[i] = record(fmt.Sprintf("r%04d", i), i/7, gatehouse.LoginFailed, "u", "", "192.0.2.1", "")
	}
	l.append(t, records...)
	for _, q := range []gatehouse.Query{{}, {User: "u"}, {Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {Kinds: []gatehouse.Kind{gatehouse.LoginFailed}}} {
		seen := map[string]bool{}
		last := noon.AddDate(1, 0, 0)
		for _, r := range l.query(t, q) {
			if r.Time.After(last) {
				t.Fatalf("%+v: %s comes after an older one", q, r.ID)
			}
			last = r.Time
			seen[r.ID] = true
		}
		if len(seen) != n {
			t.Errorf("%+v: %d different records, want %d", q, len(seen), n)
		}
	}

	// The log can be written to between two records, and a query left.
	read := 0
	for _, err := range l.Query(t.Context(), gatehouse.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		l.append(t, record(fmt.Sprintf("late%d", read), n, gatehouse.LoggedOut, "", "", "", ""))
		if read++; read == 3 {
			break
		}
	}
	if got := l.ids(t, gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoggedOut}}); len(got) != 3 {
		t.Errorf("appended while reading: %v", got)
	}
}

// journalPages reads page by page while records are added: no page repeats or misses
// a record that was there when the reading began.
func journalPages(t *testing.T, l *log) {
	const n = 500
	records := make([]gatehouse.Record, n)
	for i := range records { // most of one time, and the rest out of order
		records[i] = record(fmt.Sprintf("r%03d", i), max(0, i*7%n-400), gatehouse.LoginFailed, "u", "", "192.0.2.1", "")
	}
	l.append(t, records...)
	for _, q := range []gatehouse.Query{{}, {User: "u"}, {Prefix: netip.MustParsePrefix("192.0.2.1/32")}, {Kinds: []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoggedOut}}} {
		before := l.ids(t, q)
		for size := range 3 {
			if got := l.paged(t, q, 1+size*77); !slices.Equal(got, before) {
				t.Errorf("%+v in pages of %d: %d records, want %d in the same order", q, 1+size*77, len(got), len(before))
			}
		}
		var got []string
		for page := q; ; page.After = got[len(got)-1] {
			page.Limit = 99
			ids := l.ids(t, page)
			if len(ids) == 0 {
				break
			}
			got = append(got, ids...)
			l.append(t, record(fmt.Sprint("late", len(got), len(before)), n, gatehouse.LoggedOut, "u", "", "192.0.2.1", ""))
		}
		if !slices.Equal(got, before) {
			t.Errorf("%+v while records are added: %d records, want %d in the same order", q, len(got), len(before))
		}
	}
	for _, id := range []string{"no such record", "r\x00001", "\xff", "' OR 1=1 --"} {
		var errs []error
		for _, err := range l.Query(t.Context(), gatehouse.Query{After: id}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || !errors.Is(errs[0], gatehouse.ErrNotFound) {
			t.Errorf("after %q: %v, want one ErrNotFound", id, errs)
		}
	}
}

func journalCancelled(t *testing.T, l *log) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, record("r", 0, gatehouse.LoginFailed, "", "", "", "")); err == nil {
		t.Error("Append with an ended context returned nil")
	}
	for _, err := range l.Query(ctx, gatehouse.Query{}) {
		if err == nil {
			t.Error("Query with an ended context yielded a record")
		}
	}
	if got := l.ids(t, gatehouse.Query{}); len(got) != 0 {
		t.Errorf("the log holds %v", got)
	}
}
