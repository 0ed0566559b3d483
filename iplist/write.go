package iplist

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/netip"

	"github.com/fluxstudio/gatehouse"
)

// Write writes a list. Plain and NFT get the fewest networks that make it up, in
// order. JSON gets the entries as they are, one on a line.
//
// What NFT gets is for "nft -f": it creates the table inet gatehouse with the
// interval sets blocked4 and blocked6, where they do not exist, and replaces
// their elements in one transaction.
func Write(w io.Writer, format Format, entries []Entry) error {
	b := bufio.NewWriter(w)
	var err error
	switch format {
	case Plain, "":
		for p := range setOf(entries).All() {
			fmt.Fprintln(b, gatehouse.FormatPrefix(p))
		}
	case NFT:
		writeNFT(b, setOf(entries))
	case JSON:
		err = writeJSON(b, entries)
	default:
		err = fmt.Errorf("there is no format %q: use %s, %s or %s", format, Plain, NFT, JSON)
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

func setOf(entries []Entry) *Set {
	return NewSet(func(yield func(netip.Prefix) bool) {
		for _, e := range entries {
			if !yield(e.Prefix) {
				return
			}
		}
	})
}

func writeNFT(b *bufio.Writer, s *Set) {
	fmt.Fprintln(b, "#!/usr/sbin/nft -f")
	fmt.Fprintln(b, "# A rule that uses it: ip saddr @blocked4 drop; ip6 saddr @blocked6 drop")
	fmt.Fprintln(b, "add table inet gatehouse")
	for _, set := range []struct {
		name, kind string
		bits       int
	}{{"blocked4", "ipv4_addr", 32}, {"blocked6", "ipv6_addr", 128}} {
		fmt.Fprintf(b, "add set inet gatehouse %s { type %s; flags interval; }\n", set.name, set.kind)
		fmt.Fprintf(b, "flush set inet gatehouse %s\n", set.name)
		writeElements(b, set.name, set.bits, s.All())
	}
}

func writeElements(b *bufio.Writer, set string, bits int, all iter.Seq[netip.Prefix]) {
	open := false
	for p := range all {
		if p.Addr().BitLen() != bits {
			continue
		}
		if open {
			b.WriteString(",\n")
		} else {
			fmt.Fprintf(b, "add element inet gatehouse %s {\n", set)
			open = true
		}
		b.WriteString("\t" + gatehouse.FormatPrefix(p))
	}
	if open {
		b.WriteString("\n}\n")
	}
}

func writeJSON(b *bufio.Writer, entries []Entry) error {
	b.WriteString("[")
	for i, e := range entries {
		line, err := json.Marshal(object{gatehouse.FormatPrefix(e.Prefix), e.Reason, e.Until})
		if err != nil { // a year beyond 9999
			return err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n")
		b.Write(line)
	}
	if len(entries) > 0 {
		b.WriteString("\n")
	}
	_, err := b.WriteString("]\n")
	return err
}
