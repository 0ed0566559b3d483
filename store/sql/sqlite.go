package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var sqliteDatabase = &database{
	dialect:    goose.DialectSQLite3,
	migrations: strings.NewReplacer(), // written for SQLite
	tableCount: `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version'), count(*) FILTER (WHERE name = 'security_log')
		FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
	numbers:   "SELECT value FROM json_each($1)",
	transient: func(error) bool { return false },
	single:    func(error) bool { return false },
	session:   func(_ *stdsql.Conn, h *handle) session { return sqliteSession{h} },
}

// sqliteSession runs transactions that hold SQLite's one write lock from the
// beginning, so that what an operation reads cannot change before it writes.
type sqliteSession struct{ *handle }

func (s sqliteSession) begin(ctx context.Context, _ []string, _ bool) error {
	_, err := s.exec(ctx, "BEGIN IMMEDIATE")
	return err
}

func (s sqliteSession) commit(ctx context.Context) error {
	_, err := s.exec(ctx, "COMMIT")
	return err
}

// add adds one row with each statement, which is the fastest in SQLite: the
// statement then needs no journal of its own, and finding a parameter by its name
// takes time in proportion to how many there are.
func (s sqliteSession) add(ctx context.Context, l *link, rows []addition) error {
	head, err := headOf(ctx, s.handle, l.node)
	if err != nil {
		return err
	}
	l.begin(head)
	for i := range rows {
		next := l.next(&rows[i].row)
		n, err := s.exec(ctx, insertText, append(rows[i].row[:], l.node, next.Seq, next.Hash[:])...)
		if err != nil {
			return err
		}
		if n > 0 { // else its ID is known
			l.move(next, &rows[i])
		}
	}
	if !l.moved {
		return nil
	}
	if err := l.added.put(ctx, s.handle); err != nil {
		return err
	}
	return putHead(ctx, s.handle, atEnd, l.seal())
}

const insertText = "INSERT INTO security_log (" + columns + `, node, chain_seq, hash)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING`

// OpenSQLite opens the database file at path, which it creates if there is none
// (mode 0600; its directory must exist), and brings its schema up to date. Only
// the owner may read the file afterwards. The error says what is wrong with the
// file: errors.Is finds fs.ErrNotExist (no directory), fs.ErrPermission,
// ErrNewerSchema, ErrForeign.
func OpenSQLite(ctx context.Context, path string, o Options) (*Store, error) {
	path, err := createFile(path)
	if err != nil {
		return nil, err
	}
	s, err := openFile(ctx, path, o, func(ctx context.Context, db *stdsql.DB) error {
		if err := checkWritable(ctx, db); err != nil {
			return err
		}
		return sqliteDatabase.migrate(ctx, db)
	})
	if err != nil {
		return nil, err
	}
	if err := s.BeginChain(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sql: open %s: %w", path, err), s.Close())
	}
	return s, nil
}

// AttachSQLite opens a database file that exists already, for a process beside
// the one that serves. Its queries see every record that the other process has
// acknowledged, and each process may write. It neither creates the file nor
// changes its schema; errors.Is finds fs.ErrNotExist, ErrNewerSchema,
// ErrOlderSchema, ErrForeign.
func AttachSQLite(ctx context.Context, path string, o Options) (*Store, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("sql: open database: %w", err)
	}
	return openFile(ctx, path, o, sqliteDatabase.checkSchema)
}

func openFile(ctx context.Context, path string, o Options, prepare func(context.Context, *stdsql.DB) error) (*Store, error) {
	o = o.withDefaults()
	reads, err := stdsql.Open("sqlite", dsn(path, o, "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("sql: open %s: %w", path, err)
	}
	reads.SetMaxOpenConns(o.Readers)
	reads.SetMaxIdleConns(o.Readers)
	writes, err := stdsql.Open("sqlite", dsn(path, o, writePragmas...))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sql: open %s: %w", path, err), reads.Close())
	}
	writes.SetMaxOpenConns(1)
	// To connect for writing changes the journal mode: it comes after the look
	// whether the file is one of ours.
	_, _, _, err = sqliteDatabase.schema(ctx, reads)
	if err == nil {
		err = connectWAL(ctx, writes, o.BusyTimeout)
	}
	if err == nil {
		err = prepare(ctx, writes)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sql: open %s: %w", path, err), reads.Close(), writes.Close())
	}
	return newStore(sqliteDatabase, reads, writes, o), nil
}

// createFile makes sure that the file exists and is its owner's alone. SQLite
// gives the files that it puts beside it the same mode. A file that exists is
// not opened here: to close it again would end the locks on it that this process
// may hold through another store.
func createFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sql: create database: %w", err)
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("sql: create database %s: its directory is missing: %w", path, err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = errors.Join(f.Close(), syncDir(dir))
		} else if errors.Is(err, fs.ErrExist) { // another process was quicker
			err = nil
		}
		if err != nil {
			return "", fmt.Errorf("sql: create database: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	if err != nil {
		return "", fmt.Errorf("sql: open database: %w", err)
	}
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(file, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("sql: open database: %w", err)
		}
	}
	return path, nil
}

// syncDir makes the name of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func dsn(path string, o Options, pragmas ...string) string {
	pragmas = append(slices.Clip(pragmas), "foreign_keys(1)", fmt.Sprintf("busy_timeout(%d)", o.BusyTimeout.Milliseconds()))
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}

// connectWAL opens the connection for writing. It reports a file system that
// cannot share memory between processes; SQLite then silently keeps another
// journal. While another process makes the same new file, SQLite does not wait
// for it by itself.
func connectWAL(ctx context.Context, db *stdsql.DB, patience time.Duration) error {
	const pause = 10 * time.Millisecond
	var mode string
	for start := time.Now(); ; {
		err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
		if err == nil {
			break
		}
		if !busy(err) || time.Since(start) > patience {
			return fmt.Errorf("connect for writing: %w", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if mode != "wal" {
		return fmt.Errorf("the file system has no write-ahead log for SQLite (journal mode is %q)", mode)
	}
	return nil
}

// busy reports that another connection holds a lock.
func busy(err error) bool {
	const primary = 0xff // the rest of the code says more closely why
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&primary == sqlite3.SQLITE_BUSY
}

// checkWritable reports a file that can only be read; SQLite opens one all the
// same.
func checkWritable(ctx context.Context, db *stdsql.DB) error {
	tx, err := db.BeginTx(ctx, nil) // takes the write lock
	if err != nil {
		return fmt.Errorf("not writable: %w", err)
	}
	return tx.Rollback()
}

// writePragmas are the settings of the connection that writes.
var writePragmas = []string{
	"journal_mode(WAL)",
	"synchronous(FULL)",            // a commit is on the disk
	"temp_store(MEMORY)",           // what a savepoint undoes is kept in memory, not in a file
	"cache_size(-16384)",           // KiB
	"wal_autocheckpoint(4000)",     // pages
	"journal_size_limit(67108864)", // what a long read has made of the log is given back
}
