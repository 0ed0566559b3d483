package rules_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// Every rule ships with scripted cases in testdata/cases, in a file of its name:
// what happens, when, and what must be found. They run on the real engine.
func TestCases(t *testing.T) {
	set := rules.Default()
	for _, rule := range set.All() {
		t.Run(rule.Name, func(t *testing.T) {
			fires, quiet, shadowed := 0, 0, 0
			for _, c := range readCases(t, filepath.Join("testdata", "cases", rule.Name+".yaml")) {
				expected := slices.ContainsFunc(c.steps, func(s step) bool { return slices.Contains(s.finds, rule.Name) })
				if expected && c.rules.Rule(rule.Name).Shadow {
					shadowed++
				}
				if expected {
					fires++
				} else {
					quiet++
				}
				if expected == strings.HasPrefix(c.name, "quiet") {
					t.Errorf("%s: is named wrongly", c.name)
				}
				t.Run(c.name, func(t *testing.T) { c.run(t) })
			}
			if fires == 0 || quiet == 0 || shadowed == 0 {
				t.Errorf("%d cases fire, %d of them in the shadow, and %d stay quiet: all are needed", fires, shadowed, quiet)
			}
		})
	}
}

var midnight = time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)

func (c scriptedCase) run(t *testing.T) {
	people, blocks, log := people{}, memory.NewBlocks(), &journal{}
	g, err := guard.New(guard.Options{
		Rules:     c.rules,
		Windows:   memory.NewWindows(memory.Options{}),
		Blocks:    blocks,
		Sightings: sightings{},
		Journal:   log,
		Places:    c.places,
		Alerts:    people,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.steps {
		var found []string
		for n := range s.times {
			at := s.at + time.Duration(n)*s.every
			d := s.take(t, g, midnight.Add(at))
			if d.Verdict.String() != s.verdict {
				t.Errorf("%s (repetition %d): verdict %s, want %s", s.where, n+1, d.Verdict, s.verdict)
			}
			for _, f := range d.Findings {
				found = append(found, f.Rule)
				rule := c.rules.Rule(f.Rule)
				if f.Kind != rule.Kind || f.Severity != rule.Severity || f.Shadow != rule.Shadow {
					t.Errorf("%s: found as %s, %s, in the shadow: %v", s.where, f.Kind, f.Severity, f.Shadow)
				}
				if f.Count == 1 && !log.has(f) {
					t.Errorf("%s: the finding is not on record", s.where)
				}
				if rule.Shadow && (len(f.Actions) != 1 || f.Actions[0].Response != "log") {
					t.Errorf("%s: done in the shadow: %+v", s.where, f.Actions)
				}
			}
		}
		slices.Sort(found)
		if !slices.Equal(found, s.finds) {
			t.Errorf("%s: found %v, want %v", s.where, found, s.finds)
		}
	}
	held, err := blocks.List(t.Context(), midnight)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range held {
		people[b.Rule] = true
	}
	for _, rule := range c.rules.All() {
		if rule.Shadow && people[rule.Name] {
			t.Errorf("%s is in the shadow, and people were told or kept out", rule.Name)
		}
	}
}

// people are those who are told, by which rules.
type people map[string]bool

func (p people) Alert(_ context.Context, r gatehouse.Record) error {
	p[r.Finding.Rule] = true
	return nil
}

// take does what the step says. Where that is two calls, the findings of both
// are in the decision.
func (s step) take(t *testing.T, g *guard.Guard, at time.Time) gatehouse.Decision {
	ctx := t.Context()
	e := gatehouse.Event{
		Time:     at,
		Subject:  gatehouse.Subject{Account: s.account},
		Client:   gatehouse.Client{IP: s.ip, UserAgent: s.agent, Device: gatehouse.Device{ID: s.device}},
		Endpoint: s.endpoint,
	}
	switch s.do {
	case "request":
		e.Kind = gatehouse.RequestRefused
		return g.Admit(ctx, e)
	case "signup":
		e.Kind = gatehouse.SignupRefused
		d := g.Admit(ctx, e)
		if !d.Allowed() {
			return d
		}
		e.Kind = gatehouse.SignupSucceeded
		return also(t, d, func() (gatehouse.Decision, error) { return g.Observe(ctx, e) })
	case "refresh":
		e.Kind, e.User, e.Session = gatehouse.TokenRefreshed, s.account, s.session
		return also(t, gatehouse.Decision{}, func() (gatehouse.Decision, error) { return g.Observe(ctx, e) })
	}
	a, d := g.Begin(ctx, e)
	if !d.Allowed() {
		return d
	}
	return also(t, d, func() (gatehouse.Decision, error) {
		if s.do == "wrong_password" {
			return a.Fail(ctx, at, "wrong_password")
		}
		return a.Succeed(ctx, at, gatehouse.Subject{User: s.account, Session: s.session}, e.Device)
	})
}

func also(t *testing.T, before gatehouse.Decision, do func() (gatehouse.Decision, error)) gatehouse.Decision {
	t.Helper()
	d, err := do()
	if err != nil {
		t.Fatal(err)
	}
	d.Findings = append(before.Findings, d.Findings...)
	return d
}

// sightings keeps, per user, the last sighting of each device and country.
type sightings map[string][]gatehouse.Sighting

func (all sightings) See(_ context.Context, user string, s gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	earlier := all[user]
	kept := slices.DeleteFunc(slices.Clone(earlier), func(o gatehouse.Sighting) bool {
		return o.Device.ID == s.Device.ID && o.Place.Country == s.Place.Country
	})
	all[user] = slices.Insert(kept, 0, s)
	return earlier, nil
}

// journal is a security log that a test can look into.
type journal struct{ records []gatehouse.Record }

func (j *journal) Append(_ context.Context, records ...gatehouse.Record) error {
	j.records = append(j.records, records...)
	return nil
}

func (j *journal) has(f gatehouse.Finding) bool {
	return slices.ContainsFunc(j.records, func(r gatehouse.Record) bool {
		return r.Finding != nil && r.Finding.ID == f.ID && r.Finding.Shadow == f.Shadow
	})
}

type places map[netip.Addr]gatehouse.Place

func (p places) Place(ip netip.Addr) gatehouse.Place { return p[ip] }
