package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var (
	_ gatehouse.Journal = (*Journal)(nil)
	_ gatehouse.Log     = (*Journal)(nil)
)

// Journal keeps the newest records of the security log in this process. It is
// NOT durable: what Append acknowledges is gone with the process, and older
// records make room for newer ones. It is for tests and demonstrations, and for
// showing the last of what happened.
//
// It is safe for concurrent use. Records are cleaned as a durable log cleans
// them; those that Query yields share memory with the log and must not be
// changed. A record is known, and not added again, for as long as it is kept.
type Journal struct {
	mu      sync.RWMutex
	max     int
	next    int // where the next record goes once there are max
	records []gatehouse.Record
	known   map[string]struct{}
}

// NewJournal returns an empty log that reads MaxRecords.
func NewJournal(o Options) *Journal {
	return &Journal{max: max(orDefault(o.MaxRecords, 10_000), 1), known: make(map[string]struct{})}
}

// Append implements gatehouse.Journal. It fails only when ctx has ended.
func (j *Journal) Append(ctx context.Context, records ...gatehouse.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kept := make([]gatehouse.Record, len(records))
	for i := range records {
		kept[i] = records[i].Clean()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range kept {
		if _, ok := j.known[r.ID]; !ok {
			j.add(r)
		}
	}
	return nil
}

func (j *Journal) add(r gatehouse.Record) {
	j.known[r.ID] = struct{}{}
	if len(j.records) < j.max {
		j.records = append(j.records, r)
		return
	}
	delete(j.known, j.records[j.next].ID)
	j.records[j.next] = r
	j.next = (j.next + 1) % j.max
}

// Query implements gatehouse.Log. It yields what the log held when the loop
// began; of records of one time the last appended comes first. A record After
// that is not kept any more is gatehouse.ErrNotFound.
func (j *Journal) Query(ctx context.Context, q gatehouse.Query) iter.Seq2[gatehouse.Record, error] {
	return func(yield func(gatehouse.Record, error) bool) {
		found, err := j.matching(q)
		if err != nil {
			yield(gatehouse.Record{}, err)
			return
		}
		if q.Limit > 0 {
			found = found[:min(q.Limit, len(found))]
		}
		for _, r := range found {
			if err := ctx.Err(); err != nil {
				yield(gatehouse.Record{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil && len(found) == 0 {
			yield(gatehouse.Record{}, err)
		}
	}
}

// matching returns the records that q selects, newest first, whatever its limit.
func (j *Journal) matching(q gatehouse.Query) ([]gatehouse.Record, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var after *gatehouse.Record // what comes behind it is older, or was appended earlier
	if q.After != "" {
		if after = j.find(q.After); after == nil {
			return nil, fmt.Errorf("record %q: %w", gatehouse.CleanText(q.After, gatehouse.MaxText), gatehouse.ErrNotFound)
		}
	}
	var found []gatehouse.Record
	earlier := false // than after
	for i := range j.records {
		r := j.back(i)
		if selects(&q, r) && (after == nil || r.Time.Before(after.Time) || earlier && r.Time.Equal(after.Time)) {
			found = append(found, *r)
		}
		earlier = earlier || r == after
	}
	slices.SortStableFunc(found, func(a, b gatehouse.Record) int { return b.Time.Compare(a.Time) })
	return found, nil
}

// back returns the record that was appended so many before the last one.
func (j *Journal) back(i int) *gatehouse.Record {
	return &j.records[(j.next+len(j.records)-1-i)%len(j.records)]
}

// find returns the record of an ID, or nil.
func (j *Journal) find(id string) *gatehouse.Record {
	if _, ok := j.known[id]; !ok {
		return nil
	}
	i := slices.IndexFunc(j.records, func(r gatehouse.Record) bool { return r.ID == id })
	return &j.records[i]
}

func selects(q *gatehouse.Query, r *gatehouse.Record) bool {
	return (q.User == "" || q.User == r.User || q.User == r.Account) &&
		(q.Correlation == "" || q.Correlation == r.CorrelationID) &&
		(q.Finding == "" || r.Finding != nil && q.Finding == cmp.Or(r.Finding.ID, r.ID)) &&
		(!q.Prefix.IsValid() || q.Prefix.Contains(r.IP)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) &&
		!r.Time.Before(q.Since) && (q.Until.IsZero() || r.Time.Before(q.Until))
}

// CountFindings implements gatehouse.Log. A finding that was updated counts
// once, as it was last; the counts are sorted by type and severity.
func (j *Journal) CountFindings(ctx context.Context, user string, since time.Time) ([]gatehouse.FindingCount, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	counts := []gatehouse.FindingCount{}
	found, err := j.matching(gatehouse.Query{User: user, Since: since})
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		f := r.Finding
		if f == nil || seen[f.ID] || user == "" {
			continue
		}
		seen[f.ID] = true
		at, ok := slices.BinarySearchFunc(counts, f, func(c gatehouse.FindingCount, f *gatehouse.Finding) int {
			if c.Kind != f.Kind {
				if c.Kind < f.Kind {
					return -1
				}
				return 1
			}
			return int(c.Severity) - int(f.Severity)
		})
		if !ok {
			counts = slices.Insert(counts, at, gatehouse.FindingCount{Kind: f.Kind, Severity: f.Severity})
		}
		counts[at].Count++
	}
	return counts, nil
}
