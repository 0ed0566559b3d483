package sql

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/logstats"
)

var _ logstats.Store = (*Store)(nil)

// tally sums up what the records of one transaction add to the counts.
type tally map[countKey]int64

type countKey struct {
	slot          int64
	name, country string
}

func (t tally) add(counts []logstats.Count) {
	for _, c := range counts {
		t[countKey{micros(c.Slot), c.Name, c.Country}] += int64(c.N)
	}
}

// putCountText adds to one count.
const putCountText = `INSERT INTO log_counts (name, slot, country, node, n) VALUES ($1, $2, $3, $4, $5) ` + addToCounts

const addToCounts = "ON CONFLICT (name, slot, country, node) DO UPDATE SET n = log_counts.n + excluded.n"

// put writes the sums, a statement for each: there are few, and SQLite likes short
// ones.
func (t tally) put(ctx context.Context, h *handle, node string) error {
	for key, n := range t {
		if _, err := h.exec(ctx, putCountText, key.name, key.slot, key.country, node, n); err != nil {
			return err
		}
	}
	return nil
}

// AddCounts implements logstats.Store.
func (s *Store) AddCounts(ctx context.Context, counts []logstats.Count) error {
	sums := logstats.Sum(counts)
	if len(sums) == 0 {
		return nil
	}
	node := s.writer.link.node
	_, err := change(ctx, s, lockChain(node), func(ctx context.Context, h *handle) (struct{}, error) {
		for _, c := range sums {
			if _, err := h.exec(ctx, putCountText, c.Name, micros(c.Slot), c.Country, node, c.N); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// Counts implements logstats.Store. Each name is a range of the table's own order,
// which needs no sorting.
func (s *Store) Counts(ctx context.Context, q logstats.Query) ([]logstats.Count, error) {
	slot, country := "slot", "country"
	var where []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if step := max(q.Step.Truncate(logstats.Slot), logstats.Slot); step > logstats.Slot {
		us := arg(step.Microseconds())
		slot = fmt.Sprintf("slot - ((slot %% %s) + %s) %% %s", us, us, us)
	}
	if q.Worldwide {
		country = "''"
	}
	in := func(column string, values []string) {
		if len(values) == 0 {
			return
		}
		var list []string
		for _, v := range values {
			list = append(list, arg(v))
		}
		where = append(where, column+" IN ("+strings.Join(list, ", ")+")")
	}
	in("name", q.Names)
	in("country", q.Countries)
	if !q.Since.IsZero() {
		where = append(where, "slot >= "+arg(microsUp(q.Since)))
	}
	if !q.Until.IsZero() {
		where = append(where, "slot < "+arg(microsUp(q.Until)))
	}
	text := "SELECT " + slot + " AS at, name, " + country + " AS place, CAST(sum(n) AS BIGINT) FROM log_counts"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	text += " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	return look(ctx, s, func(ctx context.Context, h *handle) ([]logstats.Count, error) {
		return allOnce(ctx, h, scanCount, text, args...)
	})
}

// microsUp is micros, rounded up: a bound between two microseconds is none of them.
func microsUp(t time.Time) int64 { return micros(t.Add(time.Microsecond - 1)) }

func scanCount(read scan) (c logstats.Count, err error) {
	var us int64
	err = read(&us, &c.Name, &c.Country, &c.N)
	c.Slot = fromMicros(us)
	return c, err
}

// DeleteCounts implements logstats.Store.
func (s *Store) DeleteCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.deleteBatch(ctx, `DELETE FROM log_counts WHERE slot < $1 AND (name, slot, country, node) IN
		(SELECT name, slot, country, node FROM log_counts WHERE slot < $1 ORDER BY slot LIMIT $2)`, before, limit)
}

// CountOldCounts returns how many counts DeleteCounts would remove in all.
func (s *Store) CountOldCounts(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM log_counts WHERE slot < $1", before)
}

// compareKeys orders counts as the table does.
func compareKeys(a, b countKey) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.slot, b.slot), cmp.Compare(a.country, b.country))
}
