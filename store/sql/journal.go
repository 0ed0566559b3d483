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

// insertRows adds rows to the security log. One row with each statement is the
// fastest in SQLite: the statement then needs no journal of its own, and finding
// a parameter by its name takes time in proportion to how many there are.
func insertRows(ctx context.Context, h *handle, rows []row) error {
	for i := range rows {
		if _, err := h.exec(ctx, insertText, rows[i][:]...); err != nil {
			return err
		}
	}
	return nil
}

const insertText = "INSERT INTO security_log (" + columns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`

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
