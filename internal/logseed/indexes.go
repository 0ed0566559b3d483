package logseed

import (
	"context"
	"database/sql"
	"errors"
)

// WithoutIndexes runs fill while the security log of a SQLite or PostgreSQL database
// has none of its indexes, and makes them afterwards: for a large log that takes a
// fraction of the time. It updates what the planner knows.
func WithoutIndexes(ctx context.Context, db *sql.DB, fill func() error) (err error) {
	const sqlite = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'security_log' AND sql IS NOT NULL"
	const postgres = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'security_log' AND indexdef NOT LIKE '%UNIQUE%'"
	finish := "PRAGMA wal_checkpoint(TRUNCATE)"
	indexes, err := texts(ctx, db, sqlite)
	if err != nil {
		finish = "VACUUM ANALYZE"
		if indexes, err = texts(ctx, db, postgres); err != nil {
			return err
		}
	}
	for name := range indexes {
		if _, err := db.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			return err
		}
	}
	err = fill()
	for _, text := range indexes {
		_, failed := db.ExecContext(ctx, text)
		err = errors.Join(err, failed)
	}
	_, failed := db.ExecContext(ctx, finish)
	return errors.Join(err, failed)
}

func texts(ctx context.Context, db *sql.DB, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		found[name] = text
	}
	return found, rows.Err()
}
