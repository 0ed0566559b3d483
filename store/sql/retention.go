package sql

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/chain"
)

// DeleteRecordsOf removes at most limit records of some kinds that are older than
// before, wherever they stand in the security log, and returns how many. In their
// places it leaves signed gaps; see chain.Gap. Gaps that touch become one.
//
// It removes nothing, and returns a *chain.Fault, where one of the records does not
// follow on from what is before it, or what is behind it does not follow on from
// it. That says nothing of the rest of the log, and need not: a gap is signed for
// records that were seen to lead from one hash to another. Who forges the hash
// before a record, or behind it, gets a gap that does not fit into the chain
// that was signed, which a verification finds.
func (s *Store) DeleteRecordsOf(ctx context.Context, kinds []gatehouse.Kind, before time.Time, limit int) (int, error) {
	kinds = slices.Compact(slices.Sorted(slices.Values(kinds)))
	return change(ctx, s, lockUpkeep, func(ctx context.Context, h *handle) (int, error) {
		var gone []entry
		for _, kind := range kinds {
			found, err := all(ctx, h, scanEntry, "SELECT seq, node, chain_seq, hash, "+columns+
				" FROM security_log WHERE kind = $1 AND time < $2 ORDER BY time LIMIT $3", string(kind), micros(before), max(limit-len(gone), 0))
			if err != nil {
				return 0, err
			}
			gone = append(gone, found...)
		}
		if len(gone) == 0 {
			return 0, nil
		}
		r := removal{handle: h, numbers: s.database.numbers, key: s.writer.link.key}
		if err := r.prepare(ctx, gone, s.writer.link.node); err != nil {
			return 0, err
		}
		return len(gone), r.carryOut(ctx, gone)
	})
}

// spot is a place in the chain of a node.
type spot struct {
	node string
	seq  int64
}

// removal turns runs of records into gaps.
type removal struct {
	*handle
	numbers string
	key     ed25519.PrivateKey // nil: gaps are not signed

	ends, beginnings map[string]chain.Head
	gaps             map[spot]chain.Gap // those that touch the runs, by their beginning
	absorbed         map[string][]int64 // where they begin, by node
	merged           []chain.Gap
}

// prepare verifies gone and the edges of what is left, and finds the gaps that are
// to be. The ends are read after the records, so that each is before its end; what
// stands behind a record that is not the last is read after the ends.
func (r *removal) prepare(ctx context.Context, gone []entry, node string) error {
	if err := r.readHeads(ctx, node); err != nil {
		return err
	}
	runs, err := r.runs(gone)
	if err != nil {
		return err
	}
	if err := r.readGaps(ctx, runs); err != nil {
		return err
	}
	before, behind, err := r.readNeighbours(ctx, runs)
	if err != nil {
		return err
	}
	pieces := make([]chain.Gap, 0, len(runs)+len(r.gaps))
	for _, run := range runs {
		g, fault := r.verify(run, before, behind)
		if fault != nil {
			return fault
		}
		pieces = append(pieces, g)
	}
	for _, g := range r.gaps {
		pieces = append(pieces, g)
	}
	return r.merge(pieces)
}

// runs puts gone in the order of the chains and returns those that stand side by
// side together.
func (r *removal) runs(gone []entry) ([][]entry, error) {
	slices.SortFunc(gone, func(a, b entry) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Seq, b.Seq)) })
	var runs [][]entry
	start := 0
	for i, e := range gone {
		last := r.beginnings[e.Node].Seq
		if i > start && gone[i-1].Node == e.Node {
			last = gone[i-1].Seq
		}
		if e.Seq <= last {
			return nil, faultAt(e, chain.Inserted, "its place belongs to another record")
		}
		if i+1 == len(gone) || gone[i+1].Node != e.Node || gone[i+1].Seq > e.Seq+1 {
			runs = append(runs, gone[start:i+1])
			start = i + 1
		}
	}
	return runs, nil
}

func faultAt(e entry, what, why string) *chain.Fault {
	return &chain.Fault{What: what, Node: e.Node, Seq: e.Seq, ID: e.ID, Why: why}
}

// verify returns the gap that a run becomes, unsigned.
func (r *removal) verify(run []entry, before map[spot]chain.Hash, behind map[spot]entry) (chain.Gap, *chain.Fault) {
	first, last := run[0], run[len(run)-1]
	prev, ok := before[spot{first.Node, first.Seq - 1}]
	if !ok {
		return chain.Gap{}, &chain.Fault{What: chain.Removed, Node: first.Node, Seq: first.Seq - 1, Why: "missing before record " + first.ID}
	}
	hash := prev
	for _, e := range run {
		if chain.Next(hash, e.Node, e.Seq, e.Fields) != e.Hash {
			return chain.Gap{}, faultAt(e, chain.Altered, "it is not what was written at this place")
		}
		hash = e.Hash
	}
	end := r.ends[last.Node]
	next, ok := behind[spot{last.Node, last.Seq + 1}]
	_, gap := r.gaps[spot{last.Node, last.Seq + 1}]
	switch {
	case last.Seq > end.Seq:
		return chain.Gap{}, faultAt(last, chain.Inserted, "it stands behind the signed end of the log")
	case last.Seq == end.Seq:
		if hash != end.Hash {
			return chain.Gap{}, faultAt(last, chain.Altered, "the log up to here is not the one that was signed")
		}
	case gap: // merge looks at it
	case !ok:
		return chain.Gap{}, &chain.Fault{What: chain.Removed, Node: last.Node, Seq: last.Seq + 1, Why: "missing behind record " + last.ID}
	case chain.Next(hash, next.Node, next.Seq, next.Fields) != next.Hash:
		return chain.Gap{}, faultAt(next, chain.Altered, fmt.Sprintf("it does not follow on from record %s", last.ID))
	}
	return chain.Gap{Node: first.Node, From: first.Seq, To: last.Seq, Prev: prev, Hash: hash}, nil
}

// merge makes one gap of those that touch.
func (r *removal) merge(pieces []chain.Gap) error {
	slices.SortFunc(pieces, func(a, b chain.Gap) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.From, b.From)) })
	for _, g := range pieces {
		if n := len(r.merged) - 1; n >= 0 && r.merged[n].Node == g.Node && r.merged[n].To+1 >= g.From {
			if r.merged[n].To+1 > g.From || r.merged[n].Hash != g.Prev {
				return &chain.Fault{What: chain.Altered, Node: g.Node, Seq: g.From, Why: "it does not follow on from what is before it"}
			}
			r.merged[n].To, r.merged[n].Hash = g.To, g.Hash
			continue
		}
		r.merged = append(r.merged, g)
	}
	return nil
}

func (r *removal) carryOut(ctx context.Context, gone []entry) error {
	for node, firsts := range r.absorbed {
		if _, err := r.exec(ctx, "DELETE FROM log_gaps WHERE first IN ("+r.numbers+") AND node = $2", jsonOf(firsts), node); err != nil {
			return err
		}
	}
	for _, g := range r.merged {
		if r.key != nil {
			g = g.Signed(r.key)
		}
		if err := putGap(ctx, r.handle, g); err != nil {
			return err
		}
	}
	seqs := make([]int64, len(gone))
	for i, e := range gone {
		seqs[i] = e.seq
	}
	n, err := r.exec(ctx, "DELETE FROM security_log WHERE seq IN ("+r.numbers+")", jsonOf(seqs))
	if err == nil && n != len(gone) {
		err = fmt.Errorf("sql: %w: of %d old records, %d were still there", gatehouse.ErrUnavailable, len(gone), n)
	}
	return err
}
