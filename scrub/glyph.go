package scrub

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// glyph is one character as a reader would see it who has taken off
// percent-encoding, backslash escapes and HTML entities.
type glyph struct {
	c   byte  // ASCII, or wide
	w   int   // bytes that it takes in the text; 0 at the end
	pct uint8 // layers of percent-encoding
	esc uint8 // backslashes before a quotation mark
}

// wide stands for every character outside of ASCII that means nothing to us.
const wide = 0x80

const (
	maxLayers  = 5  // of percent-encoding
	maxSlashes = 64 // in one run
)

func glyphAt(s string, i int) glyph {
	if i >= len(s) {
		return glyph{}
	}
	switch c := s[i]; {
	case c == '%':
		return percentAt(s, i)
	case c == '\\':
		return escapeAt(s, i)
	case c == '&':
		return entityAt(s, i)
	case c < utf8.RuneSelf:
		return glyph{c: c, w: 1}
	}
	r, w := utf8.DecodeRuneInString(s[i:])
	return glyph{c: fold(r), w: w}
}

// fold finds the ASCII character that a rune stands for in text.
func fold(r rune) byte {
	switch {
	case r < utf8.RuneSelf:
		return byte(r)
	case r == '“' || r == '”' || r == '„' || r == '‟' || r == '«' || r == '»' || r == '＂':
		return '"'
	case r == '‘' || r == '’' || r == '‚' || r == '‛' || r == '＇':
		return '\''
	case r == '＝':
		return '='
	case r == '：':
		return ':'
	case unicode.IsSpace(r) || unicode.Is(unicode.Cf, r):
		return ' '
	}
	return wide
}

func percentAt(s string, i int) glyph {
	j, layers := i+1, uint8(1)
	for layers < maxLayers && strings.HasPrefix(s[j:], "25") {
		if _, ok := hexAt(s, j+2, 2); !ok {
			break
		}
		j += 2
		layers++
	}
	v, ok := hexAt(s, j, 2)
	if !ok {
		return glyph{c: '%', w: 1}
	}
	return glyph{c: byte(min(v, wide)), w: j + 2 - i, pct: layers}
}

func escapeAt(s string, i int) glyph {
	j := i
	for j < len(s) && s[j] == '\\' && j-i < maxSlashes {
		j++
	}
	n := j - i
	if j == len(s) {
		return glyph{c: '\\', w: n}
	}
	switch c := s[j]; c {
	case '"', '\'', '`':
		return glyph{c: c, w: n + 1, esc: uint8(n)}
	case '/':
		return glyph{c: c, w: n + 1}
	case 'n', 'r', 't':
		return glyph{c: map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[c], w: n + 1}
	case 'u':
		if v, ok := hexAt(s, j+1, 4); ok {
			g := glyph{c: fold(rune(v)), w: n + 5}
			if g.c == '"' {
				g.esc = uint8(n)
			}
			return g
		}
	case 'x':
		if v, ok := hexAt(s, j+1, 2); ok {
			return glyph{c: byte(min(v, wide)), w: n + 3}
		}
	}
	return glyph{c: '\\', w: n}
}

func entityAt(s string, i int) glyph {
	amp := glyph{c: '&', w: 1}
	end := strings.IndexByte(s[i:min(len(s), i+10)], ';')
	if end < 2 {
		return amp
	}
	name := s[i+1 : i+end]
	amp.w = end + 1
	switch name {
	case "amp":
		return amp
	case "quot":
		return glyph{c: '"', w: end + 1}
	case "apos":
		return glyph{c: '\'', w: end + 1}
	case "lt":
		return glyph{c: '<', w: end + 1}
	case "gt":
		return glyph{c: '>', w: end + 1}
	case "equals":
		return glyph{c: '=', w: end + 1}
	}
	if name[0] == '#' {
		if v, ok := number(name[1:]); ok {
			return glyph{c: fold(v), w: end + 1}
		}
	}
	return glyph{c: '&', w: 1}
}

// number reads the number of a character reference.
func number(s string) (v rune, ok bool) {
	base := rune(10)
	if s != "" && (s[0] == 'x' || s[0] == 'X') {
		base, s = 16, s[1:]
	}
	for i := 0; i < len(s); i++ {
		d := hexValue(s[i])
		if d < 0 || d >= base {
			return 0, false
		}
		v = v*base + d
	}
	return v, s != ""
}

func hexAt(s string, i, n int) (v int, ok bool) {
	if i+n > len(s) {
		return 0, false
	}
	for ; n > 0; n-- {
		d := hexValue(s[i])
		if d < 0 {
			return 0, false
		}
		v = v<<4 | int(d)
		i++
	}
	return v, true
}

func hexValue(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// inWord reports whether names are made of it.
func inWord(c byte) bool { return wordByte[c] || c == wide }

var wordByte = func() (t [256]bool) {
	for i := range 128 {
		t[i] = symbolOf[i] != 0xff || i == '_' || i == '-' || i == '.'
	}
	return t
}()

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0x85 }

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }
