package sql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Journal = (*Store)(nil)

// Append adds records to the security log and returns once they are on the
// disk. Text in them is cleaned and cut as the package comment says; a record
// without an ID is an error. Concurrent calls share one transaction.
func (s *Store) Append(ctx context.Context, records ...gatehouse.Record) error {
	if len(records) == 0 {
		return nil
	}
	rows := make([]row, len(records))
	for i, r := range records {
		var err error
		if rows[i], err = toRow(r); err != nil {
			return err
		}
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.writer.do(ctx, &write{rows: rows})
}

// DeleteRecords removes at most limit records that are older than before, the
// oldest first, and returns how many.
func (s *Store) DeleteRecords(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, `DELETE FROM security_log WHERE seq IN
			(SELECT seq FROM security_log WHERE time < $1 ORDER BY time LIMIT $2)`, micros(before), max(limit, 0))
	})
}

// insertRows adds rows to the security log, many with each statement: 64 while
// there are so many, then 8, then one.
func insertRows(ctx context.Context, h *handle, rows []row) error {
	args := make([]any, 0, 64*len(row{}))
	for _, size := range [...]int{64, 8, 1} {
		for len(rows) >= size {
			args = args[:0]
			for i := range rows[:size] {
				args = append(args, rows[i][:]...)
			}
			if _, err := h.exec(ctx, insertText[size], args...); err != nil {
				return err
			}
			rows = rows[size:]
		}
	}
	return nil
}

// insertText are the statements that add so many rows; see insertRows.
var insertText = map[int]string{64: insertOf(64), 8: insertOf(8), 1: insertOf(1)}

func insertOf(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO security_log (" + columns + ") VALUES ")
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + placeholders(i*len(row{})+1, len(row{})) + ")")
	}
	b.WriteString(" ON CONFLICT (id) DO NOTHING")
	return b.String()
}

// placeholders returns "$first, $first+1, ...", n of them.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}
