package guard_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/rules"
)

// inShadow are the built-in rules with some of them on trial.
func inShadow(names ...string) rules.Set {
	set := rules.Default()
	for _, name := range names {
		set.Rule(name).Shadow = true
	}
	return set
}

// In the shadow no place is held: however many attempts are in flight, none waits
// for another, and of all failures one finding is made.
func TestShadowReservesNothing(t *testing.T) {
	people := new(pager)
	d := newDesk(t, func(o *guard.Options) {
		o.Rules, o.Alerts, o.LoginWait = inShadow(rules.BruteForce), people, time.Nanosecond
	})
	var attempts []*guard.Attempt
	for range 64 {
		a, got := d.Begin(t.Context(), d.event("ada@example.com", home))
		if a == nil {
			t.Fatalf("attempt %d: %+v", len(attempts)+1, got)
		}
		attempts = append(attempts, a)
	}
	var mu sync.Mutex
	var found []gatehouse.Finding
	var wg sync.WaitGroup
	for _, a := range attempts {
		wg.Go(func() {
			got, err := a.Fail(t.Context(), d.now, "password")
			mu.Lock()
			defer mu.Unlock()
			if err != nil || !got.Allowed() {
				t.Errorf("%+v, %v", got, err)
			}
			found = append(found, got.Findings...)
		})
	}
	wg.Wait()
	if len(found) != 1 || !found[0].Shadow || found[0].Observed != 5 {
		t.Errorf("found %+v", found)
	}
	if _, blocked, err := d.IsIPBlocked(t.Context(), d.now, home); blocked || err != nil || len(people.told) > 0 {
		t.Errorf("blocked: %v, %v; told: %+v", blocked, err, people.told)
	}
	// A success clears the counter as in force, so that the next five are found.
	d.now = d.now.Add(time.Second)
	if got := d.succeed("ada@example.com", home, "laptop"); !got.Allowed() {
		t.Errorf("a right password: %+v", got)
	}
	for i := range 5 {
		if got := d.fail("ada@example.com", home); len(got.Findings) != i/4 {
			t.Errorf("failure %d after a success: %+v", i+1, got)
		}
	}
}

// What a rule in the shadow cannot count or write down is told, and lets go on
// what the rule would not have stopped.
func TestShadowOnDeadStores(t *testing.T) {
	var told []string
	set := inShadow(rules.BruteForce, rules.BotActivity, rules.RapidSignup)
	count := func(o *guard.Options) {
		o.Rules = set
		o.OnError = func(_ context.Context, doing string, _ error) { told = append(told, doing) }
	}
	d := newDesk(t, func(o *guard.Options) { count(o); o.Windows = deadWindows{o.Windows} })
	for _, kind := range []gatehouse.Kind{gatehouse.RequestRefused, gatehouse.SignupRefused} {
		if got := d.ask(kind, "POST /x", home); !got.Allowed() {
			t.Errorf("%s with dead counters: %+v", kind, got)
		}
	}
	if got := d.fail("ada@example.com", home); !got.Allowed() {
		t.Errorf("a failure with dead counters: %+v", got)
	}
	if !slices.Equal(told, []string{"count a request", "count a request", "count a request", "count a failed login"}) {
		t.Errorf("told %q", told)
	}
	told = nil
	d = newDesk(t, func(o *guard.Options) { count(o); o.Journal = deadJournal{} })
	for i := range 60 {
		if got := d.ask(gatehouse.RequestRefused, "POST /x", home); !got.Allowed() {
			t.Fatalf("request %d with a dead log: %+v", i+1, got)
		}
	}
	if !slices.Equal(told, []string{"record a finding"}) {
		t.Errorf("told %q", told)
	}
}

// An attempt ends by the rules that it began with, and what is shared goes by the
// new ones at once.
func TestAttemptKeepsItsRules(t *testing.T) {
	d := newDesk(t, func(o *guard.Options) { o.LoginWait = time.Nanosecond })
	begin := func() *guard.Attempt {
		t.Helper()
		a, got := d.Begin(t.Context(), d.event("ada@example.com", home))
		if a == nil {
			t.Fatalf("%+v", got)
		}
		return a
	}
	fail := func(a *guard.Attempt) gatehouse.Decision {
		t.Helper()
		got, err := a.Fail(t.Context(), d.now, "password")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var held []*guard.Attempt
	for range 5 {
		held = append(held, begin())
	}
	if a, got := d.Begin(t.Context(), d.event("ada@example.com", home)); a != nil || got.Verdict != gatehouse.Busy {
		t.Fatalf("a sixth in flight: %+v", got)
	}
	d.SetRules(inShadow(rules.BruteForce))
	if !d.Rules().BruteForce.Shadow {
		t.Fatal("the rules are as before")
	}
	shadowed := begin()
	for _, a := range held[:4] {
		fail(a)
	}
	d.SetRules(rules.Default())
	if got := fail(shadowed); len(got.Findings) != 1 || !got.Findings[0].Shadow || len(got.Findings[0].Actions) != 1 {
		t.Errorf("begun in the shadow: %+v", got)
	}
	// The one in flight is counted beside the five, and no finding a second time.
	if got := fail(held[4]); len(got.Findings) != 0 {
		t.Errorf("begun in force, beyond the fifth: %+v", got)
	}
	if a, got := d.Begin(t.Context(), d.event("ada@example.com", home)); a != nil || got.Verdict != gatehouse.Limited {
		t.Errorf("back in force: %+v", got)
	}
}

// People hear of an attack that goes on when its rule is put in force: it is a
// finding of its own.
func TestBackInForceDuringAnAttack(t *testing.T) {
	people := new(pager)
	set := inShadow(rules.SuspiciousUserAgent)
	set.SuspiciousUserAgent.Respond.Alert = true
	d := newDesk(t, func(o *guard.Options) { o.Rules, o.Alerts = set, people })
	login := func() gatehouse.Finding {
		t.Helper()
		d.now = d.now.Add(time.Second)
		e := d.event("ada@example.com", home)
		e.Kind, e.UserAgent = gatehouse.SignupFailed, "curl/8.5"
		got, err := d.Observe(t.Context(), e)
		if err != nil || len(got.Findings) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Findings[0]
	}
	first, again := login(), login()
	set.SuspiciousUserAgent.Shadow = false
	d.SetRules(set)
	inForce := login()
	if !first.Shadow || again.ID != first.ID || inForce.Shadow || inForce.ID == first.ID || inForce.Count != 1 {
		t.Errorf("in the shadow %+v and %+v, in force %+v", first, again, inForce)
	}
	if len(people.told) != 1 || people.told[0].Finding.ID != inForce.ID {
		t.Errorf("told %+v", people.told)
	}
}

// Rules may be swapped under load: each call sees one set of them. The race
// detector watches.
func TestRulesAreSwappedUnderLoad(t *testing.T) {
	d := newDesk(t, func(o *guard.Options) { o.OnCount = func(string, int, int) {} })
	sets := []rules.Set{rules.Default(), inShadow(rules.BruteForce, rules.BotActivity, rules.RapidSignup, rules.MultipleDevices)}
	sets[1].GeographicAnomaly.Enabled = false
	stop := make(chan struct{})
	var swapping, working sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				d.SetRules(sets[i%2])
			}
		}
	})
	for worker := range 4 {
		working.Go(func() {
			account := fmt.Sprintf("user%d@example.com", worker)
			for i := range 30 {
				d.Admit(t.Context(), gatehouse.Event{Kind: gatehouse.SignupRefused, Time: d.now, Endpoint: "POST /x", Client: gatehouse.Client{IP: away}})
				a, got := d.Begin(t.Context(), d.event(account, home))
				if a == nil {
					if got.Verdict == gatehouse.Undecided {
						t.Errorf("%+v", got)
					}
					continue
				}
				var err error
				if i%2 == 0 {
					got, err = a.Fail(t.Context(), d.now, "password")
				} else {
					got, err = a.Succeed(t.Context(), d.now, gatehouse.Subject{User: account}, gatehouse.Device{ID: fmt.Sprint(i)})
				}
				for _, f := range got.Findings {
					if f.Shadow && len(f.Actions) != 1 {
						t.Errorf("half in the shadow: %+v", f)
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	close(stop)
	swapping.Wait()
}

// OnCount hears of each counter that a rule reads.
func TestOnCount(t *testing.T) {
	var told []string
	d := newDesk(t, func(o *guard.Options) {
		o.OnCount = func(rule string, count, threshold int) {
			told = append(told, fmt.Sprint(rule, " ", count, "/", threshold))
		}
	})
	hears := func(step string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: %q, want %q", step, told, want)
		}
		told = nil
	}
	d.ask(gatehouse.RequestRefused, "GET /", home)
	hears("a request", "bot_activity 1/50")
	d.ask(gatehouse.SignupRefused, "POST /x", home)
	hears("a signup", "rapid_signup 1/50")
	d.fail("ada@example.com", home)
	d.fail("ada@example.com", home)
	hears("failures", "brute_force 1/5", "brute_force 2/5")
	d.succeed("ada@example.com", home, "laptop")
	d.succeed("ada@example.com", home, "phone")
	hears("logins", "multiple_devices 1/3", "multiple_devices 2/3")
	if _, err := d.CheckTokenRefresh(t.Context(), d.now, "ada", "s"); err != nil {
		t.Fatal(err)
	}
	hears("a refresh", "rapid_token_refresh 1/10")
	set := inShadow(rules.BruteForce, rules.RapidSignup)
	set.MultipleDevices.Enabled = false
	d.SetRules(set)
	d.fail("ada@example.com", home)
	d.ask(gatehouse.SignupRefused, "POST /y", home)
	d.succeed("bob@example.com", home, "laptop")
	hears("in the shadow", "brute_force 1/5", "rapid_signup 2/50", "bot_activity 1/50")
	d.SetRules(rules.Set{})
	d.fail("ada@example.com", home)
	d.ask(gatehouse.RequestRefused, "GET /", home)
	hears("switched off")
}

// Who placed or lifted a block is on record as the actor, unless it was no person.
func TestActorOfABlock(t *testing.T) {
	for by, want := range map[string]string{"ada": "ada", "": "", "gatehouse": "", "a\u202eda": "a\ufffdda"} {
		d := newDesk(t, nil)
		b := gatehouse.Block{Prefix: guard.CountingPrefix(home), Created: d.now, Reason: "test", By: by}
		if _, err := d.BlockIP(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if _, err := d.UnblockIP(t.Context(), d.now, b.Prefix, by); err != nil {
			t.Fatal(err)
		}
		for _, r := range d.records(gatehouse.Query{}) {
			if r.Actor != want {
				t.Errorf("%s by %q: actor %q, want %q", r.Kind, by, r.Actor, want)
			}
		}
	}
}
