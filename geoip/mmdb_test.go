package geoip_test

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

// mmdb writes a MaxMind DB file (format 2.0) with the given records, for tests.
// Prefixes must not overlap.
func mmdb(kind string, records map[string]map[string]any) []byte {
	type node struct{ child [2]int } // an index of a node, 0 for none, or minus an index of a record
	nodes := []node{{}}
	var data []byte
	var offsets []int
	keys := make([]string, 0, len(records))
	for k := range records {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		prefix := netip.MustParsePrefix(k)
		a, bits := prefix.Addr().As16(), prefix.Bits()
		if prefix.Addr().Is4() {
			v4 := prefix.Addr().As4()
			a, bits = [16]byte{12: v4[0], 13: v4[1], 14: v4[2], 15: v4[3]}, bits+96
		}
		offsets = append(offsets, len(data))
		data = append(data, encode(records[k])...)
		at := 0
		for i := range bits {
			bit := a[i/8] >> (7 - i%8) & 1
			if i == bits-1 {
				nodes[at].child[bit] = -len(offsets)
				break
			}
			if nodes[at].child[bit] <= 0 {
				nodes = append(nodes, node{})
				nodes[at].child[bit] = len(nodes) - 1
			}
			at = nodes[at].child[bit]
		}
	}
	var file []byte
	for _, n := range nodes {
		for _, c := range n.child {
			switch {
			case c == 0:
				c = len(nodes) // nothing
			case c < 0:
				c = len(nodes) + 16 + offsets[-c-1]
			}
			file = binary.BigEndian.AppendUint32(file, uint32(c))
		}
	}
	file = append(append(file, make([]byte, 16)...), data...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	return append(file, metadata(kind, len(nodes))...)
}

func metadata(kind string, nodes int) []byte {
	return encode(map[string]any{
		"node_count": uint32(nodes), "record_size": uint16(32), "ip_version": uint16(6),
		"database_type": kind, "languages": []any{"en"}, "build_epoch": uint64(1_770_000_000),
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
		"description": map[string]any{"en": "made for a test"},
	})
}

func encode(v any) []byte {
	switch v := v.(type) {
	case string:
		return append(control(2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(control(3, 8), math.Float64bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(control(5, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(control(6, 4), v)
	case uint64:
		return binary.BigEndian.AppendUint64(control(9, 8), v)
	case []any:
		b := control(11, len(v))
		for _, e := range v {
			b = append(b, encode(e)...)
		}
		return b
	case map[string]any:
		b := control(7, len(v))
		for k, e := range v {
			b = append(append(b, encode(k)...), encode(e)...)
		}
		return b
	}
	panic("no such type in an MMDB file")
}

// control writes a type and a size below 285.
func control(kind, size int) []byte {
	first, more := size, []byte(nil)
	if size >= 29 {
		first, more = 29, []byte{byte(size - 29)}
	}
	if kind <= 7 {
		return append([]byte{byte(kind<<5 | first)}, more...)
	}
	return append([]byte{byte(first), byte(kind - 7)}, more...)
}
