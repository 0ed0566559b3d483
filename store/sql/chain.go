package sql

import (
	"context"
	"crypto/ed25519"
	stdsql "database/sql"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse/chain"
)

// link continues this node's chain of records within one transaction. Only the
// writer's goroutine uses it.
type link struct {
	node string
	key  ed25519.PrivateKey // nil: heads are not signed

	// For the transaction under way.
	head          chain.Head
	loaded, moved bool
}

// begin forgets what an earlier transaction may not have kept. Another process
// may have written since.
func (l *link) begin() { l.head, l.loaded, l.moved = chain.Head{}, false, false }

// add writes rows of the security log, each with its hash.
func (l *link) add(ctx context.Context, h *handle, rows []row) error {
	if !l.loaded {
		head, err := headOf(ctx, h, l.node)
		if err != nil {
			return err
		}
		l.head, l.loaded = head, true
	}
	for i := range rows {
		seq := l.head.Seq + 1
		hash := chain.Next(l.head.Hash, l.node, seq, rows[i][:])
		n, err := h.exec(ctx, insertText, append(rows[i][:], l.node, seq, hash[:])...)
		if err != nil {
			return err
		}
		if n > 0 { // else its ID is known, and it stays as it is
			l.head.Seq, l.head.Hash, l.moved = seq, hash, true
		}
	}
	return nil
}

// seal signs how far the chain has come, before the transaction is committed.
func (l *link) seal(ctx context.Context, h *handle) error {
	if !l.moved {
		return nil
	}
	return putHead(ctx, h, atEnd, l.head, l.key)
}

// Heads stand for where a chain begins, when earlier records were removed for
// their age, and where it ends.
const (
	atBeginning = "beginning"
	atEnd       = "end"
)

func headOf(ctx context.Context, h *handle, node string) (chain.Head, error) {
	heads, err := all(ctx, h, scanHead, "SELECT node, seq, hash, signature FROM log_heads WHERE node = $1 AND stands = 'end'", node)
	if err != nil || len(heads) == 0 {
		return chain.Head{Node: node}, err
	}
	return heads[0], nil
}

func putHead(ctx context.Context, h *handle, stands string, head chain.Head, key ed25519.PrivateKey) error {
	if key != nil {
		head = head.Signed(key)
	}
	_, err := h.exec(ctx, `INSERT INTO log_heads (node, stands, seq, hash, signature) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (node, stands) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, signature = excluded.signature`,
		head.Node, stands, head.Seq, head.Hash[:], head.Signature)
	return err
}

func scanHead(read scan) (h chain.Head, err error) {
	var hash []byte
	err = read(&h.Node, &h.Seq, &hash, &h.Signature)
	copy(h.Hash[:], hash)
	return h, err
}

// openChain gives a new log its signed, empty head: a log without one has lost
// it.
func (s *Store) openChain(ctx context.Context) error {
	_, err := change(ctx, s, func(ctx context.Context, h *handle) (struct{}, error) {
		l := &s.writer.link
		head, err := headOf(ctx, h, l.node)
		if err == nil && head.Seq == 0 && head.Signature == nil {
			err = putHead(ctx, h, atEnd, head, l.key)
		}
		return struct{}{}, err
	})
	return err
}

// DeleteRecords removes at most limit records from the beginning of the security
// log, up to the first one that is not older than before, and returns how many.
// It signs where the log begins from then on.
func (s *Store) DeleteRecords(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, func(ctx context.Context, h *handle) (int, error) {
		const old = `SELECT seq FROM security_log
			WHERE seq < coalesce((SELECT min(seq) FROM security_log WHERE time >= $1), 9223372036854775807)
			ORDER BY seq LIMIT $2`
		last, err := all(ctx, h, scanHead, `SELECT node, chain_seq, hash, NULL FROM security_log
			WHERE seq IN (SELECT max(seq) FROM security_log WHERE seq IN (`+old+`) GROUP BY node)`, micros(before), max(limit, 0))
		if err != nil {
			return 0, err
		}
		for _, head := range last {
			if err := putHead(ctx, h, atBeginning, head, s.writer.link.key); err != nil {
				return 0, err
			}
		}
		return h.exec(ctx, "DELETE FROM security_log WHERE seq IN ("+old+")", micros(before), max(limit, 0))
	})
}

// Verified is what VerifyLog found of a sound log.
type Verified struct {
	Records int
	Heads   []chain.Head // where each node's chain ends; keep them elsewhere
}

// VerifyLog goes through the whole security log as it is at this moment and
// returns a *chain.Fault for the first record that was altered, removed or
// inserted. The log must pass through the heads in expect, which were kept
// elsewhere. Now and then it calls progress, which may be nil, with the number of
// records so far.
func (s *Store) VerifyLog(ctx context.Context, key ed25519.PublicKey, expect []chain.Head, progress func(records int)) (Verified, error) {
	if err := s.enter(); err != nil {
		return Verified{}, err
	}
	defer s.leave()
	tx, err := s.reads.BeginTx(ctx, &stdsql.TxOptions{ReadOnly: true}) // heads and records of one moment
	if err != nil {
		return Verified{}, failed(ctx, err)
	}
	defer tx.Rollback()
	h := newHandle(tx)
	defer h.close()
	v, err := verifier(ctx, h, key, s.writer.link.node)
	if err != nil {
		return Verified{}, err
	}
	for _, head := range expect {
		v.Expect(head)
	}
	var done Verified
	for from := int64(0); ; {
		const page = 1000
		entries, err := all(ctx, h, scanEntry, "SELECT seq, node, chain_seq, hash, "+columns+
			" FROM security_log WHERE seq > $1 ORDER BY seq LIMIT $2", from, page)
		if err != nil {
			return Verified{}, err
		}
		for _, e := range entries {
			if fault := v.Add(e.Entry); fault != nil {
				return Verified{}, fault
			}
			from = e.seq
		}
		done.Records += len(entries)
		if len(entries) < page {
			break
		}
		if progress != nil {
			progress(done.Records)
		}
	}
	ends, fault := v.Close()
	if fault != nil {
		return Verified{}, fault
	}
	done.Heads = ends
	return done, nil
}

func verifier(ctx context.Context, h *handle, key ed25519.PublicKey, node string) (*chain.Verifier, error) {
	const text = "SELECT node, seq, hash, signature FROM log_heads WHERE stands = $1"
	ends, err := all(ctx, h, scanHead, text, atEnd)
	if err != nil {
		return nil, err
	}
	beginnings, err := all(ctx, h, scanHead, text, atBeginning)
	if err != nil {
		return nil, err
	}
	for _, head := range ends {
		if head.Node == node {
			return chain.NewVerifier(key, ends, beginnings)
		}
	}
	return nil, &chain.Fault{What: chain.Removed, Node: node, Seq: 1, Why: "the signed end of the log is missing"}
}

// entry is a record as it is stored, with its place in the order of arrival.
type entry struct {
	chain.Entry
	seq int64
}

func scanEntry(read scan) (entry, error) {
	var (
		e    entry
		hash []byte
		r    row
	)
	to := []any{&e.seq, &e.Node, &e.Seq, &hash}
	for i := range r {
		to = append(to, &r[i])
	}
	if err := read(to...); err != nil {
		return e, err
	}
	copy(e.Hash[:], hash)
	e.ID = fmt.Sprint(r[0])
	e.Fields = r[:]
	return e, nil
}
