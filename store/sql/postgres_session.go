package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fluxstudio/gatehouse/chain"
)

// postgresSession runs transactions in few round trips: what needs no answer is
// put off, and sent with what does. A transaction that only adds records takes one
// as a rule, else two.
type postgresSession struct {
	conn     *stdsql.Conn
	next     pgx.Batch // what has been put off
	operated bool      // the transaction has done other things than to add records
	done     bool      // the transaction is over, and durable

	// Where the chain ends if this transaction is committed, and where the last
	// one that was has left it. nil: not known.
	moving, end *chain.Head
}

// begin takes all locks in one statement and in one order, whoever takes them, so
// that no two transactions wait for each other. Each later statement sees what
// was committed before the locks were granted, whatever the database's default.
func (s *postgresSession) begin(ctx context.Context, locks []string, operations bool) error {
	s.next, s.operated, s.done, s.moving = pgx.Batch{}, operations, false, nil
	s.next.Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
	if len(locks) > 0 {
		s.next.Queue("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", lockKeys(locks))
	}
	if !operations {
		return nil
	}
	return s.send(ctx)
}

// lockKeys returns the numbers that stand for locks, in order. Two names with one
// number wait for each other without need; that is all.
func lockKeys(locks []string) []int64 {
	keys := make([]int64, len(locks))
	for i, name := range locks {
		h := fnv.New64a()
		io.WriteString(h, "gatehouse/"+name)
		keys[i] = int64(h.Sum64())
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (s *postgresSession) commit(ctx context.Context) error {
	if !s.done {
		s.next.Queue("COMMIT")
		if err := s.send(ctx); err != nil {
			return uncertain(err)
		}
	}
	if s.moving != nil {
		s.end = s.moving
	}
	return nil
}

// uncertain marks the error of a statement that commits. Where the server has
// refused it, it is certain that nothing was kept.
func uncertain(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !ends(refused) {
		return err
	}
	return fmt.Errorf("%w; %w", err, errUncertain)
}

// send sends what has been put off, in one round trip.
func (s *postgresSession) send(ctx context.Context) error {
	batch := s.next
	s.next = pgx.Batch{}
	return s.exchange(ctx, &batch)
}

func (s *postgresSession) exchange(ctx context.Context, batch *pgx.Batch) error {
	err := s.conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().SendBatch(ctx, batch).Close() })
	return failed(ctx, err)
}

// transient reports that a transaction was undone through no fault of its own,
// and that it may be run again: it stood in the way of another, an ID that was new
// is known now, or the connection was lost.
func transient(err error) bool {
	var refused *pgconn.PgError
	var connecting *pgconn.ConnectError
	switch {
	case errors.As(err, &connecting):
		return false
	case errors.As(err, &refused):
		return refused.Code == "40001" || refused.Code == "40P01" || // serialization_failure, deadlock_detected
			isKnown(refused) || ends(refused)
	}
	var broken *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn) || errors.As(err, &broken) && !broken.Timeout() || pgconn.SafeToRetry(err)
}

// ends reports that the server closes the connection with this error.
func ends(e *pgconn.PgError) bool {
	return e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC"
}

// single reports that a transaction was refused for what is in it: an integrity
// constraint, a bad value, or one beyond the server's limits.
func single(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && len(refused.Code) == 5 && slices.Contains([]string{"22", "23", "54"}, refused.Code[:2])
}

// refused reports that a statement was refused for what is in it, so that it is of
// no use to try it again. An ID that another node has added meanwhile is no such
// reason, nor is what ends the connection.
func refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && !ends(e) && !isKnown(e) && single(err)
}
