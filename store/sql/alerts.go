package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse/alerting"
)

var _ alerting.Store = (*Store)(nil)

// lockAlerts is for what only the leading dispatcher may do.
const lockAlerts = "alerts"

// Lead begins a term as the leading dispatcher, or prolongs one.
func (s *Store) Lead(ctx context.Context, b alerting.Bid) (int64, error) {
	return change(ctx, s, lockAlerts, func(ctx context.Context, h *handle) (int64, error) {
		leaders, err := all(ctx, h, scanLeader, "SELECT holder, term, expires FROM alert_leader WHERE name = 'dispatcher'")
		if err != nil {
			return 0, err
		}
		if len(leaders) == 0 { // the first of all: nobody is alerted about the past
			if _, err := h.exec(ctx, `INSERT INTO alert_cursors (node, seq) SELECT node, seq FROM log_heads WHERE stands = 'end'
				ON CONFLICT (node) DO NOTHING`); err != nil {
				return 0, err
			}
			_, err := h.exec(ctx, "INSERT INTO alert_leader (name, holder, term, expires) VALUES ('dispatcher', $1, 1, $2)",
				b.Holder, micros(b.At.Add(b.TTL)))
			return 1, err
		}
		l := leaders[0]
		term := l.term
		switch {
		case b.Term != 0 && b.Term != l.term:
			return 0, alerting.ErrTerm
		case b.Term != 0: // it goes on, late or not: nobody else has begun
		case l.holder != b.Holder && l.expires > micros(b.At):
			return 0, alerting.ErrLed
		default:
			term++
		}
		_, err = h.exec(ctx, "UPDATE alert_leader SET holder = $1, term = $2, expires = $3 WHERE name = 'dispatcher'",
			b.Holder, term, micros(b.At.Add(b.TTL)))
		return term, err
	})
}

type leader struct {
	holder        string
	term, expires int64
}

func scanLeader(read scan) (l leader, err error) {
	err = read(&l.holder, &l.term, &l.expires)
	return l, err
}

// Resign ends a term early.
func (s *Store) Resign(ctx context.Context, term int64) error {
	_, err := change(ctx, s, lockAlerts, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, "UPDATE alert_leader SET expires = 0 WHERE name = 'dispatcher' AND term = $1", term)
	})
	return err
}

// CommitAlerts keeps what a leader has decided, all of it or nothing.
func (s *Store) CommitAlerts(ctx context.Context, c alerting.Change) error {
	_, err := change(ctx, s, lockAlerts, func(ctx context.Context, h *handle) (none struct{}, err error) {
		leaders, err := all(ctx, h, scanLeader, "SELECT holder, term, expires FROM alert_leader WHERE name = 'dispatcher'")
		if err == nil && (len(leaders) == 0 || leaders[0].term != c.Term) {
			err = alerting.ErrTerm
		}
		if err != nil {
			return none, err
		}
		for _, g := range c.Groups {
			detail, err := json.Marshal(g)
			if err != nil {
				return none, fmt.Errorf("sql: group %s: %w", g.ID, err)
			}
			if _, err := h.exec(ctx, `INSERT INTO alert_groups (id, opened, told, resolved, detail) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (id) DO UPDATE SET told = excluded.told, resolved = excluded.resolved, detail = excluded.detail`,
				g.ID, micros(g.Opened), micros(g.Told), nullMicros(g.Resolved), string(detail)); err != nil {
				return none, err
			}
		}
		for node, seq := range c.Cursors {
			if _, err := h.exec(ctx, `INSERT INTO alert_cursors (node, seq) VALUES ($1, $2)
				ON CONFLICT (node) DO UPDATE SET seq = excluded.seq`, node, seq); err != nil {
				return none, err
			}
		}
		return none, enqueue(ctx, h, c.Deliveries)
	})
	return err
}

// Recall returns the cursors, and the groups that are open or were told of at
// since or later.
func (s *Store) Recall(ctx context.Context, since time.Time) (alerting.Memory, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (m alerting.Memory, err error) {
		cursors, err := all(ctx, h, scanReached, "SELECT node, seq FROM alert_cursors")
		if err != nil {
			return m, err
		}
		m.Cursors = alerting.Cursors{}
		for _, c := range cursors {
			m.Cursors[c.node] = c.seq
		}
		m.Groups, err = all(ctx, h, scanGroup, "SELECT detail FROM alert_groups WHERE resolved IS NULL OR told >= $1 ORDER BY opened, id", micros(since))
		return m, err
	})
}

// reached is a place in the chain of a node.
type reached struct {
	node string
	seq  int64
}

func scanReached(read scan) (r reached, err error) {
	err = read(&r.node, &r.seq)
	return r, err
}

func scanGroup(read scan) (g alerting.Group, err error) {
	var detail string
	if err = read(&detail); err == nil {
		err = json.Unmarshal([]byte(detail), &g)
	}
	return g, err
}

// OpenGroups returns the groups that are open, oldest first.
func (s *Store) OpenGroups(ctx context.Context) ([]alerting.Group, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) ([]alerting.Group, error) {
		return all(ctx, h, scanGroup, "SELECT detail FROM alert_groups WHERE resolved IS NULL ORDER BY opened, id")
	})
}

// PruneGroups removes at most limit groups that were resolved before an instant,
// and returns how many.
func (s *Store) PruneGroups(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, "DELETE FROM alert_groups WHERE id IN (SELECT id FROM alert_groups WHERE resolved < $1 LIMIT $2)",
			micros(before), max(limit, 0))
	})
}

// FindingsAfter returns at most limit findings that come after the cursors.
func (s *Store) FindingsAfter(ctx context.Context, after alerting.Cursors, limit int) (alerting.Batch, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (b alerting.Batch, err error) {
		// The ends are looked at first: a chain's records up to its end are all
		// there by the time that they are asked for.
		ends, err := all(ctx, h, scanReached, "SELECT node, seq FROM log_heads WHERE stands = 'end' ORDER BY node")
		if err != nil {
			return b, err
		}
		b.Cursors = alerting.Cursors{}
		for _, end := range ends {
			from := after[end.node]
			b.Cursors[end.node] = from
			if end.seq <= from {
				continue
			}
			room := limit - len(b.Findings)
			if room <= 0 {
				b.More = true
				continue
			}
			found, err := all(ctx, h, scanFinding, "SELECT chain_seq, seq, "+columns+` FROM security_log
				WHERE node = $1 AND chain_seq > $2 AND finding_id IS NOT NULL ORDER BY chain_seq LIMIT $3`, end.node, from, room)
			if err != nil {
				return b, err
			}
			for i := range found {
				found[i].Node = end.node
			}
			b.Findings = append(b.Findings, found...)
			b.Cursors[end.node] = end.seq
			if n := len(found); n == room {
				b.Cursors[end.node] = found[n-1].Seq
				b.More = true
			} else if n > 0 {
				b.Cursors[end.node] = max(end.seq, found[n-1].Seq)
			}
		}
		return b, nil
	})
}

func scanFinding(read scan) (f alerting.Finding, err error) {
	l, err := scanLogged(func(dest ...any) error { return read(append([]any{&f.Seq}, dest...)...) })
	f.Record = l.Record
	return f, err
}
