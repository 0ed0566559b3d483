package demo

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/rules"
)

// ErrUnexpected says that the day did not bring what it should: a rule did not
// fire, or too often, or somebody who belongs there was refused or reported.
var ErrUnexpected = errors.New("the day did not go as it should")

// tally counts what was found, and compares it with what was to be found. It is
// safe for concurrent use.
type tally struct {
	mu         sync.Mutex
	closed     bool
	found      map[string]map[string]time.Time // rule -> finding -> when it was first seen
	expected   map[string]int                  // rule -> findings
	blocks     []time.Time
	wantBlocks int
	refused    int // ordinary requests
	reported   int // findings and blocks about ordinary addresses
	complaints []string
}

func newTally() *tally {
	return &tally{found: make(map[string]map[string]time.Time), expected: make(map[string]int)}
}

// expect adds what a scene should bring.
func (t *tally) expect(s *scene) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rule, n := range s.finds {
		t.expected[rule] += n
	}
	t.wantBlocks += s.blocks
}

// refusals are what is recorded when somebody is turned away.
var refusals = []gatehouse.Kind{
	gatehouse.LoginRefused, gatehouse.SignupRefused, gatehouse.TokenRefreshRefused,
	gatehouse.PasswordChangeRefused, gatehouse.PasswordResetRefused, gatehouse.RequestRefused,
}

// note counts a record of the security log. Those about other addresses than the
// demo's are somebody's who tries the server out meanwhile.
func (t *tally) note(r gatehouse.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch attack := isAttacker(r.IP); {
	case t.closed || !attack && !isOrdinary(r.IP):
	case attack && r.Finding != nil:
		seen := t.found[r.Finding.Rule]
		if seen == nil {
			seen = make(map[string]time.Time)
			t.found[r.Finding.Rule] = seen
		}
		if _, again := seen[r.Finding.ID]; !again {
			seen[r.Finding.ID] = r.Time
		}
	case attack && r.Kind == gatehouse.IPAddressBlocked:
		t.blocks = append(t.blocks, r.Time)
	case !attack && (r.Finding != nil || r.Block != nil):
		t.reported++
		t.complaints = append(t.complaints, fmt.Sprintf("%s was reported about %s, who belongs here", r.Kind, r.IP))
	case !attack && slices.Contains(refusals, r.Kind):
		t.refused++
	}
}

// complain notes that something went otherwise than it should.
func (t *tally) complain(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.complaints = append(t.complaints, text)
}

// hurt returns how many ordinary requests were refused, and how many reports
// there were about ordinary people.
func (t *tally) hurt() (refused, reported int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused, t.reported
}

// row is a line of the summary.
type row struct {
	kind        gatehouse.Kind
	rule        string
	found, want int
	first       time.Time
}

// close ends the counting and returns the summary. The error wraps
// ErrUnexpected.
func (t *tally) close() ([]row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	var rows []row
	set := rules.Default()
	for _, rule := range set.All() {
		r := row{kind: rule.Kind, rule: rule.Name, found: len(t.found[rule.Name]), want: t.expected[rule.Name]}
		for _, at := range t.found[rule.Name] {
			r.see(at)
		}
		rows = append(rows, r)
	}
	blocked := row{kind: gatehouse.IPAddressBlocked, found: len(t.blocks), want: t.wantBlocks}
	for _, at := range t.blocks {
		blocked.see(at)
	}
	rows = append(rows, blocked)

	complaints := slices.Clone(t.complaints)
	for _, r := range rows {
		if r.found != r.want {
			complaints = append(complaints, fmt.Sprintf("%s %s: %d found, %d expected", r.kind, r.rule, r.found, r.want))
		}
	}
	if t.refused > 0 {
		complaints = append(complaints, "refused to people who belong here: "+count(t.refused, "request"))
	}
	var err error
	if len(complaints) > 0 {
		err = fmt.Errorf("%w: %s", ErrUnexpected, complaints[0])
		if more := len(complaints) - 1; more > 0 {
			err = fmt.Errorf("%w (and %d more)", err, more)
		}
	}
	return rows, err
}

func (r *row) see(at time.Time) {
	if r.first.IsZero() || at.Before(r.first) {
		r.first = at
	}
}
