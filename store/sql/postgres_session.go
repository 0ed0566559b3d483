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
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fluxstudio/gatehouse/chain"
)

// postgresSession runs transactions in few round trips: what needs no answer is
// put off, and sent with what does. A transaction that only adds records takes
// two.
type postgresSession struct {
	conn *stdsql.Conn
	next pgx.Batch // what has been put off
}

// begin takes all locks in one statement and in one order, whoever takes them, so
// that no two transactions wait for each other. Each later statement sees what
// was committed before the locks were granted, whatever the database's default.
func (s *postgresSession) begin(ctx context.Context, locks []string, operations bool) error {
	s.next = pgx.Batch{}
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

func (s *postgresSession) add(ctx context.Context, l *link, rows []row) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i][0].(string)
	}
	head := chain.Head{Node: l.node}
	s.next.Queue(headText, l.node).Query(func(found pgx.Rows) error {
		for found.Next() {
			var err error
			if head, err = scanHead(found.Scan); err != nil {
				return err
			}
		}
		return found.Err()
	})
	known := map[string]bool{}
	s.next.Queue("SELECT id FROM security_log WHERE id = ANY($1)", ids).Query(func(found pgx.Rows) error {
		for found.Next() {
			var id string
			if err := found.Scan(&id); err != nil {
				return err
			}
			known[id] = true
		}
		return found.Err()
	})
	if err := s.send(ctx); err != nil {
		return err
	}

	l.begin(head)
	const most = 1000 // rows with one statement
	var c logColumns
	for i := range rows {
		if known[ids[i]] {
			continue
		}
		known[ids[i]] = true
		next := l.next(&rows[i])
		c.add(&rows[i], next)
		l.move(next)
		if len(c.seq) == most {
			s.next.Queue(insertRowsText, c.args(l.node)...)
			c = logColumns{}
		}
	}
	if len(c.seq) > 0 {
		s.next.Queue(insertRowsText, c.args(l.node)...)
	}
	if l.moved {
		head := l.seal()
		s.next.Queue(putHeadText, head.Node, atEnd, head.Seq, head.Hash[:], head.Signature)
	}
	return nil
}

// insertRowsText adds rows that are given as columns. An ID that another node has
// added meanwhile fails it: the transaction is run again and finds it known.
const insertRowsText = `INSERT INTO security_log (` + columns + `, node, chain_seq, hash)
	SELECT ` + columns + `, $13::text, chain_seq, hash
	FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::text[],
		$9::text[], $10::text[], $11::bigint[], $12::text[], $14::bigint[], $15::bytea[])
	AS given (` + columns + `, chain_seq, hash) ORDER BY chain_seq`

// logColumns is rows of the log, column by column.
type logColumns struct {
	texts               [8]pgtype.FlatArray[pgtype.Text]
	time, severity, seq pgtype.FlatArray[int64]
	findingSeverity     pgtype.FlatArray[pgtype.Int8]
	ip, hash            pgtype.FlatArray[[]byte]
}

// textColumns are the places in row of what logColumns has in texts.
var textColumns = [...]int{0, 2, 4, 5, 7, 8, 9, 11}

func (c *logColumns) add(r *row, place chain.Head) {
	for i, column := range textColumns {
		s, ok := r[column].(string)
		c.texts[i] = append(c.texts[i], pgtype.Text{String: s, Valid: ok})
	}
	c.time = append(c.time, r[1].(int64))
	c.severity = append(c.severity, r[3].(int64))
	ip, _ := r[6].([]byte)
	c.ip = append(c.ip, ip)
	severity, ok := r[10].(int64)
	c.findingSeverity = append(c.findingSeverity, pgtype.Int8{Int64: severity, Valid: ok})
	c.seq = append(c.seq, place.Seq)
	c.hash = append(c.hash, place.Hash[:])
}

func (c *logColumns) args(node string) []any {
	t := &c.texts
	return []any{t[0], c.time, t[1], c.severity, t[2], t[3], c.ip, t[4], t[5], t[6], c.findingSeverity, t[7], node, c.seq, c.hash}
}

func (s *postgresSession) commit(ctx context.Context) error {
	s.next.Queue("COMMIT")
	err := s.send(ctx)
	var refused *pgconn.PgError
	if err != nil && !(errors.As(err, &refused) && !ends(refused)) {
		err = fmt.Errorf("%w; %w", err, errUncertain)
	}
	return err
}

// send sends what has been put off, in one round trip.
func (s *postgresSession) send(ctx context.Context) error {
	batch := s.next
	s.next = pgx.Batch{}
	err := s.conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().SendBatch(ctx, &batch).Close() })
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
			refused.ConstraintName == "security_log_id_key" || ends(refused)
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
