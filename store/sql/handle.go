package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
)

// preparer is a *stdsql.DB or one of its connections.
type preparer interface {
	PrepareContext(ctx context.Context, text string) (*stdsql.Stmt, error)
	QueryContext(ctx context.Context, text string, args ...any) (*stdsql.Rows, error)
}

// handle runs statements and keeps them prepared, so that the texts given to
// it must be few. Its errors are those of the ports: see failed.
type handle struct {
	db    preparer
	mu    sync.Mutex
	stmts map[string]*stdsql.Stmt
}

func newHandle(db preparer) *handle {
	return &handle{db: db, stmts: map[string]*stdsql.Stmt{}}
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, stmt := range h.stmts {
		errs = append(errs, stmt.Close())
	}
	clear(h.stmts)
	return errors.Join(errs...)
}

func (h *handle) prepared(ctx context.Context, text string) (*stdsql.Stmt, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if stmt := h.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := h.db.PrepareContext(ctx, text)
	if err == nil {
		h.stmts[text] = stmt
	}
	return stmt, err
}

// exec runs a statement and returns how many rows it changed.
func (h *handle) exec(ctx context.Context, text string, args ...any) (int, error) {
	stmt, err := h.prepared(ctx, text)
	if err != nil {
		return 0, failed(ctx, err)
	}
	result, err := stmt.ExecContext(ctx, storable(args)...)
	if err != nil {
		return 0, failed(ctx, err)
	}
	n, err := result.RowsAffected()
	return int(n), failed(ctx, err)
}

func scanText(read scan) (text string, err error) {
	err = read(&text)
	return text, err
}

// scan reads the columns of one row; it is the Scan method of stdsql.Rows.
type scan func(dest ...any) error

// all returns the rows that a statement yields.
func all[T any](ctx context.Context, h *handle, read func(scan) (T, error), text string, args ...any) ([]T, error) {
	stmt, err := h.prepared(ctx, text)
	if err != nil {
		return nil, failed(ctx, err)
	}
	rows, err := stmt.QueryContext(ctx, storable(args)...)
	return collect(ctx, rows, err, read)
}

// allOnce is all for a text that is not kept prepared.
func allOnce[T any](ctx context.Context, h *handle, read func(scan) (T, error), text string, args ...any) ([]T, error) {
	rows, err := h.db.QueryContext(ctx, text, storable(args)...)
	return collect(ctx, rows, err, read)
}

// one returns the first row that a statement yields, or gatehouse.ErrNotFound.
func one[T any](ctx context.Context, h *handle, read func(scan) (T, error), text string, args ...any) (T, error) {
	found, err := all(ctx, h, read, text, args...)
	if err == nil && len(found) == 0 {
		err = gatehouse.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

func collect[T any](ctx context.Context, rows *stdsql.Rows, err error, read func(scan) (T, error)) ([]T, error) {
	if err != nil {
		return nil, failed(ctx, err)
	}
	defer rows.Close()
	var found []T
	for rows.Next() {
		v, err := read(rows.Scan)
		if err != nil {
			return nil, failed(ctx, err)
		}
		found = append(found, v)
	}
	return found, failed(ctx, rows.Err())
}

// failed turns an error of the database into one that wraps
// gatehouse.ErrUnavailable, unless the reason is that the caller went away, or what
// PostgreSQL was given: who waits for that to succeed waits for ever.
func failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return gaveUp(ended)
	}
	if refused(err) {
		return fmt.Errorf("sql: refused: %w", err)
	}
	return fmt.Errorf("sql: %w: %w", gatehouse.ErrUnavailable, err)
}

// gaveUp words the end of a caller's context. A deadline that passed means that
// the database was too slow; a cancellation says nothing about it.
func gaveUp(ended error) error {
	if errors.Is(ended, context.DeadlineExceeded) {
		return fmt.Errorf("sql: %w: %w", gatehouse.ErrUnavailable, ended)
	}
	return fmt.Errorf("sql: %w", ended)
}

// storable replaces what is no text by U+FFFD: PostgreSQL refuses NUL and
// invalid UTF-8, and somebody who asks for a name with such in it is to be told
// that nobody has it, not that the database fails.
func storable(args []any) []any {
	for i, arg := range args {
		if s, ok := arg.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			args = slices.Clone(args)
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

// Times as columns: microseconds since 1970. The zero time fits in.

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// nullMicros is micros with NULL for the zero time.
func nullMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromNullMicros(us stdsql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return fromMicros(us.Int64)
}

// nullText is s, or NULL where it is empty.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}
