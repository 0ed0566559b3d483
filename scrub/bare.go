package scrub

// bare says how a value without quotation marks ends.
type bare uint8

const (
	bareWord    bare = iota // at white space
	bareQuery               // also at any "&" or "#"
	bareCookies             // at white space that is not between cookies
	bareField               // Go's %+v: at the next "Name:" or the closing bracket
	bareLine                // at the end of the line
)

// bareEnd returns where the value at p ends. What is percent-encoded more often
// than pct belongs to it.
func (t *scan) bareEnd(p int, pct uint8, how bare) int {
	depth := 0
	for {
		g := glyphAt(t.s, p)
		if g.w == 0 {
			return p
		}
		if g.pct > pct {
			p += g.w
			continue
		}
		next := p + g.w
		switch g.c {
		case '\n', '\r', '\v', '\f':
			return p
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth > 0 {
				depth--
			} else if how != bareLine && t.closes(next) {
				return p
			}
		case '"', '\'', '`', '>':
			if how < bareField && t.closes(next) {
				return p
			}
		case '<':
			if how != bareLine && glyphAt(t.s, next).c == '/' {
				return p
			}
		case '&':
			if how == bareQuery || how == bareWord && (t.looksLikePair(next, false) || t.closes(next)) {
				return p
			}
		case '#':
			if how == bareQuery {
				return p
			}
		case ';':
			if how == bareCookies && t.looksLikePair(t.skipSpace(next), false) {
				p = t.skipSpace(next)
				continue
			}
			if how < bareField && t.separates(next) {
				return p
			}
		case ',', '|':
			if how < bareField && t.separates(next) {
				return p
			}
		default:
			if !isSpace(g.c) {
				break
			}
			if how < bareField || how == bareField && t.looksLikePair(next, false) {
				return p
			}
		}
		p = next
	}
}

// closes reports whether what follows at p makes a closing mark of the one before.
func (t *scan) closes(p int) bool {
	g := glyphAt(t.s, p)
	switch g.c {
	case '}', ']', ')', '>', '<', '"', '\'', '`', ',', ';', ':', '.', '&', '\\', '|':
		return true
	}
	return g.w == 0 || isSpace(g.c)
}

// separates reports whether what follows at p makes a separator of the mark before.
func (t *scan) separates(p int) bool {
	g := glyphAt(t.s, p)
	return g.w == 0 || isSpace(g.c) || isQuote(g.c) || t.looksLikePair(p, false)
}

// looksLikePair reports whether a name and a separator stand at p. On a line of
// its own, something must follow "=" and a space ":".
func (t *scan) looksLikePair(p int, line bool) bool {
	const longest = 64
	n := 0
	for ; n < longest; n++ {
		g := glyphAt(t.s, p)
		if g.w == 0 || !inWord(g.c) && (n == 0 || g.c != '[' && g.c != ']') {
			break
		}
		p += g.w
	}
	if n == 0 || n == longest {
		return false
	}
	g := glyphAt(t.s, p)
	if !line {
		return g.c == '=' || g.c == ':'
	}
	h := glyphAt(t.s, p+g.w)
	return g.c == '=' && h.w > 0 && h.c != '=' && !isSpace(h.c) || g.c == ':' && isSpace(h.c)
}
