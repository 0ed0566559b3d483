package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var (
	// ErrTaken says that it is another's turn.
	ErrTaken = errors.New("another process is at it")
	// ErrLost says that a turn is over: the connection that held it was lost,
	// and another may have it by now.
	ErrLost = errors.New("the turn is over")
)

// Turn is the right to do what only one may do at a time. In PostgreSQL it is a
// lock of a session on a connection of its own, so that the server takes it back
// from a process that dies. In SQLite it holds within the process, which has
// locked its data directory. It is safe for concurrent use.
type Turn struct {
	conn *stdsql.Conn // nil: SQLite
	key  int64
	end  func()
}

// TakeTurn begins a turn, or returns ErrTaken at once. Release must be called on
// what it returns, before the Store is closed.
func (s *Store) TakeTurn(ctx context.Context, name string) (*Turn, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if _, taken := s.turns.LoadOrStore(name, true); taken {
		return nil, fmt.Errorf("%s: %w", name, ErrTaken)
	}
	t := &Turn{key: lockKeys([]string{"turn:" + name})[0], end: sync.OnceFunc(func() { s.turns.Delete(name) })}
	if !s.database.shared {
		return t, nil
	}
	err := t.lock(ctx, s.writes)
	if err != nil {
		t.Release()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// lock takes the lock on a connection that lives as long as the turn. A server
// whose client has vanished without a word finds out within a minute.
func (t *Turn) lock(ctx context.Context, db *stdsql.DB) (err error) {
	if t.conn, err = db.Conn(ctx); err != nil {
		return failed(ctx, err)
	}
	var got bool
	const text = `SELECT pg_try_advisory_lock($1) FROM (SELECT set_config('tcp_keepalives_idle', '30', false),
		set_config('tcp_keepalives_interval', '10', false), set_config('tcp_keepalives_count', '3', false)) AS alive`
	if err := t.conn.QueryRowContext(ctx, text, t.key).Scan(&got); err != nil {
		return failed(ctx, err)
	}
	if !got {
		return ErrTaken
	}
	return nil
}

// Check returns ErrLost if the turn is over. Call it before each step: a process
// that was stopped for a while may go on after another has taken its turn.
func (t *Turn) Check(ctx context.Context) error {
	if t.conn == nil {
		return ctx.Err()
	}
	var held bool
	const text = `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
		AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = $1)`
	err := t.conn.QueryRowContext(ctx, text, t.key).Scan(&held)
	if ctx.Err() != nil {
		return gaveUp(ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("sql: %w: %w", ErrLost, err)
	}
	if !held {
		return fmt.Errorf("sql: %w", ErrLost)
	}
	return nil
}

// Release ends the turn. Releasing twice does nothing.
func (t *Turn) Release() {
	if t.conn != nil {
		discard(t.conn) // with the session, its locks end
	}
	t.end()
}

// DutyDone returns for when a duty of all nodes was done last: the zero time if
// never.
func (s *Store) DutyDone(ctx context.Context, duty string) (time.Time, error) {
	at, err := look(ctx, s, func(ctx context.Context, h *handle) (time.Time, error) {
		return one(ctx, h, func(read scan) (time.Time, error) {
			var us int64
			err := read(&us)
			return fromMicros(us), err
		}, "SELECT done FROM duties WHERE name = $1", duty)
	})
	if errors.Is(err, gatehouse.ErrNotFound) {
		return time.Time{}, nil
	}
	return at, err
}

// MarkDuty says that a duty was done for an instant, unless it was for a later
// one.
func (s *Store) MarkDuty(ctx context.Context, duty string, at time.Time) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, `INSERT INTO duties (name, done) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET done = excluded.done WHERE excluded.done > duties.done`, duty, micros(at))
	})
	return err
}
