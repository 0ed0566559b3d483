package chain_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse/chain"
)

var (
	private = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public  = private.Public().(ed25519.PublicKey)
)

// written returns a log of n records of one node and its head.
func written(n int) ([]chain.Entry, chain.Head) {
	head := chain.Head{Node: "a"}
	entries := make([]chain.Entry, n)
	for i := range entries {
		head.Seq++
		fields := []any{fmt.Sprintf("record %d", i), int64(i), nil, []byte{byte(i)}}
		head.Hash = chain.Next(head.Hash, head.Node, head.Seq, fields)
		entries[i] = chain.Entry{ID: fmt.Sprint("id", i), Node: head.Node, Seq: head.Seq, Hash: head.Hash, Fields: fields}
	}
	return entries, head.Signed(private)
}

func verify(t interface{ Fatal(...any) }, entries []chain.Entry, head chain.Head, begun ...chain.Head) *chain.Fault {
	v, err := chain.NewVerifier(public, []chain.Head{head}, begun)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if f := v.Add(e); f != nil {
			return f
		}
	}
	_, f := v.Close()
	return f
}

func TestUntouchedLogIsSound(t *testing.T) {
	for _, n := range []int{0, 1, 100} {
		entries, head := written(n)
		if f := verify(t, entries, head); f != nil {
			t.Errorf("%d records: %v", n, f)
		}
	}
}

// Whatever is done to one record anywhere is found, at that record.
func TestTamperingIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, head := written(rapid.IntRange(2, 40).Draw(t, "records"))
		at := rapid.IntRange(0, len(entries)-1).Draw(t, "at")
		want := chain.Altered
		var where int64
		switch rapid.SampledFrom([]string{"alter", "retype", "delete", "swap", "insert", "append", "another node", "relabel", "rewrite"}).Draw(t, "how") {
		case "alter":
			entries[at].Fields = []any{"forged", int64(at), nil, []byte{byte(at)}}
			where = int64(at + 1)
		case "retype": // SQLite keeps a real number in any column
			entries[at].Fields = []any{entries[at].Fields[0], float64(at) + 0.5, nil, entries[at].Fields[3]}
			where = int64(at + 1)
		case "relabel":
			entries[at].Fields = []any{entries[at].Fields[0], entries[at].Fields[1], "", entries[at].Fields[3]} // NULL is not ""
			where = int64(at + 1)
		case "delete":
			entries = slices.Delete(entries, at, at+1)
			want, where = chain.Removed, int64(at+1)
		case "swap":
			other := (at + 1) % len(entries)
			entries[at].Fields, entries[other].Fields = entries[other].Fields, entries[at].Fields
			where = int64(min(at, other) + 1)
		case "insert":
			entries = slices.Insert(entries, at+1, entries[at])
			want, where = chain.Inserted, int64(at+1)
		case "append":
			last := entries[len(entries)-1]
			fields := []any{"forged"}
			where = last.Seq + 1
			entries = append(entries, chain.Entry{ID: "forged", Node: "a", Seq: where, Fields: fields, Hash: chain.Next(last.Hash, "a", where, fields)})
			want = chain.Inserted
		case "another node":
			fields := []any{"forged"}
			entries = slices.Insert(entries, at, chain.Entry{ID: "forged", Node: "b", Seq: 1, Fields: fields, Hash: chain.Next(chain.Hash{}, "b", 1, fields)})
			want, where = chain.Inserted, 1
		case "rewrite": // one record, and every hash after it
			entries[at].Fields = []any{"forged"}
			var prev chain.Hash
			for i := range entries {
				entries[i].Hash = chain.Next(prev, "a", entries[i].Seq, entries[i].Fields)
				prev = entries[i].Hash
			}
			where = int64(len(entries))
		}
		f := verify(t, entries, head)
		if f == nil || f.What != want || f.Seq != where {
			t.Fatalf("found %v, want %s at place %d", f, want, where)
		}
	})
}

func TestRemovedBeginningMustBeSigned(t *testing.T) {
	entries, head := written(10)
	begun := chain.Head{Node: "a", Seq: entries[3].Seq, Hash: entries[3].Hash, Begins: true}
	if f := verify(t, entries[4:], head, begun.Signed(private)); f != nil {
		t.Errorf("a log that was cut with a signature: %v", f)
	}
	if f := verify(t, entries[4:], head); f == nil || f.What != chain.Removed {
		t.Errorf("a log that was cut without one: %v", f)
	}
	if _, err := chain.NewVerifier(public, []chain.Head{head}, []chain.Head{begun}); err == nil {
		t.Error("an unsigned beginning was believed")
	}
	if _, err := chain.NewVerifier(public, []chain.Head{head}, []chain.Head{head}); err == nil {
		t.Error("the signed end of the log passed for its beginning")
	}
	head.Seq--
	if _, err := chain.NewVerifier(public, []chain.Head{head}, nil); err == nil {
		t.Error("a head that was changed after it was signed was believed")
	}
}

// A head that was kept elsewhere finds a log that was made anew with the key.
func TestExpectedHead(t *testing.T) {
	entries, head := written(5)
	kept, err := chain.ParseHead(head.String())
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		entries[i].Fields = []any{"another past"}
	}
	again := chain.Head{Node: "a"}
	for i := range entries {
		again.Seq++
		again.Hash = chain.Next(again.Hash, "a", again.Seq, entries[i].Fields)
		entries[i].Hash = again.Hash
	}
	for _, length := range []int{5, 3} {
		again.Seq, again.Hash = entries[length-1].Seq, entries[length-1].Hash
		v, err := chain.NewVerifier(public, []chain.Head{again.Signed(private)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Expect(kept)
		var fault *chain.Fault
		for _, e := range entries[:length] {
			if fault = v.Add(e); fault != nil {
				break
			}
		}
		if fault == nil {
			_, fault = v.Close()
		}
		if fault == nil {
			t.Errorf("another log of %d records passes for the one whose head was kept", length)
		}
	}
}

func TestParseHead(t *testing.T) {
	_, head := written(3)
	head.Node = "rack 3: node:1"
	got, err := chain.ParseHead(head.String())
	if err != nil || got.Node != head.Node || got.Seq != head.Seq || got.Hash != head.Hash {
		t.Errorf("read back as %v, %v", got, err)
	}
	for _, s := range []string{"", "a", "a:1", "a:1:zz", "a:-1:" + head.String()[len(head.String())-64:], head.String() + "00"} {
		if _, err := chain.ParseHead(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func ExampleVerifier() {
	head := chain.Head{Node: "a", Seq: 1}
	fields := []any{"who logged in", int64(1767225600)}
	head.Hash = chain.Next(chain.Hash{}, "a", 1, fields)

	v, err := chain.NewVerifier(public, []chain.Head{head.Signed(private)}, nil)
	if err != nil {
		panic(err)
	}
	forged := []any{"nobody", int64(1767225600)}
	fmt.Println(v.Add(chain.Entry{ID: "7", Node: "a", Seq: 1, Hash: head.Hash, Fields: forged}))
	// Output: record 7, at place 1 of node "a": altered: it is not what was written at this place
}

// Whatever is told apart in a record is told apart by its hash.
func TestNextTellsApart(t *testing.T) {
	seen := make(map[chain.Hash]string)
	for name, h := range map[string]chain.Hash{
		"a record":         chain.Next(chain.Hash{}, "a", 1, []any{"xs", "y"}),
		"another before":   chain.Next(chain.Hash{1}, "a", 1, []any{"xs", "y"}),
		"another node":     chain.Next(chain.Hash{}, "b", 1, []any{"xs", "y"}),
		"another place":    chain.Next(chain.Hash{}, "a", 2, []any{"xs", "y"}),
		"another boundary": chain.Next(chain.Hash{}, "a", 1, []any{"x", "sy"}),
		"one field":        chain.Next(chain.Hash{}, "a", 1, []any{"xssy"}),
		"bytes":            chain.Next(chain.Hash{}, "a", 1, []any{[]byte("xs"), []byte("y")}),
		"text":             chain.Next(chain.Hash{}, "a", 1, []any{"x", "sy", nil}),
		"text with NULL":   chain.Next(chain.Hash{}, "a", 1, []any{"x", "syn"}),
	} {
		if other, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[h] = name
	}
}

// Nothing of a head can be changed after it was signed.
func TestSignatureCoversTheHead(t *testing.T) {
	_, head := written(3)
	for name, change := range map[string]func(*chain.Head){
		"node":  func(h *chain.Head) { h.Node = "b" },
		"place": func(h *chain.Head) { h.Seq++ },
		"hash":  func(h *chain.Head) { h.Hash[0]++ },
	} {
		h := head
		if change(&h); h.SignedBy(public) {
			t.Errorf("another %s passes as signed", name)
		}
	}
	if !head.SignedBy(public) {
		t.Error("the head itself does not")
	}
}

func BenchmarkNext(b *testing.B) {
	fields := []any{"01a2087b-594c-7d7c-b147-1ac8936645a0", int64(1), "login_failed", int64(0), nil, "ada@example.com", make([]byte, 16), "8341ae025e35687c52439e1f2fbdef0a", nil, nil, nil, string(make([]byte, 250))}
	var h chain.Hash
	b.ReportAllocs()
	for b.Loop() {
		h = chain.Next(h, "node", 1, fields)
	}
}
