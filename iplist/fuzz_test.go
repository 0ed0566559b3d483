package iplist_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/fluxstudio/gatehouse/iplist"
)

func FuzzPlain(f *testing.F) {
	fuzz(f, iplist.Plain, "192.0.2.1 # a\n192.0.2.0/24\n198.51.100.1-198.51.100.9\n", "2001:db8::/32;x", "0.0.0.0/0", "::-::ffff")
}

func FuzzNFT(f *testing.F) {
	fuzz(f, iplist.NFT, "table inet t { set s { type ipv4_addr; flags interval; elements = { 192.0.2.1 timeout 1h comment \"a\", 192.0.2.4 - 192.0.2.9 } } }",
		"add element inet t s { 2001:db8::/32, }", "elements = {", "element \"")
}

func FuzzJSON(f *testing.F) {
	fuzz(f, iplist.JSON, `["192.0.2.1"]`, `{"prefix":"192.0.2.0/24","until":"2026-03-01T12:00:00Z"}`+"\n[]", `[[`, `{"prefix":7}`, "\"")
}

// fuzz reads whatever comes. What is read is bounded, can be written in every
// format, and is the same when it is read back.
func fuzz(f *testing.F, format iplist.Format, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 300
		got, err := iplist.Read(bytes.NewReader(data), iplist.Options{Format: format, MaxEntries: most})
		if err != nil {
			if got != nil {
				t.Fatal("entries beside an error")
			}
			return
		}
		if len(got) > most {
			t.Fatalf("%d entries", len(got))
		}
		for _, e := range got {
			if e.Prefix != e.Prefix.Masked() || e.Prefix.Bits() == 0 || e.Prefix.Addr().Is4In6() {
				t.Fatalf("prefix %v", e.Prefix)
			}
		}
		for _, out := range []iplist.Format{iplist.Plain, iplist.NFT, iplist.JSON} {
			var b bytes.Buffer
			if err := iplist.Write(&b, out, got); err != nil {
				t.Fatal(err)
			}
			back, err := iplist.Read(&b, iplist.Options{Format: out})
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			want := slices.Collect(iplist.NewSet(iplist.Prefixes(got, noon.AddDate(-9000, 0, 0))).All())
			if all := slices.Collect(iplist.NewSet(iplist.Prefixes(back, noon.AddDate(-9000, 0, 0))).All()); !slices.Equal(all, want) {
				t.Fatalf("%s: %v, want %v", out, all, want)
			}
		}
	})
}
