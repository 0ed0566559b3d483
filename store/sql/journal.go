package sql

import (
	"context"
	"fmt"
	"strings"

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
	rows := make([]addition, len(records))
	for i, r := range records {
		var err error
		if rows[i], err = newAddition(r); err != nil {
			return err
		}
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.writer.do(ctx, &write{rows: rows})
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
