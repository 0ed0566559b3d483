package storetest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/outbox"
)

// AlertStore is a security log with what alerting keeps beside it.
type AlertStore interface {
	gatehouse.Journal
	alerting.Store
	outbox.Store
}

// Alerts runs the suite of what the dispatchers of alerts keep: one leads, sees
// each finding, and what it decides is kept together or not at all. open returns an
// empty store.
func Alerts(t *testing.T, open func(t *testing.T) AlertStore) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s AlertStore)
	}{
		{"one leads", alertsLead},
		{"one of many bids wins", alertsBids},
		{"nobody is alerted about the past", alertsPast},
		{"findings come in order", alertsOrder},
		{"no finding is passed over", alertsFollow},
		{"a change is kept together", alertsCommit},
		{"who was followed by another changes nothing", alertsFenced},
		{"closed groups are removed", alertsPrune},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func bid(holder string, term int64, second int) alerting.Bid {
	return alerting.Bid{Holder: holder, Term: term, At: noon.Add(time.Duration(second) * time.Second), TTL: 10 * time.Second}
}

func lead(t testing.TB, s alerting.Store, b alerting.Bid) int64 {
	t.Helper()
	term, err := s.Lead(t.Context(), b)
	if err != nil {
		t.Fatalf("Lead: %v", err)
	}
	return term
}

// found is a record with a finding.
func found(id string) gatehouse.Record {
	f := gatehouse.Finding{
		ID: "finding-" + id, Rule: "brute_force", Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High,
		First: noon, Last: noon, Count: 1, Actions: []gatehouse.Action{{Response: "log"}, {Response: "alert"}},
	}
	r := gatehouse.Record{ID: id, Severity: f.Severity, Finding: &f}
	r.Kind, r.Time, r.IP, r.Account = f.Kind, noon, netip.MustParseAddr("192.0.2.7"), "ada@example.com"
	return r
}

func plain(id string) gatehouse.Record {
	r := gatehouse.Record{ID: id}
	r.Kind, r.Time = gatehouse.LoginFailed, noon
	return r
}

func write(t testing.TB, s gatehouse.Journal, records ...gatehouse.Record) {
	t.Helper()
	if err := s.Append(t.Context(), records...); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func alertsLead(t *testing.T, s AlertStore) {
	ctx := t.Context()
	first := lead(t, s, bid("a", 0, 0))
	if _, err := s.Lead(ctx, bid("b", 0, 9)); !errors.Is(err, alerting.ErrLed) {
		t.Errorf("another one within the term: %v", err)
	}
	if term := lead(t, s, bid("a", first, 9)); term != first {
		t.Errorf("prolonged: %d became %d", first, term)
	}
	if _, err := s.Lead(ctx, bid("b", 0, 18)); !errors.Is(err, alerting.ErrLed) {
		t.Errorf("another one within the prolonged term: %v", err)
	}
	second := lead(t, s, bid("b", 0, 19))
	if second <= first {
		t.Errorf("term %d after %d", second, first)
	}
	if _, err := s.Lead(ctx, bid("a", first, 19)); !errors.Is(err, alerting.ErrTerm) {
		t.Errorf("the first one goes on: %v", err)
	}
	third := lead(t, s, bid("b", 0, 20)) // has started anew
	if third <= second {
		t.Errorf("term %d after %d", third, second)
	}
	if term := lead(t, s, bid("b", third, 600)); term != third {
		t.Errorf("late, and nobody else has begun: %d", term)
	}
	if err := s.Resign(ctx, second); err != nil {
		t.Errorf("resigning twice: %v", err)
	}
	if _, err := s.Lead(ctx, bid("a", 0, 601)); !errors.Is(err, alerting.ErrLed) {
		t.Errorf("after an earlier leader resigned: %v", err)
	}
	if err := s.Resign(ctx, third); err != nil {
		t.Fatal(err)
	}
	if fourth := lead(t, s, bid("a", 0, 601)); fourth <= third {
		t.Errorf("term %d after %d", fourth, third)
	}
}

func alertsBids(t *testing.T, s AlertStore) {
	for round := range 5 {
		var mu sync.Mutex
		terms := map[int64]int{}
		var bidders sync.WaitGroup
		for i := range 16 {
			bidders.Go(func() {
				term, err := s.Lead(t.Context(), bid(fmt.Sprint(round, "/", i), 0, round*60))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					terms[term]++
				} else if !errors.Is(err, alerting.ErrLed) {
					t.Errorf("Lead: %v", err)
				}
			})
		}
		bidders.Wait()
		if len(terms) != 1 {
			t.Errorf("round %d: terms %v", round, terms)
		}
	}
}

func alertsPast(t *testing.T, s AlertStore) {
	write(t, s, found("r1"), plain("r2"))
	write(t, s, found("r3"), plain("r4"))
	lead(t, s, bid("a", 0, 0))
	m, err := s.Recall(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, found("r5"))
	lead(t, s, bid("b", 0, 60)) // not the first any more
	m2, err := s.Recall(t.Context(), noon)
	if err != nil || !maps.Equal(m.Cursors, m2.Cursors) {
		t.Errorf("the second leader begins at %v, %v; the first at %v", m2.Cursors, err, m.Cursors)
	}
	b, err := s.FindingsAfter(t.Context(), m.Cursors, 10)
	if err != nil || len(b.Findings) != 1 || b.Findings[0].ID != "r5" {
		t.Errorf("found %+v, %v", b, err)
	}
}

func alertsOrder(t *testing.T, s AlertStore) {
	want := map[string]bool{}
	for i := range 20 {
		id := fmt.Sprintf("r%02d", i)
		write(t, s, plain("p"+id), found(id))
		want[id] = true
	}
	after := alerting.Cursors{}
	last := map[string]int64{}
	for pages := 0; ; pages++ {
		b, err := s.FindingsAfter(t.Context(), after, 3)
		if err != nil || len(b.Findings) > 3 || pages > 20 {
			t.Fatalf("page %d: %d, %v", pages, len(b.Findings), err)
		}
		for _, f := range b.Findings {
			if f.Seq <= last[f.Node] {
				t.Errorf("%s has place %d of %s, after %d", f.ID, f.Seq, f.Node, last[f.Node])
			}
			last[f.Node] = f.Seq
			if !want[f.ID] {
				t.Errorf("%s came twice, or unasked for", f.ID)
			}
			delete(want, f.ID)
			if f.Finding == nil || f.Finding.ID != "finding-"+f.ID || f.Account != "ada@example.com" {
				t.Errorf("not whole: %+v", f.Record)
			}
		}
		after = b.Cursors
		if !b.More && len(b.Findings) == 0 {
			break
		}
	}
	if len(want) > 0 {
		t.Errorf("passed over: %v", want)
	}
}

// Who follows a log that many write to sees each finding once.
func alertsFollow(t *testing.T, s AlertStore) {
	const writers, each = 16, 20
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				write(t, s, plain(fmt.Sprint("p", w, "/", i)), found(fmt.Sprint("r", w, "/", i)))
			}
		})
	}
	written := make(chan struct{})
	go func() { writing.Wait(); close(written) }()
	seen := map[string]int{}
	after := alerting.Cursors{}
	for done := false; ; {
		select {
		case <-written:
			done = true
		default:
		}
		b, err := s.FindingsAfter(t.Context(), after, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Findings {
			seen[f.ID]++
		}
		after = b.Cursors
		if done && !b.More && len(b.Findings) == 0 {
			break
		}
	}
	if len(seen) != writers*each {
		t.Errorf("%d of %d findings were seen", len(seen), writers*each)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", id, n)
		}
	}
}

func group(id string, minute int) alerting.Group {
	at := noon.Add(time.Duration(minute) * time.Minute)
	return alerting.Group{
		ID: id, Route: "ops", Key: "brute_force 192.0.2.7", Opened: at, First: at, Last: at, Joined: at,
		Findings: 3, Records: 4, Messages: 1, Known: 2, Told: at, Record: found(id).Clean(),
	}
}

func alertsCommit(t *testing.T, s AlertStore) {
	ctx := t.Context()
	term := lead(t, s, bid("a", 0, 0))
	g, closed, untold := group("g1", 5), group("g2", 0), group("g3", 1)
	closed.Resolved = noon.Add(time.Minute)
	untold.Told, untold.Messages = time.Time{}, 0
	c := alerting.Change{
		Term: term, Groups: []alerting.Group{g, closed, untold}, Cursors: alerting.Cursors{"n1": 7, "n2": 1},
		Deliveries: []outbox.Delivery{delivery("d1", 0), {ID: "broken"}},
	}
	if err := s.CommitAlerts(ctx, c); err == nil {
		t.Error("a delivery without a channel was kept")
	}
	m, err := s.Recall(ctx, noon)
	if err != nil || len(m.Groups) != 0 || m.Cursors["n1"] != 0 || len(deliveries(t, s, outbox.Filter{})) != 0 {
		t.Errorf("kept of a change that failed: %+v, %v", m, err)
	}
	c.Deliveries = c.Deliveries[:1]
	if err := s.CommitAlerts(ctx, c); err != nil {
		t.Fatal(err)
	}
	m, err = s.Recall(ctx, noon.Add(time.Second))
	if err != nil || m.Cursors["n1"] != 7 || m.Cursors["n2"] != 1 || !reflect.DeepEqual(m.Groups, []alerting.Group{untold, g}) {
		t.Errorf("recalled %+v, %v", m, err)
	}
	if m, err = s.Recall(ctx, noon); err != nil || len(m.Groups) != 3 {
		t.Errorf("recalled with those told of at noon: %+v, %v", m.Groups, err)
	}
	if got := ids(deliveries(t, s, outbox.Filter{})); !slices.Equal(got, []string{"d1"}) {
		t.Errorf("enqueued %v", got)
	}
	g.Findings, g.Resolved = 10_000, noon.Add(time.Hour)
	if err := s.CommitAlerts(ctx, alerting.Change{Term: term, Groups: []alerting.Group{g}, Cursors: alerting.Cursors{"n1": 9}}); err != nil {
		t.Fatal(err)
	}
	open, err := s.OpenGroups(ctx)
	if err != nil || !reflect.DeepEqual(open, []alerting.Group{untold}) {
		t.Errorf("open are %+v, %v", open, err)
	}
	if m, err = s.Recall(ctx, noon.Add(time.Second)); err != nil || m.Cursors["n1"] != 9 || m.Cursors["n2"] != 1 || m.Groups[1].Findings != 10_000 {
		t.Errorf("recalled %+v, %v", m, err)
	}
}

func alertsFenced(t *testing.T, s AlertStore) {
	ctx := t.Context()
	if err := s.CommitAlerts(ctx, alerting.Change{Term: 1}); !errors.Is(err, alerting.ErrTerm) {
		t.Errorf("nobody leads: %v", err)
	}
	old := lead(t, s, bid("a", 0, 0))
	now := lead(t, s, bid("b", 0, 10))
	c := alerting.Change{
		Term: old, Groups: []alerting.Group{group("g1", 0)}, Cursors: alerting.Cursors{"n1": 1},
		Deliveries: []outbox.Delivery{delivery("d1", 0)},
	}
	if err := s.CommitAlerts(ctx, c); !errors.Is(err, alerting.ErrTerm) {
		t.Errorf("the old leader commits: %v", err)
	}
	m, err := s.Recall(ctx, noon)
	if err != nil || len(m.Groups) != 0 || m.Cursors["n1"] != 0 || len(deliveries(t, s, outbox.Filter{})) != 0 {
		t.Errorf("kept of the old leader: %+v, %v", m, err)
	}
	c.Term = now
	if err := s.CommitAlerts(ctx, c); err != nil {
		t.Errorf("the new leader commits: %v", err)
	}
}

func alertsPrune(t *testing.T, s AlertStore) {
	ctx := t.Context()
	term := lead(t, s, bid("a", 0, 0))
	var groups []alerting.Group
	for i := range 5 {
		g := group(fmt.Sprint("g", i), i)
		if i < 4 {
			g.Resolved = noon.Add(time.Duration(i) * time.Hour)
		}
		groups = append(groups, g)
	}
	if err := s.CommitAlerts(ctx, alerting.Change{Term: term, Groups: groups}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.PruneGroups(ctx, noon.Add(3*time.Hour), 2); n != 2 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	if n, err := s.PruneGroups(ctx, noon.Add(3*time.Hour), 2); n != 1 || err != nil {
		t.Errorf("removed %d more, %v", n, err)
	}
	if m, err := s.Recall(ctx, noon); err != nil || len(m.Groups) != 2 {
		t.Errorf("left are %+v, %v", m.Groups, err)
	}
}
