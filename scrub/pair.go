package scrub

import "strings"

// pair handles the name s[i:end] that is followed by a separator at q.
func (t *scan) pair(i, end, q int, c class, quoted bool) int {
	s := t.s
	sep := glyphAt(s, q)
	v := q + sep.w
	if sep.c == ':' && !quoted && isFile(s[i:end]) {
		return v // token.go:12
	}
	for range 3 { // := => == ::
		g := glyphAt(s, v)
		if g.c != '=' && g.c != '>' && g.c != ':' {
			break
		}
		v += g.w
	}
	from := v
	v = t.skipSpace(v)
	if strings.ContainsAny(s[from:v], "\n\r\\%") && !quoted && t.looksLikePair(v, true) {
		return v // nothing on this line
	}
	g := glyphAt(s, v)
	at := inText
	switch {
	case t.before.c == '?' || t.before.c == '&':
		at = inQuery
	case sep.c == ':' && v > from && !quoted && !isQuote(g.c):
		at = inProse
	}
	a, b, next := v, v, v
	switch {
	case g.w == 0:
		return v
	case isQuote(g.c) && g.pct <= sep.pct:
		a = v + g.w
		if c < secret && t.short(a, g, c, at) {
			return a
		}
		b = t.quoteEnd(a, g)
		if sep, ok := t.alsoName(a, a, b, b+glyphAt(s, b).w); ok {
			return sep
		}
		closed := b + glyphAt(s, b).w
		if next = t.afterQuote(b, g); next > closed { // shell: 'a'b
			b = next
			if sep, ok := t.attachedName(a, closed, next); ok {
				return sep
			}
		}
	case g.pct <= sep.pct && at != inQuery && (g.c == '[' || g.c == '{' || g.c == '(' || glyphAt(s, t.literal(v)).c == '{'):
		b = t.bracketEnd(t.literal(v))
		next = b
	default:
		how := bareWord
		name := squash(s[i:min(end, i+maxName)])
		switch {
		case sep.c == ':' && (name == "cookie" || name == "setcookie" || strings.HasSuffix(name, "authorization")):
			how = bareLine
		case sep.c == '=' && strings.HasSuffix(name, "cookie"):
			how = bareCookies
		case sep.c == ':' && v == from && !quoted && t.braces > 0 && c == secret:
			how = bareField
		case at == inQuery:
			how = bareQuery
		}
		if how == bareLine && isQuote(t.before.c) && !quoted {
			b = t.quoteEnd(v, t.before)
			if nl := strings.IndexByte(s[v:b], '\n'); nl >= 0 && t.before.esc == 0 {
				b = v + nl
			}
		} else {
			b = t.bareEnd(v, sep.pct, how)
		}
		b = t.withScheme(v, b, g.pct)
		last := v + strings.LastIndexByte(s[v:b], ' ') + 1
		if strings.HasPrefix(s[last:b], "--") && t.sc.isOption(s[last:b]) {
			t.hide(v, last-1)
			return last
		}
		if sep, ok := t.alsoName(v, last, b, b); ok {
			return sep
		}
		next = b
	}
	if !c.hides(s[a:b], at) {
		return v
	}
	t.hide(a, b)
	return next
}

// alsoName handles a value s[v:b] whose last word, from a, is itself the name of a
// secret with a separator in it or at p, as in "password: token: x". There is no
// telling which it is, so it is hidden, and so will be what follows.
func (t *scan) alsoName(v, a, b, p int) (sep int, ok bool) {
	for sep = b; sep > a && (t.s[sep-1] == ':' || t.s[sep-1] == '='); {
		sep--
	}
	end := sep
	if sep == b {
		sep = t.skipSpace(p)
		if g := glyphAt(t.s, sep); g.c != ':' && g.c != '=' {
			return 0, false
		}
	}
	if end == a || end-a > maxName || !t.sc.Name(t.s[a:end]) {
		return 0, false
	}
	t.hide(v, end)
	t.owed = [3]int{a, end, sep}
	return sep, true
}

// attachedName is alsoName for what hangs on a closing quotation mark that may
// rather have opened a name, the true one having been cut off.
func (t *scan) attachedName(v, a, b int) (sep int, ok bool) {
	p := b
	if g := glyphAt(t.s, p); isQuote(g.c) {
		p += g.w
	}
	return t.alsoName(v, a, b, p)
}

// isFile reports whether a word is the name of a source file, after which a
// colon has a line number.
func isFile(w string) bool {
	switch w[strings.LastIndexByte(w, '.')+1:] {
	case "go", "js", "ts", "py", "rb", "rs", "java", "sql", "html", "yaml", "yml", "json":
		return strings.Contains(w, ".")
	}
	return false
}

// short reports whether a quoted value is too short to be searched for its end
// twice, and nothing to hide.
func (t *scan) short(a int, open glyph, c class, at where) bool {
	p := a
	for p-a <= maxHarmless {
		g := glyphAt(t.s, p)
		if g.w == 0 {
			return false
		}
		if g.c == open.c {
			return g.esc <= open.esc && !c.hides(t.s[a:p], at)
		}
		p += g.w
	}
	return false
}

// withScheme extends a value that is the name of an authentication scheme to the
// credentials after it.
func (t *scan) withScheme(v, b int, pct uint8) int {
	if b-v > 20 {
		return b
	}
	switch strings.ToLower(t.s[v:b]) {
	case "bearer", "basic", "token", "negotiate", "ntlm", "dpop", "apikey", "oauth":
		p := t.skipSpace(b)
		g := glyphAt(t.s, p)
		if isQuote(g.c) {
			return t.quotedEnd(p, g)
		}
		return t.bareEnd(p, max(pct, g.pct), bareWord)
	case "digest", "hawk", "aws4-hmac-sha256":
		return t.bareEnd(b, pct, bareLine)
	}
	return b
}

// quoted hides the quoted text at v and returns where to go on.
func (t *scan) quoted(v int, open glyph) int {
	b := t.quoteEnd(v+open.w, open)
	if sep, ok := t.alsoName(v+open.w, v+open.w, b, b+glyphAt(t.s, b).w); ok {
		return sep
	}
	t.hide(v+open.w, b)
	closed := b + glyphAt(t.s, b).w
	next := t.afterQuote(b, open)
	if sep, ok := t.attachedName(closed, closed, next); ok && next > closed {
		return sep
	}
	return next
}

func (t *scan) quotedEnd(v int, open glyph) int {
	return t.afterQuote(t.quoteEnd(v+open.w, open), open)
}

// quoteEnd returns where the text that was opened by a quotation mark just before
// p ends: at the mark that closes it, at one that closes what is around it, or at
// the end of the text, since it may have been cut off.
func (t *scan) quoteEnd(p int, open glyph) int {
	slashes := 0 // percent-encoded ones
	for {
		g := glyphAt(t.s, p)
		switch {
		case g.w == 0:
			return p
		case g.c == '\\' && g.pct > 0:
			slashes++
			p += g.w
			continue
		case g.c == open.c && g.pct <= open.pct:
			n, k := int(g.esc)+slashes, int(open.esc)
			if n < k || (n-k)%(2*(k+1)) == 0 {
				if h := glyphAt(t.s, p+g.w); h.c == g.c && h.esc == g.esc && h.pct == g.pct && open.c == '\'' {
					p += g.w + h.w // SQL: 'it''s'
					slashes = 0
					continue
				}
				return p + max(int(g.esc)-k, 0)
			}
		}
		slashes = 0
		p += g.w
	}
}

// afterQuote steps over the closing mark at p and over what is attached to it.
func (t *scan) afterQuote(p int, open glyph) int {
	g := glyphAt(t.s, p)
	if g.w == 0 {
		return p
	}
	p += g.w
	if h := glyphAt(t.s, p); h.w > 0 && inWord(h.c) && h.c != '.' && h.c != '-' {
		return t.bareEnd(p, open.pct, bareWord)
	}
	return p
}

// literal returns where the bracket of a Go literal such as main.T{...} is whose
// type begins at p, or p.
func (t *scan) literal(p int) int {
	for q := p; q-p < maxName; {
		g := glyphAt(t.s, q)
		switch {
		case g.c == '{' || g.c == '(' && q > p:
			return q
		case !inWord(g.c) && g.c != '*' && (g.c != '&' || q > p):
			return p
		}
		q += g.w
	}
	return p
}

// bracketEnd returns where the bracket at p is closed, with what is attached.
// Quoted brackets do not count.
func (t *scan) bracketEnd(p int) int {
	depth := 0
	for {
		g := glyphAt(t.s, p)
		if g.w == 0 {
			return p
		}
		p += g.w
		switch g.c {
		case '[', '{', '(':
			depth++
		case ']', '}', ')':
			if depth--; depth == 0 {
				h := glyphAt(t.s, p)
				if more := t.literal(p); more > p || h.c == '{' {
					p = more // []string{...}
					continue
				}
				if h.w > 0 && inWord(h.c) && h.c != '.' && h.c != '-' {
					return t.bareEnd(p, g.pct, bareWord)
				}
				return p
			}
		case '"':
			end := t.quoteEnd(p, g)
			p = end + glyphAt(t.s, end).w
		}
	}
}
