package sql

import (
	"cmp"
	"context"
	"crypto/ed25519"
	stdsql "database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse/chain"
)

// link continues this node's chain of records within one transaction. Only the
// writer's goroutine uses it.
type link struct {
	node string
	key  ed25519.PrivateKey // nil: heads are not signed

	// For the transaction under way.
	head   chain.Head
	moved  bool
	forged bool  // the head is not one that the key has signed
	added  tally // what its records add to the counts

	last chain.Head // the head that was signed or verified last
}

// begin takes up the chain at its end, as the database has it: another process
// may have written since. A head that somebody else has put there is continued,
// since people are to log in, but never signed: verification is to go on to find
// it.
func (l *link) begin(head chain.Head) {
	l.head, l.moved, l.forged = head, false, false
	if l.added == nil {
		l.added = tally{}
	}
	clear(l.added)
	if l.key == nil || head.Equal(l.last) {
		return
	}
	if l.forged = !head.SignedBy(l.key.Public().(ed25519.PublicKey)); !l.forged {
		l.last = head
	}
}

// next returns where the chain would end with one more record.
func (l *link) next(r *row) chain.Head {
	seq := l.head.Seq + 1
	return chain.Head{Node: l.node, Seq: seq, Hash: chain.Next(l.head.Hash, l.node, seq, r[:])}
}

// move says that the record of next was added.
func (l *link) move(head chain.Head, a *addition) {
	l.head, l.moved = head, true
	l.added.add(a.counts, l.node)
}

// seal signs how far the chain has come, before the transaction is committed.
func (l *link) seal() chain.Head {
	if l.key != nil && !l.forged {
		l.head = l.head.Signed(l.key)
		l.last = l.head
	}
	return l.head
}

// Heads stand for where a chain begins, when earlier records were removed for
// their age, and where it ends.
const (
	atBeginning = "beginning"
	atEnd       = "end"
)

const headText = "SELECT node, seq, hash, signature FROM log_heads WHERE node = $1 AND stands = 'end'"

func headOf(ctx context.Context, h *handle, node string) (chain.Head, error) {
	heads, err := all(ctx, h, scanHead, headText, node)
	if err != nil || len(heads) == 0 {
		return chain.Head{Node: node}, err
	}
	return heads[0], nil
}

const putHeadText = `INSERT INTO log_heads (node, stands, seq, hash, signature) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (node, stands) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, signature = excluded.signature`

func putHead(ctx context.Context, h *handle, stands string, head chain.Head) error {
	_, err := h.exec(ctx, putHeadText, head.Node, stands, head.Seq, head.Hash[:], head.Signature)
	return err
}

func scanHead(read scan) (h chain.Head, err error) {
	var hash []byte
	err = read(&h.Node, &h.Seq, &hash, &h.Signature)
	h.Hash = readHash(hash)
	return h, err
}

// readHash reads a hash as it was written; what is no hash becomes none.
func readHash(b []byte) (h chain.Hash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// BeginChain gives the chain of this node its signed, empty head if it has none: a
// chain without one has lost it. To open a store does so; a process that was attached
// to one does it before it appends, as it may be the first of its node.
func (s *Store) BeginChain(ctx context.Context) error {
	_, err := change(ctx, s, lockChain(s.writer.link.node), func(ctx context.Context, h *handle) (struct{}, error) {
		l := &s.writer.link
		head, err := headOf(ctx, h, l.node)
		if err == nil && head.Seq == 0 && head.Signature == nil {
			if l.key != nil {
				head = head.Signed(l.key)
			}
			err = putHead(ctx, h, atEnd, head)
		}
		return struct{}{}, err
	})
	return err
}

// DeleteRecords removes at most limit records from the beginning of the security
// log, up to the first one that is not older than before, and returns how many.
// It signs where the log begins from then on. It removes nothing, and returns a
// *chain.Fault, where one of them is not as it was written: who makes a record look
// old is not to have it removed in good order.
func (s *Store) DeleteRecords(ctx context.Context, before time.Time, limit int) (int, error) {
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		// One statement, as another node may add an old record between two.
		gone, err := all(ctx, h, scanEntry, `WITH first AS (SELECT seq, time FROM security_log ORDER BY seq LIMIT $2)
			DELETE FROM security_log WHERE seq IN (SELECT seq FROM first
				WHERE seq < coalesce((SELECT min(seq) FROM first WHERE time >= $1), 9223372036854775807))
			RETURNING seq, node, chain_seq, hash, `+columns, micros(before), max(limit, 0))
		if err != nil || len(gone) == 0 {
			return 0, err
		}
		slices.SortFunc(gone, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
		key := s.writer.link.key
		if key != nil {
			v, err := verifier(ctx, h, key.Public().(ed25519.PublicKey), s.writer.link.node)
			if err != nil {
				return 0, err
			}
			for _, e := range gone {
				if err := follow(ctx, h, v, e.Entry); err != nil {
					return 0, err
				}
			}
		}
		last := map[string]chain.Head{}
		for _, e := range gone {
			last[e.Node] = chain.Head{Node: e.Node, Seq: e.Seq, Hash: e.Hash, Begins: true}
		}
		for _, head := range last {
			if key != nil {
				head = head.Signed(key)
			}
			if err := putHead(ctx, h, atBeginning, head); err != nil {
				return 0, err
			}
			if _, err := h.exec(ctx, "DELETE FROM log_gaps WHERE node = $1 AND first <= $2", head.Node, head.Seq); err != nil {
				return 0, err
			}
		}
		return len(gone), nil
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
	tx, err := s.reads.BeginTx(ctx, &stdsql.TxOptions{ReadOnly: true, Isolation: s.database.snapshot}) // heads and records of one moment
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
	for from := int64(math.MinInt64); ; { // not 1: who inserts by hand may choose any number
		const page = 1000
		entries, err := all(ctx, h, scanEntry, "SELECT seq, node, chain_seq, hash, "+columns+
			" FROM security_log WHERE seq >= $1 ORDER BY seq LIMIT $2", from, page)
		if err != nil {
			return Verified{}, err
		}
		for _, e := range entries {
			if err := follow(ctx, h, v, e.Entry); err != nil {
				return Verified{}, err
			}
			from = e.seq + 1
		}
		done.Records += len(entries)
		if len(entries) < page || from == math.MinInt64 { // the greatest number, and one more
			break
		}
		if progress != nil {
			progress(done.Records)
		}
	}
	for _, node := range v.Unfinished() {
		if err := skipGaps(ctx, h, v, node); err != nil {
			return Verified{}, err
		}
	}
	ends, fault := v.Close()
	if fault != nil {
		return Verified{}, fault
	}
	done.Heads = ends
	return done, nil
}

// heads returns where the chains of all nodes end and begin.
func heads(ctx context.Context, h *handle) (ends, beginnings []chain.Head, err error) {
	const text = "SELECT node, seq, hash, signature FROM log_heads WHERE stands = $1"
	if ends, err = all(ctx, h, scanHead, text, atEnd); err == nil {
		beginnings, err = all(ctx, h, scanHead, text, atBeginning)
	}
	return ends, beginnings, err
}

func verifier(ctx context.Context, h *handle, key ed25519.PublicKey, node string) (*chain.Verifier, error) {
	ends, beginnings, err := heads(ctx, h)
	if err != nil {
		return nil, err
	}
	return verifierOf(key, node, ends, beginnings)
}

func verifierOf(key ed25519.PublicKey, node string, ends, beginnings []chain.Head) (*chain.Verifier, error) {
	for _, head := range ends {
		if head.Node == node {
			return chain.NewVerifier(key, ends, beginnings)
		}
	}
	return nil, &chain.Fault{What: chain.Removed, Node: node, Seq: 1, Why: "the signed end of its log is missing: it was removed, or there is no node of this name (see the setting node)"}
}

// entry is a record as it is stored, with its place in the order of arrival.
type entry struct {
	chain.Entry
	seq int64
}

// place reads a place in the chain. In SQLite anything may stand there; what is
// no place becomes one that does not exist.
type place int64

func (p *place) Scan(v any) error {
	n, _ := v.(int64)
	*p = place(n)
	return nil
}

func scanEntry(read scan) (entry, error) {
	var (
		e    entry
		hash []byte
		r    row
	)
	to := []any{&e.seq, &e.Node, (*place)(&e.Seq), &hash}
	for i := range r {
		to = append(to, &r[i])
	}
	if err := read(to...); err != nil {
		return e, err
	}
	e.Hash = readHash(hash)
	e.ID = fmt.Sprint(r[0])
	e.Fields = r[:]
	return e, nil
}
