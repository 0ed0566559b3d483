package scrub

import "strings"

// authority handles what follows "//" at p, with pct layers of encoding: the user
// information of a URL is taken out (RFC 3986, section 3.2.1).
func (t *scan) authority(p int, pct uint8) int {
	s := t.s
	url := t.before.c == ':' // a scheme stands before
	at, colon, q := -1, -1, p
	if strings.HasPrefix(s[p:], Scrubbed) {
		q += len(Scrubbed)
	} else if glyphAt(s, p).c == '[' { // IPv6
		if end := strings.IndexByte(s[p:min(len(s), p+64)], ']'); end >= 0 {
			q += end + 1
		}
	}
	ended := false
	for !ended {
		g := glyphAt(s, q)
		switch {
		case g.w == 0 || isSpace(g.c):
			ended = true
			continue
		case g.pct > pct:
		case g.c == '/' || g.c == '?' || g.c == '#' || isQuote(g.c) || g.c == '<' || g.c == '>' || g.c == '\\':
			ended = true
			continue
		case g.c == '@':
			at = q
		case g.c == ':' && colon < 0:
			colon = q
		}
		q += g.w
	}
	switch {
	case at >= 0 && (url || colon >= 0 && colon < at):
		t.hide(p, at)
		return at
	case at >= 0 || colon < 0 || isPort(s[colon+glyphAt(s, colon).w:q]):
		return p
	}
	// No port: a password with a delimiter in it, or one that was cut off.
	if far := t.findAt(q); far >= 0 && far < t.findSpace(q) {
		t.hide(p, far)
		return far
	}
	if url && s[q-1] != ':' && s[q-1] != '=' {
		t.hide(p, q)
		return q
	}
	return p
}

// isPort reports whether p is what may follow the colon after a host, in a text
// that goes on.
func isPort(p string) bool {
	p = strings.TrimRight(p, ".,;:!)]}")
	return p == "" || digits(p, 5)
}

// findAt returns where the next "@" after p is, or -1. It remembers, so that all
// calls together take linear time, and so does findSpace.
func (t *scan) findAt(p int) int {
	if t.nextAt < p {
		t.nextAt = len(t.s)
		if at := strings.IndexByte(t.s[p:], '@'); at >= 0 {
			t.nextAt = p + at
		}
	}
	if t.nextAt == len(t.s) {
		return -1
	}
	return t.nextAt
}

func (t *scan) findSpace(p int) int {
	if t.nextSpace < p {
		at := strings.IndexAny(t.s[p:], " \t\r\n")
		if at < 0 {
			at = len(t.s) - p
		}
		t.nextSpace = p + at
	}
	return t.nextSpace
}

// dataSource handles the "@" of a data source name such as
// user:password@tcp(192.0.2.1:3306)/db.
func (t *scan) dataSource(at int) {
	rest := t.s[at+1:]
	if strings.HasPrefix(rest, "tcp(") || strings.HasPrefix(rest, "unix(") {
		t.hide(t.runStart, at)
	}
}

// element hides the content of an XML element that begins at v.
func (t *scan) element(v int) int {
	b := len(t.s)
	if data, ok := strings.CutPrefix(t.s[v:], "<![CDATA["); ok {
		if at := strings.Index(data, "]]>"); at >= 0 {
			b = len(t.s) - len(data) + at + len("]]>")
		}
	} else {
		for b = v; ; {
			g := glyphAt(t.s, b)
			if g.w == 0 || g.c == '<' {
				break
			}
			b += g.w
		}
	}
	t.hide(v, b)
	return b
}

// formPart handles the name at i of a part of a multipart form, whose header goes
// on at p: it hides the part's body (RFC 7578).
func (t *scan) formPart(i, p int) (next int, ok bool) {
	const longest = 300 // of the rest of a header
	s := t.s
	if !strings.HasSuffix(s[:i], `name="`) && !strings.HasSuffix(s[:i], `name=\"`) {
		return 0, false
	}
	header := s[p:min(len(s), p+longest)]
	body := -1
	for _, blank := range [...]string{"\r\n\r\n", "\n\n", `\r\n\r\n`, `\n\n`} {
		if at := strings.Index(header, blank); at >= 0 {
			body = p + at + len(blank)
			break
		}
	}
	if body < 0 {
		return 0, false
	}
	b := body
	for {
		at := strings.Index(s[b:], "--")
		if at < 0 {
			b = len(s)
			break
		}
		b += at
		if s[b-1] == '\n' || strings.HasSuffix(s[:b], `\n`) {
			break
		}
		b++
	}
	end := b
	for _, newline := range [...]string{"\n", `\n`, "\r", `\r`} {
		end = body + len(strings.TrimSuffix(s[body:end], newline))
	}
	t.hide(body, end)
	return b, true
}

// isValueWord reports whether w names what belongs to a name, as in
// {"name": "password", "value": "x"}.
func isValueWord(w string) bool {
	switch len(w) {
	case 3:
		return strings.EqualFold(w, "val")
	case 4:
		return strings.EqualFold(w, "data")
	case 5:
		return strings.EqualFold(w, "value")
	case 6:
		return strings.EqualFold(w, "values")
	case 7:
		return strings.EqualFold(w, "content")
	}
	return false
}

// dueValue handles the word s[i:end] that has said so.
func (t *scan) dueValue(i, end int) int {
	p, quoted := end, false
	if g := glyphAt(t.s, p); isQuote(g.c) {
		p, quoted = p+g.w, true
	}
	q := t.skipSpace(p)
	if g := glyphAt(t.s, q); g.c == '=' || g.c == ':' {
		t.due = 0
		return t.pair(i, end, q, secret, quoted)
	}
	return end
}
