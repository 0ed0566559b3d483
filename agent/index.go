package agent

import "bytes"

// gram is the number of bytes that are hashed, and the length of the shortest
// text that a rule may have.
const gram = 3

// index finds all rules whose text occurs in an agent. Of each text one gram is
// hashed, the one that the fewest others share. Then the agent is read once, and
// only where a gram is known is a text compared.
type index struct {
	known   [1 << hashBits / 64]uint64 // which hashes occur at all: 2 KiB, so that misses stay in cache
	heads   [1 << hashBits]uint16      // the first entry of a hash, plus one
	entries []indexEntry
	rules   []rule
}

const hashBits = 14

type indexEntry struct {
	rule, next uint16
	offset     uint8 // of the gram in the rule's text
}

// newIndex indexes rules that are in the order in which they are to be told.
func newIndex(rules []rule) *index {
	x := &index{rules: rules}
	shared := map[uint32]int{}
	for i := range len(ordinary) - gram + 1 {
		shared[hashAt(ordinary, i)] += 1000 // every browser would ask
	}
	for _, r := range rules {
		for i := range len(r.text) - gram + 1 {
			shared[hashAt(r.text, i)]++
		}
	}
	for n, r := range rules {
		best := 0
		for i := range min(len(r.text)-gram+1, 256) {
			if shared[hashAt(r.text, i)] < shared[hashAt(r.text, best)] {
				best = i
			}
		}
		h := hashAt(r.text, best)
		x.entries = append(x.entries, indexEntry{rule: uint16(n), next: x.heads[h], offset: uint8(best)})
		x.heads[h] = uint16(len(x.entries))
		x.known[h/64] |= 1 << (h % 64)
		shared[h] += 100 // taken: the next one may have another
	}
	return x
}

// ordinary is what the agents of most browsers are made of.
const ordinary = "mozilla/5.0 (windows nt 10.0; win64; x64) applewebkit/537.36 (khtml, like gecko) chrome/120.0.0.0 safari/537.36 edg/" +
	"mozilla/5.0 (iphone; cpu iphone os 17_0 like mac os x) version/17.0 mobile/15e148 safari/604.1" +
	"mozilla/5.0 (macintosh; intel mac os x 10_15_7) mozilla/5.0 (linux; android 10; k) mozilla/5.0 (x11; linux x86_64; rv:109.0) gecko/20100101 firefox/"

func hash(a, b, c byte) uint32 {
	return (uint32(a) | uint32(b)<<8 | uint32(c)<<16) * 0x9e3779b1 >> (32 - hashBits)
}

// hashAt hashes the gram of s that begins at i.
func hashAt(s string, i int) uint32 { return hash(s[i], s[i+1], s[i+2]) }

// best returns the most telling rule that matches the lower-case text, or nil.
func (x *index) best(text []byte) *rule {
	var best *rule
	var found uint16 // its place in the order
	browser := -1    // not known yet
	for i := 0; i+gram <= len(text); i++ {
		h := hash(text[i], text[i+1], text[i+2])
		if x.known[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for e := x.heads[h]; e != 0; e = x.entries[e-1].next {
			entry := &x.entries[e-1]
			r := &x.rules[entry.rule]
			if !r.at(text, i-int(entry.offset)) || best != nil && entry.rule >= found {
				continue
			}
			if r.tool {
				if browser < 0 {
					browser = looksLikeBrowser(text)
				}
				if browser > 0 {
					continue
				}
			}
			best, found = r, entry.rule
		}
	}
	return best
}

func (r *rule) at(text []byte, i int) bool {
	end := i + len(r.text)
	return i >= 0 && end <= len(text) && (i == 0 || !r.start) && (end == len(text) || !r.end) && string(text[i:end]) == r.text
}

// looksLikeBrowser reports, as 1 or 0, whether an agent is built like that of a
// browser: it begins like one, names no web page or mail address about itself,
// and calls itself compatible only as Internet Explorer did.
func looksLikeBrowser(text []byte) int {
	has := func(s string) bool { return bytes.Contains(text, []byte(s)) }
	begins := bytes.HasPrefix(text, []byte("mozilla/")) || bytes.HasPrefix(text, []byte("opera/"))
	if begins && !has("http") && !has("mailto:") && (!has("compatible;") || has("msie ")) {
		return 1
	}
	return 0
}
