// Package logstats is the security log in numbers: how often what happened, slot
// by slot, and who is attacked from where. A page that shows a month reads some
// thousand counts instead of a million records.
//
// A [Store] counts records within the transaction that adds them, so the numbers
// and the log cannot drift apart: a record that is known already adds nothing, and
// a crash takes both or none. They outlive the records they were made of.
package logstats

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Slot is the span over which is counted. Slots are aligned to UTC, and divide
// the hours of every time zone in use.
const Slot = 15 * time.Minute

// Count is how often something happened within one slot.
type Count struct {
	Slot time.Time // when the slot begins, in UTC
	Name string    // of what was counted: see OfKind, OfRule, OfShadow and OfNear
	// Country is set for failed logins only: ISO 3166-1 alpha-2, empty where it is
	// not known.
	Country string
	N       int
}

// Query selects counts. Zero fields select everything.
type Query struct {
	Names []string
	Since time.Time // of slots that begin at or after it
	Until time.Time // and before it
	// Step sums up slots: each count stands for a span of this length, a multiple
	// of Slot that is aligned to UTC as Slot is (a day begins at midnight). Zero
	// is Slot.
	Step time.Duration
	// Worldwide sums up countries: Count.Country is empty.
	Worldwide bool
	// Countries selects by Count.Country; the empty one is where that is not known.
	Countries []string
}

// Target is an account that is attacked, or an address that attacks. One of the
// two is set.
type Target struct {
	Account string
	IP      netip.Addr
	N       int // records about it
}

// MaxTargetsSeen is how many records Store.Targets looks at.
const MaxTargetsSeen = 10_000

// Targets are the accounts and addresses with the most failed and refused logins
// among the newest of a span, most first and then by name or address.
type Targets struct {
	Accounts, Addresses []Target
	Seen                int  // how many records that were
	Complete            bool // they were all of the span
}

// Store keeps the counts. It is safe for concurrent use; errors wrap
// gatehouse.ErrUnavailable when the store cannot answer.
type Store interface {
	// Counts returns what q selects, summed up over nodes, in order of slot, name
	// and country.
	Counts(ctx context.Context, q Query) ([]Count, error)
	// AddCounts adds to counts what is not in the log. All of it is durable when
	// it returns nil; see Sum for what it passes over.
	AddCounts(ctx context.Context, counts []Count) error
	// Targets returns at most limit of each, of the newest MaxTargetsSeen records
	// of failed and refused logins at or after since and before until; a zero
	// until is no bound. A record that stands for several refusals is one.
	Targets(ctx context.Context, since, until time.Time, limit int) (Targets, error)
	// DeleteCounts removes at most limit counts of the days (UTC) that had ended at
	// an instant, oldest first, and returns how many; a store may keep several of
	// one slot.
	DeleteCounts(ctx context.Context, before time.Time, limit int) (int, error)
}

// Of returns what records add, as Sum has it: one of their kind, or as many as a
// record stands for, and one of a rule for the first record of each finding.
func Of(records ...gatehouse.Record) []Count {
	counts := make([]Count, 0, len(records))
	for i := range records {
		r := &records[i]
		c := Count{Slot: r.Time, Name: OfKind(r.Kind), N: max(r.Count, 1)}
		if r.Kind == gatehouse.LoginFailed {
			c.Country = r.Place.Country
		}
		counts = append(counts, c)
		if f := r.Finding; f != nil && f.Count <= 1 {
			name := OfRule(f.Rule)
			if f.Shadow {
				name = OfShadow(f.Rule)
			}
			counts = append(counts, Count{Slot: r.Time, Name: name, N: 1})
		}
	}
	return Sum(counts)
}

// maxN bounds one summand, so that no sum overflows in a lifetime.
const maxN = 1 << 31

// Sum returns counts as stores keep them: times as the beginnings of their slots,
// names clean, what is no country empty, equal ones summed up, in order of slot,
// name and country. Those of less than one are left out. It does not change counts.
func Sum(counts []Count) []Count {
	sums := make([]Count, 0, len(counts))
	for _, c := range counts {
		if c.N < 1 {
			continue
		}
		sums = append(sums, Count{SlotOf(c.Slot), gatehouse.CleanText(c.Name, maxName), country(c.Country), min(c.N, maxN)})
	}
	slices.SortFunc(sums, Compare)
	last := 0
	for i := 1; i < len(sums); i++ {
		if Compare(sums[i], sums[last]) == 0 {
			sums[last].N += sums[i].N
			continue
		}
		last++
		sums[last] = sums[i]
	}
	return sums[:min(last+1, len(sums))]
}

// Compare orders counts by slot, name and country.
func Compare(a, b Count) int {
	return cmp.Or(a.Slot.Compare(b.Slot), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Country, b.Country))
}

// SlotOf returns the beginning of the slot that t is in: the zero time where t has
// no year of four digits, as records keep such a time.
func SlotOf(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.Truncate(Slot)
}

// country returns code if it has the form of one: there are few of these, whatever
// a database of places says.
func country(code string) string {
	if len(code) == 2 && 'A' <= code[0] && code[0] <= 'Z' && 'A' <= code[1] && code[1] <= 'Z' {
		return code
	}
	return ""
}
