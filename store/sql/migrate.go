package sql

import (
	"context"
	stdsql "database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
)

// Why a database cannot be used by this program.
var (
	// ErrNewerSchema says that a newer Gatehouse has written the database.
	ErrNewerSchema = errors.New("the database is from a newer version of gatehouse")
	// ErrOlderSchema says that the database must be opened with OpenSQLite or
	// OpenPostgres once, to bring it up to date.
	ErrOlderSchema = errors.New("the database is from an older version of gatehouse")
	// ErrForeign says that the database belongs to another program.
	ErrForeign = errors.New("the database is not one of gatehouse")
)

//go:embed migrations/*.sql
var migrations embed.FS

// schema compares a database with this program.
func (d *database) schema(ctx context.Context, db *stdsql.DB) (p *goose.Provider, has, wants int64, err error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, 0, err
	}
	p, err = goose.NewProvider(d.dialect, db, rewritten{dir, d.migrations}, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, 0, 0, err
	}
	for _, source := range p.ListSources() {
		wants = max(wants, source.Version)
	}
	var tables, versions, logs int
	if err := db.QueryRowContext(ctx, d.tableCount).Scan(&tables, &versions, &logs); err != nil {
		return nil, 0, 0, err
	}
	switch {
	case tables == 0:
		return p, 0, wants, nil
	case versions == 0 || tables > 1 && logs == 0: // others use goose too
		return nil, 0, 0, ErrForeign
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
// time, one finds the other's work: it looks again. A schema that is up to date is
// only read.
func (d *database) migrate(ctx context.Context, db *stdsql.DB) error {
	if _, has, wants, err := d.schema(ctx, db); err != nil || has == wants {
		return err
	}
	if d.lock != nil {
		unlock, err := d.lock(ctx, db)
		if err != nil {
			return err
		}
		defer unlock()
	}
	const attempts = 3
	var failures error
	for range attempts {
		p, has, wants, err := d.schema(ctx, db)
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
	_, has, wants, err := d.schema(ctx, db)
	if err == nil && has == wants {
		return nil
	}
	return errors.Join(failures, err)
}

// checkSchema reports a database whose schema is not this program's.
func (d *database) checkSchema(ctx context.Context, db *stdsql.DB) error {
	_, has, wants, err := d.schema(ctx, db)
	if err == nil && has < wants {
		err = fmt.Errorf("%w (its schema is %d, this program needs %d): start the server once to bring it up to date", ErrOlderSchema, has, wants)
	}
	return err
}

// rewritten is files of text, put into the words of one database.
type rewritten struct {
	fs.FS
	words *strings.Replacer
}

func (r rewritten) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return f, err
	}
	text, err := io.ReadAll(f)
	return rewrittenFile{f, strings.NewReader(r.words.Replace(string(text)))}, err
}

type rewrittenFile struct {
	fs.File
	text *strings.Reader
}

func (f rewrittenFile) Read(b []byte) (int, error) { return f.text.Read(b) }
