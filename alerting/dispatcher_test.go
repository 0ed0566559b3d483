package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// A storm of findings of one attack is one alert and one closing notice, whatever
// happens to the dispatcher in the middle of it.
func TestStorm(t *testing.T) {
	const storm = 10_000
	b := newBench(t)
	d := b.dispatcher("a", ops)
	b.look(d)
	for i := range 10 {
		var records []gatehouse.Record
		for range storm / 10 {
			records = append(records, b.finding("brute_force", "192.0.2.7"))
		}
		b.write(records...)
		b.clock.move(time.Minute)
		if i == 5 {
			d = b.dispatcher("a", ops) // killed, and started again
		}
		b.look(d)
	}
	b.clock.move(15 * time.Minute)
	b.look(d)
	list := b.expect("after the storm", notify.Opened, notify.Resolved)
	if got := fact(list[1], "Findings"); !strings.HasPrefix(got, "10000, from 2 March 12:00:00 UTC to 2 March 12:09:00 UTC") {
		t.Errorf("the closing notice counts %q", got)
	}
	if list[0].Message.Thread != list[1].Message.Thread || list[0].Message.Key == list[1].Message.Key {
		t.Errorf("threads and keys: %s", texts(list))
	}
	if subject := list[1].Message.Subject; subject != "Over: Somebody is guessing a password: 192.0.2.7" {
		t.Errorf("the closing notice is called %q", subject)
	}
	b.clock.move(time.Hour)
	b.look(d)
	b.expect("an hour later", notify.Opened, notify.Resolved)
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(d)
	b.expect("it begins again", notify.Opened, notify.Resolved, notify.Opened)
}

// What people read says what happened, to whom, from where, what was done and how
// to undo it.
func TestMessage(t *testing.T) {
	b := newBench(t)
	d := b.dispatcher("a", alerting.Route{Name: "ops", Channels: []string{"mail", "chat", "mail"}})
	b.look(d)
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(d)
	list := b.expect("one finding", notify.Opened, notify.Opened)
	if list[0].Channel == list[1].Channel || list[0].ID == list[1].ID || list[0].Message.Key != list[1].Message.Key {
		t.Errorf("to each channel once: %s", texts(list))
	}
	m := list[0].Message
	if m.Subject != "Somebody is guessing a password: person1@example.com" || m.Severity != gatehouse.High || len(m.Links) != 0 {
		t.Errorf("the message: %+v", m)
	}
	for name, want := range map[string]string{
		"Account": "person1@example.com", "Address": "192.0.2.7", "Done": "blocked 192.0.2.0/24 until 2 March 2026, 13:00:00 UTC",
		"To undo": "gatehouse blocks remove 192.0.2.0/24", "Findings": "",
	} {
		if got := fact(list[0], name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestGroups(t *testing.T) {
	user := func(r gatehouse.Record, id string) gatehouse.Record {
		r.User, r.Finding.KeyedBy = id, "user"
		return r
	}
	for name, c := range map[string]struct {
		by     []alerting.By
		groups int
		write  func(b *bench)
	}{
		"networks": {nil, 2, func(b *bench) {
			b.write(b.finding("brute_force", "2001:db8::1"), b.finding("brute_force", "2001:db8::2"), b.finding("brute_force", "192.0.2.7"))
		}},
		"rules": {nil, 2, func(b *bench) {
			b.write(b.finding("brute_force", "192.0.2.7"), b.finding("rapid_signup", "192.0.2.7"))
		}},
		"users": {nil, 2, func(b *bench) {
			b.write(user(b.finding("geographic_anomaly", "192.0.2.7"), "u1"), user(b.finding("geographic_anomaly", "198.51.100.7"), "u1"),
				user(b.finding("geographic_anomaly", "192.0.2.7"), "u2"))
		}},
		"all of a rule": {[]alerting.By{alerting.ByRule}, 1, func(b *bench) {
			b.write(b.finding("brute_force", "192.0.2.7"), b.finding("brute_force", "198.51.100.7"))
		}},
		"a name is one part": {[]alerting.By{alerting.ByUser, alerting.ByRule}, 2, func(b *bench) {
			b.write(user(b.finding("y", "192.0.2.7"), "u x"), user(b.finding("x y", "192.0.2.7"), "u"))
		}},
		"not asked for": {nil, 0, func(b *bench) {
			r := b.finding("brute_force", "192.0.2.7")
			r.Finding.Actions = r.Finding.Actions[:1]
			b.write(r)
		}},
		"of last month": {nil, 0, func(b *bench) {
			r := b.finding("brute_force", "192.0.2.7")
			r.Time = noon.AddDate(0, -1, 0)
			b.write(r)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d := b.dispatcher("a", alerting.Route{Name: "ops", Channels: []string{"mail"}, GroupBy: c.by})
			b.look(d)
			c.write(b)
			b.look(d)
			groups, err := b.store.OpenGroups(t.Context())
			if err != nil || len(groups) != c.groups || len(b.queued()) != c.groups {
				t.Errorf("%d groups, %v; %s", len(groups), err, texts(b.queued()))
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for i, c := range []struct {
		r    alerting.Route
		want bool
	}{
		{alerting.Route{}, true},
		{alerting.Route{Severity: gatehouse.High}, true},
		{alerting.Route{Severity: gatehouse.Critical}, false},
		{alerting.Route{Rules: []string{"a", "brute_force"}}, true},
		{alerting.Route{Rules: []string{"a"}}, false},
		{alerting.Route{Types: []gatehouse.Kind{gatehouse.BruteForceDetected}}, true},
		{alerting.Route{Types: []gatehouse.Kind{gatehouse.SuspiciousActivity}, Rules: []string{"brute_force"}}, false},
	} {
		if got := c.r.Matches("brute_force", gatehouse.BruteForceDetected, gatehouse.High); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// Nobody is told of what a rule finds in the shadow, whatever its receipt says.
func TestShadow(t *testing.T) {
	b := newBench(t)
	d := b.dispatcher("a", ops)
	b.look(d)
	onTrial := b.finding("brute_force", "192.0.2.7")
	onTrial.Finding.Shadow = true
	b.write(onTrial)
	b.clock.move(time.Minute)
	b.look(d)
	b.expect("in the shadow")
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(d)
	b.expect("in force", notify.Opened)
}

// While an attack grows, people are told again; while it only lasts, they are not.
func TestRepeat(t *testing.T) {
	b := newBench(t)
	d := b.dispatcher("a", alerting.Route{Name: "ops", Channels: []string{"mail"}, Repeat: time.Hour, ResolveAfter: 2 * time.Hour})
	b.look(d)
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(d)
	b.clock.move(90 * time.Minute)
	b.look(d)
	b.expect("it has not grown", notify.Opened)
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(d)
	list := b.expect("it has", notify.Opened, notify.Opened)
	if m := list[1].Message; m.Subject != "Still going on: Somebody is guessing a password: 192.0.2.7" || m.Key == list[0].Message.Key {
		t.Errorf("told again: %s", texts(list))
	}
	b.clock.move(30 * time.Minute)
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(d)
	b.expect("too early", notify.Opened, notify.Opened)
	b.clock.move(2 * time.Hour)
	b.look(d)
	b.expect("it is over", notify.Opened, notify.Opened, notify.Resolved)
}

// What is over the limit of an hour is summed up, and told when there is room.
func TestLimit(t *testing.T) {
	b := newBench(t)
	route := alerting.Route{Name: "ops", Channels: []string{"mail"}, Limit: 3, ResolveAfter: 10 * time.Minute}
	d := b.dispatcher("a", route)
	b.look(d)
	for i := range 50 {
		b.write(b.finding("brute_force", fmt.Sprintf("192.0.2.%d", i+1)))
		if i%10 == 5 {
			b.look(d)
		}
	}
	d = b.dispatcher("a", route) // what it knew is in the store
	b.look(d)
	list := b.expect("the limit", notify.Opened, notify.Opened, notify.Opened)
	if fact(list[0], "Limit")+fact(list[1], "Limit")+fact(list[2], "Limit") == "" {
		t.Errorf("nobody is told that there is more: %s", texts(list))
	}
	b.clock.move(30 * time.Minute) // three are over, and the rest has not been told of
	b.look(d)
	b.expect("half an hour later", notify.Opened, notify.Opened, notify.Opened, notify.Resolved, notify.Resolved, notify.Resolved)
	b.clock.move(30 * time.Minute)
	b.look(d)
	list = b.queued()
	if len(list) != 7 || list[6].Message.Title != "47 more findings" {
		t.Fatalf("summed up: %s", texts(list))
	}
	b.look(d)
	if list = b.queued(); len(list) != 8 || list[7].Message.Subject != "Over: 47 more findings" {
		t.Fatalf("that is over, too: %s", texts(list))
	}
}

// Of several dispatchers one does the work; another takes over when it is gone, and
// the one that was held up meanwhile changes nothing.
func TestTakeover(t *testing.T) {
	b := newBench(t)
	first, second := b.dispatcher("a", ops), b.dispatcher("b", ops)
	b.look(first)
	b.write(b.finding("brute_force", "192.0.2.7"))
	if err := alerting.Look(second, t.Context()); !errors.Is(err, alerting.ErrLed) {
		t.Errorf("the second one: %v", err)
	}
	b.look(first)
	b.clock.move(11 * time.Second)
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(second)
	b.write(b.finding("brute_force", "198.51.100.7"))
	if err := alerting.Look(first, t.Context()); !errors.Is(err, alerting.ErrTerm) {
		t.Errorf("the first one, when it wakes up: %v", err)
	}
	b.look(second)
	b.expect("two attacks", notify.Opened, notify.Opened)
}

// A route that was taken out of the configuration closes its groups in silence.
func TestRouteIsGone(t *testing.T) {
	b := newBench(t)
	b.look(b.dispatcher("a", ops))
	b.write(b.finding("brute_force", "192.0.2.7"))
	b.look(b.dispatcher("a", ops))
	b.look(b.dispatcher("a", alerting.Route{Name: "other", Channels: []string{"mail"}}))
	b.expect("one route", notify.Opened)
	if groups, err := b.store.OpenGroups(t.Context()); err != nil || len(groups) != 0 {
		t.Errorf("open are %+v, %v", groups, err)
	}
}

// flaky fails each other commit, half of them after it was kept.
type flaky struct {
	alerting.Store
	n atomic.Int64
}

var errFlaky = errors.New("the connection is gone")

func (f *flaky) CommitAlerts(ctx context.Context, c alerting.Change) error {
	switch f.n.Add(1) % 4 {
	case 1:
		return errFlaky
	case 3:
		return errors.Join(errFlaky, f.Store.CommitAlerts(ctx, c))
	}
	return f.Store.CommitAlerts(ctx, c)
}

// A store that fails, so that nobody knows what was kept, neither loses an alert
// nor makes two of it.
func TestStoreFails(t *testing.T) {
	b := newBench(t)
	d, err := alerting.New(alerting.Options{
		Store: &flaky{Store: b.store}, Routes: []alerting.Route{{Name: "ops", Channels: []string{"mail"}, Limit: 100}},
		Holder: "a", Now: b.clock.now, Batch: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = alerting.Look(d, t.Context())
	for i := range 50 {
		b.write(b.finding("brute_force", fmt.Sprintf("192.0.2.%d", i+1)), b.finding("brute_force", fmt.Sprintf("192.0.2.%d", i+1)))
	}
	for range 100 {
		_ = alerting.Look(d, t.Context())
	}
	about := map[string]int{}
	for _, m := range b.queued() {
		about[fact(m, "Address")]++
	}
	if len(about) != 50 || len(b.queued()) != 50 {
		t.Errorf("%d messages about %d addresses", len(b.queued()), len(about))
	}
	groups, err := b.store.OpenGroups(t.Context())
	for _, g := range groups {
		if g.Findings != 2 {
			t.Errorf("%s: %d findings", g.Key, g.Findings)
		}
	}
	if err != nil || len(groups) != 50 {
		t.Errorf("%d groups, %v", len(groups), err)
	}
}

func TestNewRefuses(t *testing.T) {
	b := newBench(t)
	for name, o := range map[string]alerting.Options{
		"no store":           {Holder: "a"},
		"no name":            {Store: b.store},
		"a nameless route":   {Store: b.store, Holder: "a", Routes: []alerting.Route{{Channels: []string{"x"}}}},
		"two of a name":      {Store: b.store, Holder: "a", Routes: []alerting.Route{ops, ops}},
		"no channel":         {Store: b.store, Holder: "a", Routes: []alerting.Route{{Name: "x"}}},
		"grouped by weather": {Store: b.store, Holder: "a", Routes: []alerting.Route{{Name: "x", Channels: []string{"x"}, GroupBy: []alerting.By{"weather"}}}},
	} {
		if _, err := alerting.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Run looks when it is poked, makes room for another at its end, and tells the
// outbox.
func TestRun(t *testing.T) {
	b := newBench(t)
	queued := make(chan struct{}, 10)
	states := make(chan error, 100)
	d, err := alerting.New(alerting.Options{
		Store: b.store, Routes: []alerting.Route{ops}, Holder: "a", Poll: time.Hour, Settle: time.Millisecond,
		Now:      b.clock.now,
		OnQueued: func() { queued <- struct{}{} },
		OnState:  func(err error) { states <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	if err := <-states; err != nil {
		t.Error(err)
	}
	b.write(b.finding("brute_force", "192.0.2.7"))
	d.Poke()
	d.Poke()
	<-queued
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.look(b.dispatcher("b", ops)) // at once
	if list := b.queued(); len(list) != 1 || list[0].State != outbox.Pending {
		t.Errorf("queued: %s", texts(list))
	}
}
