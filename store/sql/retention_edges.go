package sql

import (
	"context"
	"crypto/ed25519"
	"encoding/json"

	"github.com/fluxstudio/gatehouse/chain"
)

func (r *removal) public() ed25519.PublicKey { return r.key.Public().(ed25519.PublicKey) }

func (r *removal) readHeads(ctx context.Context, node string) error {
	ends, beginnings, err := heads(ctx, r.handle)
	if err == nil && r.key != nil {
		_, err = verifierOf(r.public(), node, ends, beginnings) // for the signatures
	}
	byNode := func(list []chain.Head) map[string]chain.Head {
		m := make(map[string]chain.Head, len(list))
		for _, head := range list {
			m[head.Node] = head
		}
		return m
	}
	r.ends, r.beginnings = byNode(ends), byNode(beginnings)
	return err
}

// readGaps reads the gaps that end right before a run or begin right behind one.
func (r *removal) readGaps(ctx context.Context, runs [][]entry) error {
	var firsts, lasts []int64
	for _, run := range runs {
		firsts, lasts = append(firsts, run[0].seq), append(lasts, run[len(run)-1].seq)
	}
	const from = "SELECT g.node, g.first, g.last, g.prev, g.hash, g.signature FROM security_log AS d JOIN log_gaps AS g ON g.node = d.node AND g.first = "
	before, err := all(ctx, r.handle, scanGap, from+`(SELECT max(o.first) FROM log_gaps AS o WHERE o.node = d.node AND o.first < d.chain_seq)
		WHERE g.last = d.chain_seq - 1 AND d.seq IN (`+r.numbers+")", jsonOf(firsts))
	if err != nil {
		return err
	}
	behind, err := all(ctx, r.handle, scanGap, from+"d.chain_seq + 1 WHERE d.seq IN ("+r.numbers+")", jsonOf(lasts))
	if err != nil {
		return err
	}
	r.gaps, r.absorbed = map[spot]chain.Gap{}, map[string][]int64{}
	for _, g := range append(before, behind...) {
		if r.key != nil && !g.SignedBy(r.public()) {
			return &chain.Fault{What: chain.Unsigned, Node: g.Node, Seq: g.From, Why: "the signature of a gap is not that of the log's key"}
		}
		if at := (spot{g.Node, g.From}); r.gaps[at].Node == "" {
			r.gaps[at] = g
			r.absorbed[g.Node] = append(r.absorbed[g.Node], g.From)
		}
	}
	return nil
}

func jsonOf(numbers []int64) string {
	text, _ := json.Marshal(numbers)
	return string(text)
}

// readNeighbours reads the records that must stand before and behind the runs, and
// returns the hashes that runs follow on from. To find a record, those of other
// nodes are walked over: where there is none, as at a gap, none is looked for.
func (r *removal) readNeighbours(ctx context.Context, runs [][]entry) (before map[spot]chain.Hash, behind map[spot]entry, err error) {
	before, behind = map[spot]chain.Hash{}, map[spot]entry{}
	for _, g := range r.gaps {
		before[spot{g.Node, g.To}] = g.Hash
	}
	var firsts, lasts []int64
	for _, run := range runs {
		first, last := run[0], run[len(run)-1]
		at := spot{first.Node, first.Seq - 1}
		begins := r.beginnings[first.Node] // at place 0 where nothing was removed
		if begins.Seq == at.seq {
			before[at] = begins.Hash
		} else if _, ok := before[at]; !ok {
			firsts = append(firsts, first.seq)
		}
		if _, ok := r.gaps[spot{last.Node, last.Seq + 1}]; !ok && last.Seq < r.ends[last.Node].Seq {
			lasts = append(lasts, last.seq)
		}
	}
	// In two steps: joined, PostgreSQL would read the whole log.
	read := func(seqs []int64, compare, order string) ([]entry, error) {
		if len(seqs) == 0 {
			return nil, nil
		}
		seqs, err := all(ctx, r.handle, scanSeq, "SELECT coalesce((SELECT n.seq FROM security_log AS n WHERE n.node = d.node AND n.seq "+compare+
			" d.seq ORDER BY n.seq "+order+" LIMIT 1), d.seq) FROM security_log AS d WHERE d.seq IN ("+r.numbers+")", jsonOf(seqs))
		if err != nil {
			return nil, err
		}
		return all(ctx, r.handle, scanEntry, "SELECT seq, node, chain_seq, hash, "+columns+" FROM security_log WHERE seq IN ("+r.numbers+")", jsonOf(seqs))
	}
	found, err := read(firsts, "<", "DESC")
	for _, e := range found {
		before[spot{e.Node, e.Seq}] = e.Hash
	}
	if err == nil {
		found, err = read(lasts, ">", "ASC")
	}
	for _, e := range found {
		behind[spot{e.Node, e.Seq}] = e
	}
	return before, behind, err
}

func scanSeq(read scan) (seq int64, err error) {
	err = read(&seq)
	return seq, err
}
