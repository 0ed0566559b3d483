package sql

import (
	"context"
	stdsql "database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Why a database cannot be used by this program.
var (
	// ErrNewerSchema says that a newer Gatehouse has written the database.
	ErrNewerSchema = errors.New("the database is from a newer version of gatehouse")
	// ErrOlderSchema says that the database must be opened with OpenSQLite
	// once, to bring it up to date.
	ErrOlderSchema = errors.New("the database is from an older version of gatehouse")
	// ErrForeign says that the database belongs to another program.
	ErrForeign = errors.New("the database is not one of gatehouse")
)

//go:embed migrations/*.sql
var migrations embed.FS

// schema compares a database with this program.
func schema(ctx context.Context, db *stdsql.DB) (p *goose.Provider, has, wants int64, err error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, 0, err
	}
	p, err = goose.NewProvider(dialect, db, dir, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, 0, 0, err
	}
	for _, source := range p.ListSources() {
		wants = max(wants, source.Version)
	}
	var tables, ours int
	if err := db.QueryRowContext(ctx, tableCount).Scan(&tables, &ours); err != nil {
		return nil, 0, 0, err
	}
	if ours == 0 {
		if tables > 0 {
			return nil, 0, 0, ErrForeign
		}
		return p, 0, wants, nil
	}
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&has); err != nil {
		return nil, 0, 0, err
	}
	if has > wants {
		return nil, 0, 0, fmt.Errorf("%w (its schema is %d, this program knows %d)", ErrNewerSchema, has, wants)
	}
	return p, has, wants, nil
}

// migrate brings the schema up to date. Of two processes that do so at the same
// time, one finds the other's work: it looks again.
func migrate(ctx context.Context, db *stdsql.DB) error {
	const attempts = 3
	var failures error
	for range attempts {
		p, has, wants, err := schema(ctx, db)
		if err != nil {
			return err
		}
		if has == wants {
			return nil
		}
		if _, err = p.Up(ctx); err != nil {
			failures = errors.Join(failures, fmt.Errorf("bring the schema up to date: %w", err))
		}
	}
	_, has, wants, err := schema(ctx, db)
	if err == nil && has == wants {
		return nil
	}
	return errors.Join(failures, err)
}

// checkSchema reports a database whose schema is not this program's.
func checkSchema(ctx context.Context, db *stdsql.DB) error {
	_, has, wants, err := schema(ctx, db)
	if err == nil && has < wants {
		err = fmt.Errorf("%w (its schema is %d, this program needs %d): start the server once to bring it up to date", ErrOlderSchema, has, wants)
	}
	return err
}
