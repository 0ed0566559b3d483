package chain

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
)

// Entry is a record as it was found, with its place in its node's chain.
type Entry struct {
	ID     string
	Node   string
	Seq    int64
	Hash   Hash
	Fields []any // as given to Next
}

// Fault is the first thing that is wrong with a log.
type Fault struct {
	What string // altered, removed, inserted or unsigned
	Node string
	Seq  int64  // the place of the record, or where it would be
	ID   string // of the record; empty for one that was removed
	Why  string // a sentence
}

// The faults.
const (
	Altered  = "altered"
	Removed  = "removed"
	Inserted = "inserted"
	Unsigned = "unsigned"
)

// Error describes the fault.
func (f *Fault) Error() string {
	if f.ID == "" {
		return fmt.Sprintf("place %d of node %q: %s: %s", f.Seq, f.Node, f.What, f.Why)
	}
	return fmt.Sprintf("record %s, at place %d of node %q: %s: %s", f.ID, f.Seq, f.Node, f.What, f.Why)
}

// Verifier goes through a log in the order in which it was written. It is not
// safe for concurrent use.
type Verifier struct {
	key    ed25519.PublicKey
	heads  map[string]Head
	at     map[string]Head // how far each node has been verified
	expect map[string][]Head
}

// NewVerifier returns a Verifier for a log whose chains end at heads. Chains
// begin at the start, or where a signed head of begun says that earlier records
// were removed for good reason. Every head must be signed by key, those of begun
// as such (Head.Begins).
func NewVerifier(key ed25519.PublicKey, heads, begun []Head) (*Verifier, error) {
	v := &Verifier{key: key, heads: make(map[string]Head), at: make(map[string]Head), expect: make(map[string][]Head)}
	take := func(into map[string]Head, list []Head, begins bool) error {
		for _, h := range list {
			if h.Begins = begins; !h.SignedBy(key) {
				return &Fault{What: Unsigned, Node: h.Node, Seq: h.Seq, Why: "the signature of a head of the log is not that of its key"}
			}
			into[h.Node] = h
		}
		return nil
	}
	if err := take(v.heads, heads, false); err != nil {
		return nil, err
	}
	return v, take(v.at, begun, true)
}

// Expect demands that the log passes through a head that was kept elsewhere.
func (v *Verifier) Expect(h Head) { v.expect[h.Node] = append(v.expect[h.Node], h) }

// Add verifies the next record and returns what is wrong with it, or nil.
func (v *Verifier) Add(e Entry) *Fault {
	last := v.at[e.Node]
	fault := func(what, why string) *Fault {
		return &Fault{What: what, Node: e.Node, Seq: e.Seq, ID: e.ID, Why: why}
	}
	end, known := v.heads[e.Node]
	switch {
	case !known:
		return fault(Inserted, "the end of its node's log was never signed")
	case e.Seq <= last.Seq:
		return fault(Inserted, "its place belongs to another record")
	case e.Seq > last.Seq+1:
		f := fault(Removed, fmt.Sprintf("%d missing before record %s", e.Seq-last.Seq-1, e.ID))
		f.Seq, f.ID = last.Seq+1, ""
		return f
	case e.Seq > end.Seq:
		return fault(Inserted, "it stands behind the signed end of the log")
	case Next(last.Hash, e.Node, e.Seq, e.Fields) != e.Hash:
		return fault(Altered, "it is not what was written at this place")
	}
	for _, h := range v.expect[e.Node] {
		if h.Seq == e.Seq && h.Hash != e.Hash {
			return fault(Altered, "the log up to here is not the one whose head was kept")
		}
	}
	if e.Seq == end.Seq && e.Hash != end.Hash {
		return fault(Altered, "the log up to here is not the one that was signed")
	}
	v.at[e.Node] = Head{Node: e.Node, Seq: e.Seq, Hash: e.Hash}
	return nil
}

// Place returns where the next record of a node belongs: behind the last one that
// was verified.
func (v *Verifier) Place(node string) int64 { return v.at[node].Seq + 1 }

// Unfinished returns the nodes whose signed ends have not been reached.
func (v *Verifier) Unfinished() []string {
	var nodes []string
	for node, end := range v.heads {
		if v.at[node].Seq < end.Seq {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// Skip verifies a gap at the place where the next record would be, and goes on
// behind it. A head that was kept elsewhere is compared at the gap's end; inside
// of the gap nobody can tell any more.
func (v *Verifier) Skip(g Gap) *Fault {
	last, end := v.at[g.Node], v.heads[g.Node]
	fault := func(what, why string) *Fault { return &Fault{What: what, Node: g.Node, Seq: g.From, Why: why} }
	switch {
	case !g.SignedBy(v.key):
		return fault(Unsigned, "the signature of a gap is not that of the log's key")
	case g.From != last.Seq+1 || g.To < g.From:
		return fault(Inserted, fmt.Sprintf("a gap stands here, but the log was verified up to place %d", last.Seq))
	case g.Prev != last.Hash:
		return fault(Altered, "what is before the gap is not what was there when it was signed")
	case g.To > end.Seq:
		return fault(Inserted, "the gap reaches beyond the signed end of the log")
	case g.To == end.Seq && g.Hash != end.Hash:
		return fault(Altered, "the gap does not lead to the end of the log that was signed")
	}
	for _, h := range v.expect[g.Node] {
		if h.Seq == g.To && h.Hash != g.Hash {
			return fault(Altered, "the log up to the end of the gap is not the one whose head was kept")
		}
	}
	v.at[g.Node] = Head{Node: g.Node, Seq: g.To, Hash: g.Hash}
	return nil
}

// Close verifies that nothing is missing at the end, and returns how far each
// node's chain has come.
func (v *Verifier) Close() ([]Head, *Fault) {
	var ends []Head
	missing := func(h Head, why string) *Fault {
		return &Fault{What: Removed, Node: h.Node, Seq: v.at[h.Node].Seq + 1, Why: why}
	}
	for node, h := range v.heads {
		if v.at[node].Seq < h.Seq {
			return nil, missing(h, fmt.Sprintf("the log was signed up to place %d", h.Seq))
		}
		ends = append(ends, h)
	}
	for _, kept := range v.expect {
		for _, h := range kept {
			if v.at[h.Node].Seq < h.Seq {
				return nil, missing(h, fmt.Sprintf("the head that was kept is at place %d", h.Seq))
			}
		}
	}
	slices.SortFunc(ends, func(a, b Head) int { return strings.Compare(a.Node, b.Node) })
	return ends, nil
}
