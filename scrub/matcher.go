package scrub

// matcher finds any of some words in a stream of lower-case letters and digits
// (the algorithm of Aho and Corasick), one table look-up for each, so that what is
// no name of a secret costs next to nothing.
type matcher struct {
	next [][symbols]uint16
	ends []bool // a word ends here
}

const symbols = 36

// symbolOf numbers letters, of either case, and digits. Other bytes are 0xff.
var symbolOf = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case c >= 'a' && c <= 'z':
			t[i] = c - 'a'
		case c >= 'A' && c <= 'Z':
			t[i] = c - 'A'
		case c >= '0' && c <= '9':
			t[i] = c - '0' + 26
		default:
			t[i] = 0xff
		}
	}
	return t
}()

// maxStates keeps state numbers in 16 bits.
const maxStates = 1 << 15

func newMatcher(words []string) *matcher {
	m := &matcher{next: make([][symbols]uint16, 1), ends: make([]bool, 1)}
	for _, w := range words {
		m.add(w)
	}
	m.link()
	return m
}

// add puts a word into the trie. When there is no room it ends early, so that the
// word is found too often and not too seldom.
func (m *matcher) add(word string) {
	at := uint16(0)
	for i := 0; i < len(word); i++ {
		c := symbolOf[word[i]]
		if c == 0xff {
			continue
		}
		if m.next[at][c] == 0 {
			if len(m.next) >= maxStates {
				break
			}
			m.next[at][c] = uint16(len(m.next))
			m.next = append(m.next, [symbols]uint16{})
			m.ends = append(m.ends, false)
		}
		at = m.next[at][c]
	}
	m.ends[at] = at != 0
}

// link turns the trie into an automaton.
func (m *matcher) link() {
	fail := make([]uint16, len(m.next))
	var queue []uint16
	for _, q := range m.next[0] {
		if q != 0 {
			queue = append(queue, q)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		m.ends[at] = m.ends[at] || m.ends[fail[at]]
		for c, q := range m.next[at] {
			back := m.next[fail[at]][c]
			if q == 0 {
				m.next[at][c] = back
				continue
			}
			fail[q] = back
			queue = append(queue, q)
		}
	}
}

// step advances by one byte, which may be no letter or digit.
func (m *matcher) step(at uint16, c byte) uint16 {
	if sym := symbolOf[c]; sym != 0xff {
		return m.next[at][sym]
	}
	return at
}

// hints reports whether a name calls for a closer look: it has one of the words in
// it, or is too long or too strange to tell.
func (m *matcher) hints(name string) bool {
	if len(name) > maxName {
		return true
	}
	at := uint16(0)
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 0x80 || c == '%' || c == '\\' || c == '&' {
			return true
		}
		if at = m.step(at, c); m.ends[at] {
			return true
		}
	}
	return false
}
