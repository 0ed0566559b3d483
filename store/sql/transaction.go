package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/fluxstudio/gatehouse"
)

// errUncertain says that nobody knows whether a transaction was committed.
var errUncertain = errors.New("the write may be kept")

// serve runs batch in one transaction, and again when that was undone through no
// fault of its own. When it still fails and one write may be to blame, each gets
// a transaction of its own.
func (w *writer) serve(batch []*write) {
	if len(batch) == 0 {
		return
	}
	err := w.attempt(batch)
	blame := err != nil && len(batch) > 1 && (w.database.transient(err) || w.database.single(err)) && !errors.Is(err, errUncertain)
	for i, wr := range batch {
		if blame {
			err = w.attempt(batch[i : i+1])
		}
		if err != nil { // whatever it decided was decided on what is undone now
			wr.err = err
		}
	}
}

// attempt runs batch in one transaction, up to three times. Where it is not known
// whether the first was committed, records can be added again all the same, as
// those that are known are left as they are; operations cannot.
func (w *writer) attempt(batch []*write) error {
	// Not a caller's context: one caller who goes away must not spoil the
	// transaction for the others.
	ctx := context.Background()
	if w.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.timeout)
		defer cancel()
	}
	const attempts = 3
	uncertain := false
	for n := 1; ; n++ {
		err := w.transact(ctx, batch)
		if err == nil {
			return nil
		}
		uncertain = uncertain || errors.Is(err, errUncertain)
		if n < attempts && ctx.Err() == nil && w.database.transient(err) && !(uncertain && operates(batch)) {
			continue
		}
		if uncertain && !errors.Is(err, errUncertain) {
			err = fmt.Errorf("%w; %w", err, errUncertain)
		}
		return err
	}
}

func operates(batch []*write) bool {
	return slices.ContainsFunc(batch, func(wr *write) bool { return wr.op != nil })
}

// transact runs batch in one transaction, its operations before its records. An
// operation that fails leaves its error in its write and no trace in the
// database. An error of transact itself means that nothing of the batch was kept,
// unless it wraps errUncertain; the connection is given up then, as its state is
// anybody's guess, and the next transaction opens another.
func (w *writer) transact(ctx context.Context, batch []*write) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
		if err != nil {
			w.disconnect()
		}
		clear(w.rows)
	}()
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.rows = w.rows[:0]
	var locks []string
	operations := false
	for _, wr := range batch {
		wr.err = nil
		w.rows = append(w.rows, wr.rows...)
		operations = operations || wr.op != nil
		locks = append(locks, wr.locks...)
	}
	if len(w.rows) > 0 {
		locks = append(locks, lockChain(w.link.node))
	}
	if err := w.session.begin(ctx, locks, operations); err != nil {
		return err
	}
	for _, wr := range batch {
		if wr.op != nil {
			if err := w.operate(ctx, wr); err != nil {
				return err
			}
		}
	}
	if len(w.rows) > 0 {
		if err := w.session.add(ctx, &w.link, w.rows); err != nil {
			return err
		}
	}
	return w.session.commit(ctx)
}

// operate runs one operation so that its failure can be undone by itself.
func (w *writer) operate(ctx context.Context, wr *write) error {
	if _, err := w.handle.exec(ctx, "SAVEPOINT operation"); err != nil {
		return err
	}
	if wr.err = safely(ctx, w.handle, wr.op); wr.err != nil {
		if w.database.transient(wr.err) {
			return wr.err
		}
		if _, err := w.handle.exec(ctx, "ROLLBACK TO SAVEPOINT operation"); err != nil {
			// SQLite has ended the whole transaction, as it does when the disk
			// is full: the operation's error says why, this one does not.
			return wr.err
		}
	}
	_, err := w.handle.exec(ctx, "RELEASE SAVEPOINT operation")
	return err
}

func safely(ctx context.Context, h *handle, op func(context.Context, *handle) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	return op(ctx, h)
}

func panicked(r any) error {
	return fmt.Errorf("sql: %w: panic: %v\n%s", gatehouse.ErrUnavailable, r, debug.Stack())
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return failed(ctx, err)
	}
	w.conn, w.handle = conn, newHandle(conn)
	w.session = w.database.session(w.conn, w.handle)
	return nil
}

// disconnect closes the connection, which undoes what was not committed.
func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	w.handle.close()
	discard(w.conn)
	w.conn, w.handle, w.session = nil, nil, nil
}

// discard closes a connection for good, instead of returning it to its pool.
func discard(conn *stdsql.Conn) {
	conn.Raw(func(any) error { return driver.ErrBadConn })
	conn.Close()
}

// change runs op in a transaction that holds a lock and returns its result once
// it is durable. What op returns with an error is dropped. It may be run more than
// once, each time as if for the first.
func change[T any](ctx context.Context, s *Store, lock string, op func(ctx context.Context, h *handle) (T, error)) (T, error) {
	if lock == lockNothing {
		return changeUnder(ctx, s, nil, op)
	}
	return changeUnder(ctx, s, []string{lock}, op)
}

// changeUnder is change with any number of locks.
func changeUnder[T any](ctx context.Context, s *Store, locks []string, op func(ctx context.Context, h *handle) (T, error)) (T, error) {
	var result, none T
	if err := s.enter(); err != nil {
		return none, err
	}
	defer s.leave()
	err := s.writer.do(ctx, &write{locks: locks, op: func(ctx context.Context, h *handle) (err error) {
		result, err = op(ctx, h)
		return err
	}})
	if err != nil { // result may still be written to
		return none, err
	}
	return result, nil
}

// look runs a query outside of the writer, and again when its connection was
// lost, as connections that have waited in the pool are when the server was
// restarted.
func look[T any](ctx context.Context, s *Store, query func(ctx context.Context, h *handle) (T, error)) (T, error) {
	if err := s.enter(); err != nil {
		var none T
		return none, err
	}
	defer s.leave()
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	for n := 0; ; n++ {
		result, err := query(ctx, s.reader)
		if err == nil || n == s.retries || ctx.Err() != nil || !s.database.transient(err) {
			return result, err
		}
	}
}
