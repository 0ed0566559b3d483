package sql

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/logstats"
)

var _ logstats.Store = (*Store)(nil)

// Spans over which is counted. Days are made of whole hours, and those of slots.
const (
	slotSpan = int64(logstats.Slot / time.Microsecond)
	hourSpan = int64(time.Hour / time.Microsecond)
	daySpan  = int64(24 * time.Hour / time.Microsecond)
)

// spanOf returns the beginning of the span that an instant is in.
func spanOf(us, span int64) int64 { return us - ((us%span)+span)%span }

// tally sums up counts that are added within one transaction.
type tally map[countKey]int64

type countKey struct {
	span          int64
	name          string
	slot          int64
	country, node string
}

func (t tally) add(counts []logstats.Count, node string) {
	for _, c := range counts {
		us, n := micros(c.Slot), int64(c.N)
		t[countKey{slotSpan, c.Name, us, c.Country, node}] += n
		t[countKey{hourSpan, c.Name, spanOf(us, hourSpan), c.Country, node}] += n
		t[countKey{daySpan, c.Name, spanOf(us, daySpan), c.Country, node}] += n
	}
}

// keys returns what is counted in the order of the table, in which all take their
// locks.
func (t tally) keys() []countKey {
	return slices.SortedFunc(maps.Keys(t), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.span, b.span), cmp.Compare(a.name, b.name), cmp.Compare(a.slot, b.slot),
			cmp.Compare(a.country, b.country), cmp.Compare(a.node, b.node))
	})
}

// putCountText adds to one count.
const putCountText = "INSERT INTO log_counts (span, name, slot, country, node, n) VALUES ($1, $2, $3, $4, $5, $6) " + addToCounts

const addToCounts = "ON CONFLICT (span, name, slot, country, node) DO UPDATE SET n = log_counts.n + excluded.n"

// put writes the sums, a statement for each: there are few, and SQLite likes short
// ones.
func (t tally) put(ctx context.Context, h *handle) error {
	for _, k := range t.keys() {
		if _, err := h.exec(ctx, putCountText, k.span, k.name, k.slot, k.country, k.node, t[k]); err != nil {
			return err
		}
	}
	return nil
}

// AddCounts implements logstats.Store.
func (s *Store) AddCounts(ctx context.Context, counts []logstats.Count) error {
	sums := tally{}
	sums.add(logstats.Sum(counts), s.writer.link.node)
	if len(sums) == 0 {
		return nil
	}
	_, err := change(ctx, s, lockChain(s.writer.link.node), func(ctx context.Context, h *handle) (struct{}, error) {
		return struct{}{}, sums.put(ctx, h)
	})
	return err
}

// Counts implements logstats.Store. It reads the longest spans that the steps are
// made of, and at the ends of the time asked for, where these do not fit, slots.
func (s *Store) Counts(ctx context.Context, q logstats.Query) ([]logstats.Count, error) {
	text, args := countsText(q)
	if text == "" {
		return nil, nil
	}
	return look(ctx, s, func(ctx context.Context, h *handle) ([]logstats.Count, error) {
		return allOnce(ctx, h, scanCount, text, args...)
	})
}

// countsText returns the statement, or an empty one where there is no time to count.
func countsText(q logstats.Query) (string, []any) {
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() {
		since = microsUp(q.Since)
	}
	if !q.Until.IsZero() {
		until = microsUp(q.Until)
	}
	step := max(q.Step.Truncate(logstats.Slot), logstats.Slot).Microseconds()
	args := []any{step}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	where := ""
	in := func(column string, values []string) {
		if len(values) == 0 {
			return
		}
		var list []string
		for _, v := range values {
			list = append(list, arg(v))
		}
		where += " AND " + column + " IN (" + strings.Join(list, ", ") + ")"
	}
	in("name", q.Names)
	in("country", q.Countries)
	country := "country"
	if q.Worldwide {
		country = "''"
	}
	var parts []string
	part := func(span, from, to int64) {
		if from < to {
			// Summed up in the order of the table first, which takes no sorting.
			parts = append(parts, "SELECT slot, name, "+country+" AS country, sum(n) AS n FROM log_counts WHERE span = "+arg(span)+where+
				" AND slot >= "+arg(from)+" AND slot < "+arg(to)+" GROUP BY name, slot, 3")
		}
	}
	span := slotSpan
	switch {
	case step%daySpan == 0:
		span = daySpan
	case step%hourSpan == 0:
		span = hourSpan
	}
	first, last := since, until
	if since > math.MinInt64 {
		first = spanOf(since+span-1, span)
	}
	if until < math.MaxInt64 {
		last = spanOf(until, span)
	}
	if first < last {
		part(slotSpan, since, first)
		part(span, first, last)
		part(slotSpan, last, until)
	} else {
		part(slotSpan, since, until)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return "SELECT slot - ((slot % $1) + $1) % $1 AS at, name, country, CAST(sum(n) AS BIGINT) FROM (" +
		strings.Join(parts, " UNION ALL ") + ") AS parts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", args
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
	return s.deleteBatch(ctx, `DELETE FROM log_counts WHERE (span, name, slot, country, node) IN
		(SELECT span, name, slot, country, node FROM log_counts WHERE `+oldCounts+` ORDER BY slot LIMIT $2)`, wholeDays(before), limit)
}

// CountOldCounts returns how many counts DeleteCounts would remove in all.
func (s *Store) CountOldCounts(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "SELECT count(*) FROM log_counts WHERE "+oldCounts, wholeDays(before))
}

// oldCounts is a condition for which there is an index.
var oldCounts = fmt.Sprintf("span IN (%d, %d, %d) AND slot < $1", slotSpan, hourSpan, daySpan)

// wholeDays has a day go with all of its hours.
func wholeDays(before time.Time) time.Time { return fromMicros(spanOf(micros(before), daySpan)) }
