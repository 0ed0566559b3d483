package clientip

import (
	"net/netip"
	"strings"
)

// maxEntry is how long one entry may be, in bytes. More is malformed, so that a
// header of a megabyte costs no more than a short one.
const maxEntry = 512

// walk takes the entries of a list header off its right end. Several lines of
// it are one list in their order (RFC 9110, section 5.3).
type walk struct {
	lines     []string
	forwarded bool   // entries are RFC 7239 elements
	rest      string // what is left of the line at hand
	open      bool   // there is a line at hand
}

// next returns the rightmost entry that is left, without white space around
// it. An entry that is too long comes out empty, which no parser accepts.
func (w *walk) next() (entry string, more bool) {
	if !w.open {
		if len(w.lines) == 0 {
			return "", false
		}
		last := len(w.lines) - 1
		w.rest, w.lines, w.open = w.lines[last], w.lines[:last], true
	}
	from := max(0, len(w.rest)-maxEntry)
	comma := w.lastComma(w.rest[from:])
	switch {
	case comma >= 0:
		entry, w.rest = w.rest[from+comma+1:], w.rest[:from+comma]
	case from > 0:
		return "", true
	default:
		entry, w.open = w.rest, false
	}
	return strings.Trim(entry, " \t"), true
}

// lastComma returns the index of the last comma that separates entries, or -1.
func (w *walk) lastComma(s string) int {
	if !w.forwarded {
		return strings.LastIndexByte(s, ',')
	}
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"' && !(quoted && escaped(s, i)):
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return i
		}
	}
	return -1
}

// escaped reports whether an odd number of backslashes stands before s[i].
func escaped(s string, i int) bool {
	n := 0
	for i > n && s[i-n-1] == '\\' {
		n++
	}
	return n%2 == 1
}

func (w *walk) parse(entry string) (netip.Addr, bool) {
	if !w.forwarded {
		return parseNode(entry)
	}
	node, ok := forValue(entry)
	if !ok || strings.Count(node, ":") > 1 && node[0] != '[' {
		return netip.Addr{}, false // RFC 7239 has IPv6 in brackets
	}
	return parseNode(node)
}
