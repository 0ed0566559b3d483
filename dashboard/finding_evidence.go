package dashboard

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/rules"
)

// evidenceOf adds what is on record about the same account and address: what was
// counted, and what came after.
func (s *Server) evidenceOf(ctx context.Context, f *finding, names []string) error {
	first, last, lead := f.Time, f.Time, evidenceLead
	f.Same = "user"
	var network netip.Prefix
	if f.Finding != nil {
		first, last = f.Finding.First, f.Finding.Last
		lead = max(lead, f.Finding.Window)
		if key := f.Finding.KeyedBy; !strings.Contains(key, "user") {
			f.Same, network = "account and address", guard.CountingPrefix(f.IP)
			if !strings.Contains(key, "account") {
				f.Same, names = "address", nil
			}
		}
	}
	turn := first.Add(time.Microsecond) // Until is exclusive
	f.Since = first.Add(-lead)
	before, err := s.either(ctx, gatehouse.Query{Since: f.Since, Until: turn, Limit: evidenceBefore + 1}, names, network)
	if err != nil {
		return err
	}
	after, err := s.either(ctx, gatehouse.Query{Since: turn, Until: last.Add(lead), Limit: evidenceAfter + 1}, names, network)
	if err != nil {
		return err
	}
	show := func(records []gatehouse.Record, most int) ([]entry, bool) {
		more := len(records) > most
		list := entries(records[:min(len(records), most)])
		for i := range list {
			list[i].Here = subjectID(&list[i].Record) == subjectID(&f.Record)
			list[i].Apart = apart(list[i].Time, first)
		}
		slices.Reverse(list)
		return list, more
	}
	f.Before, f.MoreBefore = show(before, evidenceBefore)
	f.After, f.MoreAfter = show(after, evidenceAfter)
	if f.Finding == nil || f.Finding.Rule != rules.BruteForce {
		return nil
	}
	logins, err := s.either(ctx, gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginSucceeded}, Since: turn, Limit: 1}, names, network)
	if len(logins) > 0 {
		f.Succeeded = &logins[0]
	}
	return err
}

// apart says how long before or after an instant t is, if it is seconds or more.
func apart(t, instant time.Time) string {
	switch d := t.Sub(instant).Truncate(time.Second); {
	case d < 0:
		return web.Duration(d) + " before"
	case d > 0:
		return web.Duration(d) + " after"
	}
	return ""
}

// relatedOf adds other findings about the same user or address, a day before or
// after.
func (s *Server) relatedOf(ctx context.Context, f *finding, names []string) error {
	first, last := f.Time, f.Time
	if f.Finding != nil {
		first, last = f.Finding.First, f.Finding.Last
	}
	q := gatehouse.Query{Kinds: alarming, Since: first.Add(-relatedWithin), Until: last.Add(relatedWithin), Limit: 4 * relatedShown}
	seen := map[string]bool{subjectID(&f.Record): true}
	add := func(records []gatehouse.Record, err error) error {
		for _, r := range records {
			if id := subjectID(&r); !seen[id] {
				seen[id] = true
				f.Related = append(f.Related, r)
			}
		}
		return err
	}
	if err := add(s.either(ctx, q, names, netip.Prefix{})); err != nil {
		return err
	}
	if err := add(s.either(ctx, q, nil, guard.CountingPrefix(f.IP))); err != nil {
		return err
	}
	slices.SortStableFunc(f.Related, func(a, b gatehouse.Record) int { return b.Time.Compare(a.Time) })
	f.Related = f.Related[:min(len(f.Related), relatedShown)]
	return s.nameAccounts(ctx, f.Related)
}
