package dashboard

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// entry is a line of a timeline: a record, or several alike in a row.
type entry struct {
	gatehouse.Record // the newest of them
	First            time.Time
	Times            int
	Here             bool   // it is what the page is about
	Apart            string // how long before or after that it was
}

// entries joins what is alike. Records are newest first, and so are the entries.
func entries(records []gatehouse.Record) []entry {
	var list []entry
	for _, r := range records {
		n := max(r.Count, 1)
		if last := len(list) - 1; last >= 0 && alike(&list[last].Record, &r) {
			list[last].First = r.Time
			list[last].Times += n
			continue
		}
		list = append(list, entry{Record: r, First: r.Time, Times: n})
	}
	return list
}

// alike reports whether two records say the same at different times.
func alike(a, b *gatehouse.Record) bool {
	return a.Finding == nil && b.Finding == nil && a.Block == nil && b.Block == nil &&
		a.Kind == b.Kind && a.Subject == b.Subject && a.IP == b.IP && a.Device.ID == b.Device.ID && a.Reason == b.Reason && a.Actor == b.Actor
}

// Tone is the class of the entry's mark.
func (e entry) Tone() string {
	switch {
	case e.Severity > gatehouse.Info || e.Finding != nil:
		return e.Severity.String()
	case strings.HasSuffix(string(e.Kind), "_failed"):
		return gatehouse.Warning.String()
	case e.Kind == gatehouse.LoginSucceeded || e.Kind == gatehouse.SignupSucceeded:
		return "ok"
	}
	return ""
}

// Link is the page of what the entry tells of, if there is one.
func (e entry) Link() string {
	if remarkable(&e.Record) && !e.Here {
		return "/findings/" + subjectID(&e.Record)
	}
	return ""
}

// Text is what the entry says besides its kind.
func (e entry) Text() string {
	switch {
	case e.Kind == gatehouse.IPAddressUnblocked && e.Block != nil:
		return gatehouse.FormatPrefix(e.Block.Prefix)
	case e.Block != nil && e.Block.Rule == "":
		return gatehouse.FormatPrefix(e.Block.Prefix) + ": " + e.Block.Reason
	case e.Block != nil:
		return gatehouse.FormatPrefix(e.Block.Prefix) + ", by the rule " + ruleName(e.Block.Rule)
	case e.Actor != "":
		return e.Reason // in the operator's words
	}
	return sentence(e.Record)
}

// namesOf are those by which the log knows a user: some records have the ID only,
// others, of who was not signed in, the account name only.
func namesOf(u accounts.User) []string { return []string{u.ID, u.Account} }

// about yields the records that q selects about any of these names, newest first and
// none twice. It goes on after q.After as a Log does.
func (s *Server) about(ctx context.Context, q gatehouse.Query, names ...string) iter.Seq2[gatehouse.Record, error] {
	return func(yield func(gatehouse.Record, error) bool) {
		var heads []*head
		for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
			if name == "" {
				continue
			}
			q.User = name
			next, stop := iter.Pull2(s.Log.Query(ctx, q))
			defer stop()
			h := &head{next: next}
			h.step()
			heads = append(heads, h)
		}
		for n := 0; q.Limit == 0 || n < q.Limit; n++ {
			var first *head
			for _, h := range heads {
				if h.more && (first == nil || h.err != nil || first.err == nil && h.record.Time.After(first.record.Time)) {
					first = h
				}
			}
			if first == nil || !yield(first.record, first.err) || first.err != nil {
				return
			}
			id := first.record.ID
			for _, h := range heads {
				if h.more && h.err == nil && h.record.ID == id {
					h.step()
				}
			}
		}
	}
}

// head is what comes next of one of several queries.
type head struct {
	next   func() (gatehouse.Record, error, bool)
	record gatehouse.Record
	err    error
	more   bool
}

func (h *head) step() { h.record, h.err, h.more = h.next() }

// collect returns what a query yields.
func collect(records iter.Seq2[gatehouse.Record, error]) (list []gatehouse.Record, err error) {
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// cut returns at most n records, and the ID after which the others come if there are
// any.
func cut(records []gatehouse.Record, n int) (page []gatehouse.Record, after string) {
	if len(records) > n {
		return records[:n], records[n-1].ID
	}
	return records, ""
}

// either returns the records of one query, by names where there are any, else by
// network; with both, those that fit both.
func (s *Server) either(ctx context.Context, q gatehouse.Query, names []string, network netip.Prefix) ([]gatehouse.Record, error) {
	q.Prefix = network
	if strings.Join(names, "") != "" {
		return collect(s.about(ctx, q, names...))
	}
	if !network.IsValid() {
		return nil, nil
	}
	return collect(s.Log.Query(ctx, q))
}
