package sql

import (
	"context"

	"github.com/fluxstudio/gatehouse/chain"
)

const gapColumns = "node, first, last, prev, hash, signature"

func scanGap(read scan) (g chain.Gap, err error) {
	var prev, hash []byte
	err = read(&g.Node, (*place)(&g.From), (*place)(&g.To), &prev, &hash, &g.Signature)
	g.Prev, g.Hash = readHash(prev), readHash(hash)
	return g, err
}

func putGap(ctx context.Context, h *handle, g chain.Gap) error {
	_, err := h.exec(ctx, "INSERT INTO log_gaps ("+gapColumns+") VALUES ($1, $2, $3, $4, $5, $6)",
		g.Node, g.From, g.To, g.Prev[:], g.Hash[:], g.Signature)
	return err
}

// follow has v verify the next record, and the gap before it if there is one. Gaps
// are read one by one, as they are needed: there may be almost as many as records.
func follow(ctx context.Context, h *handle, v *chain.Verifier, e chain.Entry) error {
	if e.Seq > v.Place(e.Node) {
		if err := skipGaps(ctx, h, v, e.Node); err != nil {
			return err
		}
	}
	if fault := v.Add(e); fault != nil {
		return fault
	}
	return nil
}

// skipGaps has v go on behind the gaps at the place where a node's next record
// would be.
func skipGaps(ctx context.Context, h *handle, v *chain.Verifier, node string) error {
	for {
		gaps, err := all(ctx, h, scanGap, "SELECT "+gapColumns+" FROM log_gaps WHERE node = $1 AND first = $2", node, v.Place(node))
		if err != nil || len(gaps) == 0 {
			return err
		}
		if fault := v.Skip(gaps[0]); fault != nil {
			return fault
		}
	}
}
