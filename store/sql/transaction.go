package sql

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/fluxstudio/gatehouse"
)

// transact runs batch in one transaction. An operation that fails leaves its
// error in its write and no trace in the database. An error of transact itself
// means that nothing of the batch was kept; the connection is given up then, as
// its state is anybody's guess, and the next transaction opens another.
func (w *writer) transact(batch []*write) (err error) {
	if len(batch) == 0 {
		return nil
	}
	// Not a caller's context: one caller who goes away must not spoil the
	// transaction for the others.
	ctx := context.Background()
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
		if err != nil {
			w.disconnect()
		}
	}()
	if err := w.connect(ctx); err != nil {
		return err
	}
	if _, err := w.handle.exec(ctx, beginWriting); err != nil {
		return err
	}
	w.link.begin()
	for _, wr := range batch {
		if wr.op != nil {
			err = w.operate(ctx, wr)
		} else {
			err = w.link.add(ctx, w.handle, wr.rows)
		}
		if err != nil {
			return err
		}
	}
	if err := w.link.seal(ctx, w.handle); err != nil {
		return err
	}
	_, err = w.handle.exec(ctx, "COMMIT")
	return err
}

// operate runs one operation so that its failure can be undone by itself.
func (w *writer) operate(ctx context.Context, wr *write) error {
	if _, err := w.handle.exec(ctx, "SAVEPOINT operation"); err != nil {
		return err
	}
	if wr.err = safely(ctx, w.handle, wr.op); wr.err != nil {
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
	return nil
}

// disconnect closes the connection, which undoes what was not committed.
func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	w.handle.close()
	discard(w.conn)
	w.conn, w.handle = nil, nil
}

// change runs op in a transaction and returns its result once it is durable.
// What op returns with an error is dropped.
func change[T any](ctx context.Context, s *Store, op func(ctx context.Context, h *handle) (T, error)) (T, error) {
	var result, none T
	if err := s.enter(); err != nil {
		return none, err
	}
	defer s.leave()
	err := s.writer.do(ctx, &write{op: func(ctx context.Context, h *handle) (err error) {
		result, err = op(ctx, h)
		return err
	}})
	if err != nil { // result may still be written to
		return none, err
	}
	return result, nil
}

// look runs a query outside of the writer.
func look[T any](ctx context.Context, s *Store, query func(ctx context.Context, h *handle) (T, error)) (T, error) {
	if err := s.enter(); err != nil {
		var none T
		return none, err
	}
	defer s.leave()
	return query(ctx, s.reader)
}
