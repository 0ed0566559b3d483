package scrub

import "strings"

// scan goes through a text once, word by word. A word is what names are made of;
// each method that handles one returns where to go on, never before where it
// began, and what it has looked at beyond that is either replaced or bounded, so
// that the whole takes linear time.
type scan struct {
	sc   *Scrubber
	s    string
	out  []byte
	last int // up to where s has been copied to out

	before   glyph // the one before the current word
	braces   int   // open brackets
	runStart int   // of the current run without white space
	curl     bool  // a command line that takes "-u user:password"
	due      int   // up to where a "value" belongs to a secret name seen before

	owed    [3]int // begin and end of a hidden name, and its separator, see alsoName
	content int    // where that of an XML element with a secret name begins

	nextAt, nextSpace int // see findAt
}

func (t *scan) run() string {
	s := t.s
	for i := 0; i < len(s); {
		g := glyphAt(s, i)
		if inWord(g.c) {
			i = t.word(i)
			t.before = glyph{c: wide}
			continue
		}
		next := i + g.w
		if i > 0 && i == t.owed[2] {
			i = t.pair(t.owed[0], t.owed[1], i, secret, false)
			t.before = g
			continue
		}
		if t.content > 0 && next >= t.content {
			t.content = 0
			t.before, i = g, t.element(next)
			continue
		}
		switch g.c {
		case '{', '[':
			t.braces++
		case '}', ']':
			t.braces = max(t.braces-1, 0)
		case '/':
			if h := glyphAt(s, next); h.c == '/' {
				next = t.authority(next+h.w, h.pct)
				g = h
			}
		case '$':
			next = t.passwordHash(i)
		case '@':
			t.dataSource(i)
		}
		if isSpace(g.c) || isQuote(g.c) {
			t.runStart = next
		}
		t.before, i = g, next
	}
	if t.last == 0 {
		return s
	}
	return string(append(t.out, s[t.last:]...))
}

// hide replaces s[a:b].
func (t *scan) hide(a, b int) {
	a = max(a, t.last)
	if b <= a || t.s[a:b] == Scrubbed {
		return
	}
	if t.out == nil {
		t.out = make([]byte, 0, len(t.s)+len(Scrubbed))
	}
	if a > t.last || len(t.out) == 0 {
		t.out = append(append(t.out, t.s[t.last:a]...), Scrubbed...)
	}
	t.last = b
}

// word handles the word at i.
func (t *scan) word(i int) int {
	s, m := t.s, t.sc.names
	end, at, hit, plain := i, uint16(0), false, true
	for end < len(s) {
		c := s[end]
		if wordByte[c] {
			at = m.step(at, c)
			end++
		} else {
			if c < 0x80 && c != '%' && c != '\\' && c != '&' {
				break
			}
			g := glyphAt(s, end)
			if !inWord(g.c) {
				break
			}
			plain = false
			if g.c < wide {
				at = m.step(at, g.c)
			}
			end += g.w
		}
		hit = hit || m.ends[at]
	}
	hit = hit || end-i > maxName
	if end-i >= minToken {
		if next, ok := t.token(i, end, plain); ok {
			return next
		}
	}
	if t.curl && s[i] == '-' {
		if next := t.userFlag(i, end); next > end {
			return next
		}
	}
	if hit {
		return t.name(i, end)
	}
	if t.due > i && isValueWord(s[i:end]) {
		return t.dueValue(i, end)
	}
	return end
}

// name handles a word that may be the name of a secret.
func (t *scan) name(i, end int) int {
	s, w := t.s, t.s[i:end]
	if strings.EqualFold(w, "curl") || strings.EqualFold(w, "wget") {
		t.curl = true
		return end
	}
	c := t.sc.classify(w)
	p, quoted := end, false
	if g := glyphAt(s, p); isQuote(g.c) && isQuote(t.before.c) {
		p, quoted = p+g.w, true
	}
	for range 2 { // user[password]=x
		if g := glyphAt(s, p); g.c == ']' || !quoted && isQuote(g.c) {
			p += g.w
		}
	}
	q := t.skipSpace(p)
	g := glyphAt(s, q)
	if c != public && (g.c == '=' || g.c == ':' && !t.slashes(q+g.w)) && (end-i <= maxName || q == end) {
		return t.pair(i, end, q, c, quoted)
	}
	if c == public || c < prose {
		return t.scheme(w, end)
	}
	if quoted || t.before.c == '=' {
		t.due = end + 200
		if v, ok := t.formPart(i, p); ok {
			return v
		}
	}
	switch {
	case g.c == '>' && q == end && (t.before.c == '<' || t.before.c == ':'):
		return t.element(q + g.w)
	case q > p && t.inTag(i):
		if at := strings.IndexByte(s[q:min(len(s), q+256)], '>'); at >= 0 && s[q+at-1] != '/' {
			t.content = q + at + 1
			return end
		}
	case s[i] == '-' && (q > p || quoted):
		return t.flag(q)
	case g.c == '/' && q == end:
		return t.segment(q + g.w)
	}
	if q > p {
		if next := t.scheme(w, end); next > end {
			return next
		}
		return t.following(q, end)
	}
	return end
}

// inTag reports whether the word at i begins an XML tag, after a prefix or not.
func (t *scan) inTag(i int) bool {
	if t.before.c != ':' {
		return t.before.c == '<'
	}
	a := i - 1
	for a > 0 && i-a < 32 && (wordByte[t.s[a-1]] || t.s[a-1] == ':') {
		a--
	}
	return a > 0 && t.s[a-1] == '<'
}

// slashes reports whether "//" follows.
func (t *scan) slashes(p int) bool {
	g := glyphAt(t.s, p)
	return g.c == '/' && glyphAt(t.s, p+g.w).c == '/'
}

// following handles what follows the name of a secret with nothing but a space in
// between: it is taken for one if it is quoted or looks as if a machine had made it.
func (t *scan) following(v, end int) int {
	g := glyphAt(t.s, v)
	if isQuote(g.c) {
		if h := glyphAt(t.s, v+g.w); h.w == 0 || isSpace(h.c) {
			return end
		}
		return t.quoted(v, g)
	}
	b := t.bareEnd(v, g.pct, bareWord)
	if w := t.s[v:b]; len(w) <= 4096 && opaque(strings.TrimRight(w, ".,;:"), 12) {
		return t.hideWord(v, b)
	}
	return end
}

// flag handles the argument of a command-line option.
func (t *scan) flag(v int) int {
	g := glyphAt(t.s, v)
	if g.c == ',' {
		v = t.skipSpace(v + g.w)
		g = glyphAt(t.s, v)
	}
	if isQuote(g.c) {
		return t.quoted(v, g)
	}
	if g.c == '-' {
		return v
	}
	b := t.bareEnd(v, g.pct, bareWord)
	return t.hideWord(v, b)
}

// hideWord hides s[v:b], unless it is a command-line option itself, and returns
// where to go on.
func (t *scan) hideWord(v, b int) int {
	if strings.HasPrefix(t.s[v:b], "--") && t.sc.isOption(t.s[v:b]) {
		return v
	}
	if sep, ok := t.alsoName(v, v, b, b); ok {
		return sep
	}
	t.hide(v, b)
	return b
}

// userFlag handles an option of curl at i, among which -u and --user take
// "user:password".
func (t *scan) userFlag(i, end int) int {
	w, v := t.s[i:end], end
	switch {
	case w == "-u" || w == "-U" || w == "--user" || w == "--proxy-user":
		if g := glyphAt(t.s, v); g.c == '=' {
			v += g.w
		}
		v = t.skipSpace(v)
	case strings.HasPrefix(w, "-u"):
		v = i + 2
	default:
		return end
	}
	g := glyphAt(t.s, v)
	if isQuote(g.c) {
		v += g.w
		return t.userInfo(v, t.quoteEnd(v, g))
	}
	return max(t.userInfo(v, t.bareEnd(v, g.pct, bareWord)), end)
}

// userInfo hides the password in s[v:b], if it is "user:password", and returns
// where to go on.
func (t *scan) userInfo(v, b int) int {
	if sep, ok := t.alsoName(v, v, b, b); ok {
		return sep
	}
	at := strings.IndexByte(t.s[v:b], ':')
	if at < 0 || strings.ContainsAny(t.s[v:v+at], "= \t\n") {
		return v
	}
	t.hide(v+at+1, b)
	return b
}

// segment handles the part of a path that follows the name of a secret, as in
// /reset-token/3f9a...
func (t *scan) segment(v int) int {
	b := v
	for b < len(t.s) && (wordByte[t.s[b]] && t.s[b] != '.' || t.s[b] == '~') {
		b++
	}
	if (b == len(t.s) || t.s[b] != '.') && opaque(t.s[v:b], 16) && !uuid7(t.s[v:b]) {
		t.hide(v, b)
		return b
	}
	return v
}

func (t *scan) skipSpace(p int) int {
	for {
		g := glyphAt(t.s, p)
		if g.w == 0 || !isSpace(g.c) {
			return p
		}
		p += g.w
	}
}
