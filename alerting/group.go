package alerting

import (
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Group is findings that belong together, of which people are told together.
type Group struct {
	ID    string `json:"id"`
	Route string `json:"route"` // its name
	// Key is what the findings have in common, as the route groups them; of the
	// group that sums up what was over the route's limit it is Overflow.
	Key    string    `json:"key"`
	Opened time.Time `json:"opened"` // when it was made
	First  time.Time `json:"first"`  // of the findings, by their own time
	Last   time.Time `json:"last"`
	// Findings is how many attacks there were; an attack that goes on is one.
	Findings int `json:"findings"`
	// Records counts the records of these findings: one that goes on is written
	// again at its tenth, hundredth ... time.
	Records  int       `json:"records"`
	Joined   time.Time `json:"joined"`            // when the newest record was seen by the dispatcher
	Messages int       `json:"messages"`          // told so far, without the closing notice
	Told     time.Time `json:"told,omitzero"`     // when the newest of them was made
	Known    int       `json:"known,omitempty"`   // how many records it told of
	Resolved time.Time `json:"resolved,omitzero"` // when it was closed; zero: it is open
	// Record is the newest of the most severe findings.
	Record gatehouse.Record `json:"record"`
}

// Overflow is the key of a group that sums up what was over a route's limit.
const Overflow = "(more)"

// Open reports whether the group is not closed yet.
func (g Group) Open() bool { return g.Resolved.IsZero() }

// join counts a finding in.
func (g *Group) join(r gatehouse.Record, at time.Time) {
	f := r.Finding
	g.Records++
	g.Joined = at
	if g.Findings == 0 || f.Count <= 1 {
		g.Findings++
	}
	first, last := f.First, f.Last
	if last.IsZero() {
		first, last = r.Time, r.Time
	}
	if g.First.IsZero() || first.Before(g.First) {
		g.First = first
	}
	if last.After(g.Last) {
		g.Last = last
	}
	if g.Record.Finding == nil || f.Severity >= g.Record.Finding.Severity {
		g.Record = r
	}
}
