package chain_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse/chain"
)

// gapOf is what the records at the places from to to become.
func gapOf(entries []chain.Entry, from, to int64) chain.Gap {
	g := chain.Gap{Node: "a", From: from, To: to, Hash: entries[to-1].Hash}
	if from > 1 {
		g.Prev = entries[from-2].Hash
	}
	return g
}

// through verifies entries with gaps in their places.
func through(t interface{ Fatal(...any) }, entries []chain.Entry, gaps []chain.Gap, head chain.Head, expect ...chain.Head) *chain.Fault {
	v, err := chain.NewVerifier(public, []chain.Head{head}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range expect {
		v.Expect(h)
	}
	for len(entries)+len(gaps) > 0 {
		var f *chain.Fault
		if len(gaps) > 0 && gaps[0].From == v.Place("a") || len(entries) == 0 {
			f, gaps = v.Skip(gaps[0]), gaps[1:]
		} else {
			f, entries = v.Add(entries[0]), entries[1:]
		}
		if f != nil {
			return f
		}
	}
	if unfinished := v.Unfinished(); len(unfinished) > 0 {
		if _, f := v.Close(); f == nil {
			t.Fatal("unfinished, but nothing is missing")
		}
	}
	_, f := v.Close()
	return f
}

// Records may be removed wherever they stand, if a signed gap takes their place.
func TestGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, head := written(rapid.IntRange(1, 30).Draw(t, "records"))
		var left []chain.Entry
		var gaps []chain.Gap
		for i := 0; i < len(entries); {
			n := rapid.IntRange(1, len(entries)-i).Draw(t, "run")
			if rapid.Bool().Draw(t, "goes") {
				gaps = append(gaps, gapOf(entries, int64(i+1), int64(i+n)).Signed(private)) // gaps may touch
			} else {
				left = append(left, entries[i:i+n]...)
			}
			i += n
		}
		kept := entries[rapid.IntRange(0, len(entries)-1).Draw(t, "kept")]
		expect := chain.Head{Node: "a", Seq: kept.Seq, Hash: kept.Hash}
		if f := through(t, left, gaps, head, expect); f != nil {
			t.Fatalf("a sound log: %v", f)
		}
		if len(gaps) == 0 {
			return
		}
		i := rapid.IntRange(0, len(gaps)-1).Draw(t, "gap")
		g := &gaps[i]
		what := rapid.SampledFrom([]string{"drop", "node", "from", "to", "prev", "hash", "unsigned"}).Draw(t, "how")
		switch what {
		case "drop":
			gaps = append(gaps[:i:i], gaps[i+1:]...)
		case "node":
			g.Node = "b"
		case "from":
			g.From--
		case "to":
			g.To++
		case "prev":
			g.Prev[0]++
		case "hash":
			g.Hash[0]++
		case "unsigned":
			g.Signature = nil
		}
		if f := through(t, left, gaps, head, expect); f == nil {
			t.Fatalf("%s of gap %d is not found", what, i)
		}
	})
}

// A gap that was signed fits only where it was.
func TestGapElsewhere(t *testing.T) {
	entries, head := written(10)
	other := chain.Hash{1}
	for name, c := range map[string]struct {
		gap  chain.Gap
		what string
	}{
		"unsigned":             {gapOf(entries, 4, 6), chain.Unsigned},
		"of another past":      {chain.Gap{Node: "a", From: 4, To: 6, Prev: other, Hash: entries[5].Hash}.Signed(private), chain.Altered},
		"to another future":    {chain.Gap{Node: "a", From: 4, To: 6, Prev: entries[2].Hash, Hash: other}.Signed(private), chain.Altered},
		"beyond the end":       {chain.Gap{Node: "a", From: 4, To: 11, Prev: entries[2].Hash, Hash: other}.Signed(private), chain.Inserted},
		"to another end":       {chain.Gap{Node: "a", From: 4, To: 10, Prev: entries[2].Hash, Hash: other}.Signed(private), chain.Altered},
		"of nothing":           {chain.Gap{Node: "a", From: 4, To: 3, Prev: entries[2].Hash, Hash: other}.Signed(private), chain.Inserted},
		"shorter":              {gapOf(entries, 4, 5).Signed(private), chain.Removed},
		"longer than it seems": {gapOf(entries, 4, 7).Signed(private), chain.Inserted},
	} {
		left := append(append([]chain.Entry{}, entries[:3]...), entries[6:]...)
		if f := through(t, left, []chain.Gap{c.gap}, head); f == nil || f.What != c.what {
			t.Errorf("%s: found %v, want %s", name, f, c.what)
		}
	}
	kept := chain.Head{Node: "a", Seq: 6, Hash: other}
	left := append(append([]chain.Entry{}, entries[:3]...), entries[6:]...)
	if f := through(t, left, []chain.Gap{gapOf(entries, 4, 6).Signed(private)}, head, kept); f == nil || f.What != chain.Altered {
		t.Errorf("the head that was kept is another: %v", f)
	}
	v, err := chain.NewVerifier(public, []chain.Head{head}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := v.Skip(gapOf(entries, 4, 6).Signed(private)); f == nil || f.What != chain.Inserted {
		t.Errorf("moved to the beginning: %v", f)
	}
}
