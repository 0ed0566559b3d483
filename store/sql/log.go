package sql

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Log = (*Store)(nil)

// Query yields the records that q selects, newest first; of two with the same
// time, the one that arrived later comes first. It reads in pages, so that a
// slow reader holds nothing up, and records appended meanwhile are not seen
// unless they are older than what was read. The order is kept from page to
// page: no record comes twice. Where there is no record After, or no longer, it
// yields gatehouse.ErrNotFound.
func (s *Store) Query(ctx context.Context, q gatehouse.Query) iter.Seq2[gatehouse.Record, error] {
	return func(yield func(gatehouse.Record, error) bool) {
		sel := newSelection(q)
		from, err := s.start(ctx, q)
		if err == nil && sel.bounds != nil {
			err = s.choose(ctx, sel)
		}
		if err != nil {
			yield(gatehouse.Record{}, err)
			return
		}
		for left := q.Limit; ; {
			page, err := look(ctx, s, func(ctx context.Context, h *handle) ([]logged, error) {
				text, args := sel.page(from)
				return allOnce(ctx, h, scanLogged, text, args...)
			})
			if err != nil {
				yield(gatehouse.Record{}, err)
				return
			}
			for _, l := range page {
				from = position{l.time, l.seq}
				if !sel.covers(l.IP) {
					continue
				}
				if !yield(l.Record, nil) {
					return
				}
				if left--; left == 0 { // an unlimited query starts at zero and never comes back to it
					return
				}
			}
			if len(page) < sel.size {
				return
			}
		}
	}
}

// start returns where the answer begins: behind the record that it goes on from.
func (s *Store) start(ctx context.Context, q gatehouse.Query) (position, error) {
	from := position{time: math.MaxInt64}
	if !q.Until.IsZero() {
		from = position{time: micros(q.Until)} // every seq is positive: nothing at that time comes after it
	}
	if q.After == "" {
		return from, nil
	}
	after, err := look(ctx, s, func(ctx context.Context, h *handle) (position, error) {
		return one(ctx, h, scanPosition, "SELECT time, seq FROM security_log WHERE id = $1", q.After)
	})
	if err != nil {
		return position{}, fmt.Errorf("record %q: %w", gatehouse.CleanText(q.After, gatehouse.MaxText), err)
	}
	if after.time < from.time {
		return after, nil
	}
	return from, nil
}

// choose decides how a network is looked for.
func (s *Store) choose(ctx context.Context, sel *selection) error {
	n, err := look(ctx, s, func(ctx context.Context, h *handle) (int, error) {
		return one(ctx, h, scanInt, countText, sel.bounds...)
	})
	if err == nil && n >= dense {
		sel.byTime()
	}
	return err
}

func scanPosition(read scan) (p position, err error) {
	err = read(&p.time, &p.seq)
	return p, err
}

// CountFindings counts the findings about a user (an ID, or a canonical account
// name, as in Query) that have a record since an instant, in order of type and
// severity. A finding with several records counts once, with the highest
// severity among them.
func (s *Store) CountFindings(ctx context.Context, user string, since time.Time) ([]gatehouse.FindingCount, error) {
	const text = `SELECT kind, severity, count(*) FROM (
			SELECT min(finding_kind) AS kind, max(finding_severity) AS severity FROM (
				SELECT finding_id, finding_kind, finding_severity FROM security_log
				WHERE user_id = $1 AND time >= $2 AND finding_id IS NOT NULL
				UNION ALL
				SELECT finding_id, finding_kind, finding_severity FROM security_log
				WHERE account = $1 AND (user_id IS NULL OR user_id <> $1) AND time >= $2 AND finding_id IS NOT NULL
			) AS records GROUP BY finding_id
		) AS findings GROUP BY kind, severity ORDER BY kind, severity`
	scan := func(read scan) (c gatehouse.FindingCount, err error) {
		err = read(&c.Kind, &c.Severity, &c.Count)
		return c, err
	}
	return look(ctx, s, func(ctx context.Context, h *handle) ([]gatehouse.FindingCount, error) {
		return all(ctx, h, scan, text, user, micros(since))
	})
}
