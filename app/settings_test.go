package app

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/rules"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// reopen starts a on its data again.
func reopen(t *testing.T, a *App, change func(*Config)) *App {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&a.config)
	}
	again, err := New(t.Context(), a.config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

// recorded returns the records of a type, newest first.
func recorded(t *testing.T, a *App, kind gatehouse.Kind) (list []gatehouse.Record) {
	t.Helper()
	for r, err := range a.records.Query(t.Context(), gatehouse.Query{Kinds: []gatehouse.Kind{kind}}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func problem(err error) int {
	var p httpguard.ProblemDetails
	errors.As(err, &p)
	return p.Status
}

// A rule's mode is what an operator has chosen last, over restarts and whatever the
// configuration says; each change is on record, with who made it.
func TestSetShadow(t *testing.T) {
	a := newApp(t)
	set := func(rule string, on bool) {
		t.Helper()
		if err := a.setShadow(t.Context(), rule, on, "ada@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when string, want ...string) {
		t.Helper()
		var got []string
		now := a.guard.Rules()
		for _, rule := range now.All() {
			if rule.Shadow {
				got = append(got, rule.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: in the shadow %v, want %v", when, got, want)
		}
	}
	set(rules.BotActivity, true)
	set(rules.BotActivity, true) // again, which changes nothing
	set(rules.BruteForce, false) // as it is
	is("at first", rules.BotActivity)
	a = reopen(t, a, func(c *Config) { c.Rules.BruteForce.Shadow = true })
	is("after a restart, with another configuration", rules.BruteForce, rules.BotActivity)
	set(rules.BruteForce, false)
	set(rules.BotActivity, false)
	is("back in force")
	a = reopen(t, a, nil)
	is("after another restart")
	if err := a.setShadow(t.Context(), "brute_farce", true, "ada@example.com"); problem(err) != http.StatusNotFound {
		t.Errorf("a rule that there is not: %v", err)
	}
	var got []string
	for _, r := range recorded(t, a, gatehouse.RuleModeChanged) {
		got = append(got, r.Reason)
		if r.Actor != "ada@example.com" || r.Severity != gatehouse.Warning {
			t.Errorf("the record %+v", r)
		}
	}
	want := []string{"bot_activity is in force", "brute_force is in force", "bot_activity is in the shadow"}
	if !slices.Equal(got, want) {
		t.Errorf("on record %q, want %q", got, want)
	}
}

// What another version has left among the settings changes nothing.
func TestSettingsOfAnotherVersion(t *testing.T) {
	a := newApp(t)
	for _, s := range []sqlstore.Setting{
		{Scope: scopeShadow, Name: "no_such_rule", Value: shadowOn}, {Scope: scopeShadow, Name: rules.BruteForce, Value: "perhaps"},
		{Scope: scopeAllow, Name: "192.0.2.1"}, {Scope: scopeAllow, Name: "0.0.0.0/0"}, {Scope: scopeAllow, Name: "::ffff:192.0.2.1/128"}, {Scope: scopeAllow, Name: "::ffff:0.0.0.0/96"},
	} {
		if err := a.records.SetSetting(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.readSettings(t.Context()); err != nil || a.guard.Rules() != rules.Default() || a.lists.allows(netip.MustParseAddr("192.0.2.1")) {
		t.Errorf("%v, %+v", err, a.guard.Rules())
	}
}

// An operator's network is let through whatever blocks there are, until it is taken
// off the list again; then they hold as before.
func TestAllowList(t *testing.T) {
	a := newApp(t)
	a = reopen(t, a, func(c *Config) { c.Lists.Allow = []string{"198.51.100.7"} })
	ctx, list := t.Context(), operatorsList{a}
	ip, network := netip.MustParseAddr("192.0.2.9"), netip.MustParsePrefix("192.0.2.0/24")
	blocked := func() bool {
		t.Helper()
		_, found, err := a.guard.IsIPBlocked(ctx, a.clock.now(), ip)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	b := gatehouse.Block{Prefix: netip.PrefixFrom(ip, 32), Created: a.clock.now(), Reason: "test", By: "ada@example.com"}
	if _, err := a.guard.BlockIP(ctx, b); err != nil || !blocked() {
		t.Fatalf("not blocked: %v", err)
	}
	if err := list.Add(ctx, netip.PrefixFrom(ip, 24), "the office \u202e", "ada@example.com"); err != nil || blocked() {
		t.Errorf("on the list: %v, blocked: %v", err, blocked())
	}
	if held, err := a.blocks.List(ctx, a.clock.now()); err != nil || len(held) != 1 {
		t.Errorf("the block was lifted: %v, %v", held, err)
	}
	if _, err := a.guard.BlockIP(ctx, b); !errors.Is(err, errAllowed) || !errors.Is(err, guard.ErrInvalidBlock) {
		t.Errorf("a block of it: %v", err)
	}
	a = reopen(t, a, nil)
	list = operatorsList{a}
	if blocked() {
		t.Error("blocked after a restart")
	}
	var got []string
	for _, e := range list.List() {
		got = append(got, e.Prefix.String()+" by "+e.By+" from "+e.Origin+": "+e.Reason)
		if e.Origin == "" && time.Since(e.Since).Abs() > time.Minute {
			t.Errorf("since %v", e.Since)
		}
	}
	if want := []string{"192.0.2.0/24 by ada@example.com from : the office \ufffd", "198.51.100.7/32 by  from configuration: "}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for _, p := range []string{"198.51.100.7/32", "192.0.2.9/32"} {
		if err := list.Remove(ctx, netip.MustParsePrefix(p), "ada@example.com"); problem(err) != http.StatusNotFound {
			t.Errorf("%s taken off: %v", p, err)
		}
	}
	if err := list.Remove(ctx, network, "bob@example.com"); err != nil || !blocked() {
		t.Errorf("taken off: %v, blocked: %v", err, blocked())
	}
	if err := list.Remove(ctx, network, "bob@example.com"); problem(err) != http.StatusNotFound {
		t.Errorf("taken off twice: %v", err)
	}
	for kind, want := range map[gatehouse.Kind][2]string{
		gatehouse.AllowListExtended: {"ada@example.com", "192.0.2.0/24: the office \ufffd"},
		gatehouse.AllowListReduced:  {"bob@example.com", "192.0.2.0/24"},
	} {
		records := recorded(t, a, kind)
		if len(records) != 1 || records[0].Actor != want[0] || records[0].Reason != want[1] || records[0].IP != network.Addr() {
			t.Errorf("%s: %+v", kind, records)
		}
	}
}

// Nobody can put everybody on the allow list, at once or bit by bit.
func TestAllowListIsNotForEverybody(t *testing.T) {
	a := newApp(t)
	a = reopen(t, a, func(c *Config) { c.Lists.Allow = []string{"0.0.0.0/1", "128.0.0.0/2", "192.0.0.0-254.255.255.255"} })
	list := operatorsList{a}
	for p, want := range map[string]string{
		"0.0.0.0/0": "no wider than /8", "::/0": "no wider than /8 for IPv4 or /16 for IPv6", "::ffff:0.0.0.0/96": "no wider than",
		"192.0.0.0/7": "no wider than", "2000::/15": "no wider than", "255.0.0.0/8": "everybody",
	} {
		err := list.Add(t.Context(), netip.MustParsePrefix(p), "test", "ada@example.com")
		if problem(err) != http.StatusUnprocessableEntity || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", p, err, want)
		}
	}
	if err := list.Add(t.Context(), netip.Prefix{}, "test", "ada@example.com"); problem(err) != http.StatusUnprocessableEntity {
		t.Errorf("no network: %v", err)
	}
	if got := recorded(t, a, gatehouse.AllowListExtended); len(got) > 0 || len(list.List()) != 8 {
		t.Errorf("on record %+v, listed %v", got, list.List())
	}
	for _, p := range []string{"255.0.0.0/9", "2001::/16", "192.0.2.1/32", "2001:db8::1/128"} {
		if err := list.Add(t.Context(), netip.MustParsePrefix(p), "test", "ada@example.com"); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// The command line minds what operators have allowed where no server runs.
func TestOperatorMindsTheAllowList(t *testing.T) {
	a := newApp(t)
	p := netip.MustParsePrefix("192.0.2.1/32")
	if err := (operatorsList{a}).Add(t.Context(), p, "test", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	o, err := Operate(t.Context(), a.config)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Block(t.Context(), p, time.Hour, "test", "ada"); !errors.Is(err, errAllowed) {
		t.Errorf("a block: %v", err)
	}
}

// A database that does not answer leaves everything as it is, and says so.
func TestSettingsOfADeadStore(t *testing.T) {
	a := newApp(t)
	p := netip.MustParsePrefix("192.0.2.1/32")
	if err := (operatorsList{a}).Add(t.Context(), p, "test", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	a.records.Close()
	if err := a.setShadow(t.Context(), rules.BruteForce, true, "ada@example.com"); err == nil || a.guard.Rules().BruteForce.Shadow {
		t.Errorf("a rule: %v", err)
	}
	if err := (operatorsList{a}).Remove(t.Context(), p, "ada@example.com"); err == nil || problem(err) != 0 || !a.lists.allows(p.Addr()) {
		t.Errorf("the allow list: %v", err)
	}
}

// Another node follows at once where Redis carries the news, and soon without.
func TestSettingsReachOtherNodes(t *testing.T) {
	const changes = 4 // each of which would take settingsCheck without Redis, but for the first
	for name, c := range map[string]struct {
		share   func(*Config)
		changes int
		within  time.Duration
	}{
		"with Redis": {func(c *Config) { c.Redis.URL, c.Redis.Timeout = testserver.Redis(t).URL, 5*time.Second }, changes, (changes - 2) * settingsCheck},
		"without":    {func(*Config) {}, 1, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			share, changes, within := c.share, c.changes, c.within
			c := Default()
			share(&c)
			c.Postgres.URL = testserver.SharedPostgres(t).Database(t)
			c.KeysFile = filepath.Join(t.TempDir(), "keys.pem")
			c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
			var nodes []*App
			for _, node := range []string{"one", "two"} {
				c.Node, c.Data = node, t.TempDir()
				a, err := New(t.Context(), c, Options{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error)
				go func() { ended <- a.Run(ctx) }()
				t.Cleanup(func() {
					cancel()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				})
				nodes = append(nodes, a)
			}
			ip := netip.MustParseAddr("192.0.2.1")
			begun := time.Now()
			for i := range changes {
				if err := nodes[0].setShadow(t.Context(), rules.BruteForce, i%2 == 0, "ada@example.com"); err != nil {
					t.Fatal(err)
				}
				change := operatorsList{nodes[0]}
				var err error
				if i%2 == 0 {
					err = change.Add(t.Context(), netip.PrefixFrom(ip, 32), "test", "ada@example.com")
				} else {
					err = change.Remove(t.Context(), netip.PrefixFrom(ip, 32), "ada@example.com")
				}
				if err != nil {
					t.Fatal(err)
				}
				other := nodes[1]
				for other.guard.Rules().BruteForce.Shadow != (i%2 == 0) || other.lists.allows(ip) != (i%2 == 0) {
					if time.Since(begun) > within {
						t.Fatalf("the other node does not follow change %d within %v", i+1, within)
					}
					<-time.After(10 * time.Millisecond)
				}
			}
		})
	}
}
