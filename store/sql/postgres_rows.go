package sql

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/fluxstudio/gatehouse/chain"
)

// maxRows is how many rows one statement adds at most.
const maxRows = 1000

// add tries to do all in one round trip, counting on the chain to end where it
// did and on no ID to be known, before it asks.
func (s *postgresSession) add(ctx context.Context, l *link, rows []addition) error {
	if s.end != nil && !s.operated && len(rows) <= maxRows {
		done, err := s.addAtOnce(ctx, l, rows)
		if done || err != nil {
			return err
		}
	}
	head, known, err := s.ask(ctx, l.node, rows)
	if err != nil {
		return err
	}
	l.begin(head)
	for _, part := range l.lay(rows, known) {
		s.next.Queue(insertRowsText, part.args(l.node)...)
	}
	if l.moved {
		head = l.seal()
		s.next.Queue(putCountsText, l.added.args()...)
		s.next.Queue(putHeadText, head.Node, atEnd, head.Seq, head.Hash[:], head.Signature)
	}
	s.moving = &head
	return nil
}

// ask returns where the node's chain ends, and which of rows are in the log.
func (s *postgresSession) ask(ctx context.Context, node string, rows []addition) (chain.Head, map[string]bool, error) {
	head := chain.Head{Node: node}
	s.next.Queue(headText+" FOR UPDATE", node).Query(func(found pgx.Rows) (err error) {
		for found.Next() {
			if head, err = scanHead(found.Scan); err != nil {
				return err
			}
		}
		return found.Err()
	})
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].id()
	}
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
	err := s.send(ctx)
	return head, known, err
}

// addAtOnce adds rows and moves the end of the chain with one statement, a
// transaction by itself. It does nothing and returns false if the chain ends
// elsewhere by now, or an ID is known.
func (s *postgresSession) addAtOnce(ctx context.Context, l *link, rows []addition) (bool, error) {
	old := s.end
	s.end = nil
	l.begin(*old)
	part := l.lay(rows, map[string]bool{})[0]
	head := l.seal()
	var batch pgx.Batch
	added := int64(0)
	args := append(part.args(l.node), head.Seq, head.Hash[:], head.Signature, old.Seq, old.Hash[:], old.Signature)
	batch.Queue(insertAtOnceText, append(args, l.added.args()...)...).
		Exec(func(tag pgconn.CommandTag) error {
			added = tag.RowsAffected()
			return nil
		})
	err := s.exchange(ctx, &batch)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && isKnown(refused) {
		return false, nil
	}
	if err != nil {
		return false, uncertain(err)
	}
	if added == 0 {
		return false, nil
	}
	s.moving, s.done = &head, true
	return true, nil
}

// isKnown reports an ID that is in the log already.
func isKnown(e *pgconn.PgError) bool { return e.ConstraintName == "security_log_id_key" }

// insertRowsText adds rows that are given as columns.
const insertRowsText = `INSERT INTO security_log (` + columns + `, node, chain_seq, hash) ` + givenRows + ` ORDER BY chain_seq`

// insertAtOnceText is insertRowsText if the chain ends as expected, whose end it
// moves.
const insertAtOnceText = `WITH moved AS (
		UPDATE log_heads SET seq = $16, hash = $17, signature = $18 WHERE node = $13 AND stands = 'end'
		AND seq = $19 AND hash = $20 AND signature IS NOT DISTINCT FROM $21::bytea RETURNING 1
	), counted AS (
		INSERT INTO log_counts (span, name, slot, country, node, n)
		SELECT * FROM unnest($22::bigint[], $23::text[], $24::bigint[], $25::text[], $26::text[], $27::bigint[])
		WHERE EXISTS (SELECT 1 FROM moved) ` + addToCounts + `
	) INSERT INTO security_log (` + columns + `, node, chain_seq, hash) ` + givenRows + `
	WHERE EXISTS (SELECT 1 FROM moved) ORDER BY chain_seq`

// putCountsText adds to counts that are given as columns.
const putCountsText = "INSERT INTO log_counts (span, name, slot, country, node, n) SELECT * FROM " +
	"unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[]) " + addToCounts

// args are what putCountsText takes.
func (t tally) args() []any {
	var (
		names, countries, nodes []string
		spans, slots, sums      []int64
	)
	for _, k := range t.keys() {
		spans, names, slots = append(spans, k.span), append(names, k.name), append(slots, k.slot)
		countries, nodes, sums = append(countries, k.country), append(nodes, k.node), append(sums, t[k])
	}
	return []any{spans, names, slots, countries, nodes, sums}
}

const givenRows = `SELECT ` + columns + `, $13::text, chain_seq, hash
	FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::text[],
		$9::text[], $10::text[], $11::bigint[], $12::text[], $14::bigint[], $15::bytea[])
	AS given (` + columns + `, chain_seq, hash)`

// lay gives rows their places in the chain, those that are known excepted, and
// lays them out for statements of maxRows each.
func (l *link) lay(rows []addition, known map[string]bool) []*logColumns {
	var parts []*logColumns
	for i := range rows {
		id := rows[i].id()
		if known[id] {
			continue
		}
		known[id] = true
		next := l.next(&rows[i].row)
		l.move(next, &rows[i])
		if n := len(parts); n == 0 || len(parts[n-1].seq) == maxRows {
			parts = append(parts, newLogColumns(min(len(rows)-i, maxRows)))
		}
		parts[len(parts)-1].add(&rows[i].row, next)
	}
	return parts
}

// logColumns is rows of the log, column by column.
type logColumns struct {
	texts               [8]pgtype.FlatArray[pgtype.Text]
	time, severity, seq pgtype.FlatArray[int64]
	findingSeverity     pgtype.FlatArray[pgtype.Int8]
	ip, hash            pgtype.FlatArray[[]byte]
}

func newLogColumns(n int) *logColumns {
	c := &logColumns{
		time: make([]int64, 0, n), severity: make([]int64, 0, n), seq: make([]int64, 0, n),
		findingSeverity: make([]pgtype.Int8, 0, n), ip: make([][]byte, 0, n), hash: make([][]byte, 0, n),
	}
	for i := range c.texts {
		c.texts[i] = make([]pgtype.Text, 0, n)
	}
	return c
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

// args are what the statements take as $1 to $15.
func (c *logColumns) args(node string) []any {
	t := &c.texts
	return []any{t[0], c.time, t[1], c.severity, t[2], t[3], c.ip, t[4], t[5], t[6], c.findingSeverity, t[7], node, c.seq, c.hash}
}
