package scrub

import (
	"encoding/base64"
	"strings"
)

// minToken is the length of the shortest word that is looked at for a token.
const minToken = 5

// tokenPrefixes begin what is a secret whatever it is called, and how much must
// follow. Ours, and GitHub's, are "gh", a letter and "_"; see tokenAt.
var tokenPrefixes = []struct {
	prefix string
	least  int
}{
	{"eyJ", 8},                                             // JWT, and any JSON in base64
	{"AKIA", 12}, {"ASIA", 12}, {"ya29.", 8}, {"AIza", 20}, // AWS, Google
	{"github_pat_", 4}, {"glpat-", 8}, {"gldt-", 8}, {"npm_", 20}, {"pypi-", 20}, {"dop_v1_", 8},
	{"sk_live_", 8}, {"sk_test_", 8}, {"rk_live_", 8}, {"rk_test_", 8}, {"whsec_", 8}, {"sk-", 20}, {"SG.", 20},
	{"xoxb-", 8}, {"xoxp-", 8}, {"xoxa-", 8}, {"xoxs-", 8}, {"xoxr-", 8}, {"xoxe-", 8}, {"xapp-", 8},
	{"hvs.", 8}, {"hvb.", 8}, {"sntrys_", 8}, {"sntryu_", 8}, {"AGE-SECRET-KEY-1", 8}, {"shpat_", 8}, {"EAACEdEose0cBA", 1},
}

var tokenFirst = func() (t [256]bool) {
	for _, p := range tokenPrefixes {
		t[p.prefix[0]] = true
	}
	t['g'], t['G'] = true, true
	return t
}()

// token handles the word s[i:end] if it has a token or the mark of a private key
// in it.
func (t *scan) token(i, end int, plain bool) (next int, ok bool) {
	w := t.s[i:end]
	if !plain {
		if d := decodeWord(w); tokenIn(d) >= 0 {
			t.hide(i, end)
			return end, true
		}
		return end, false
	}
	if k := tokenIn(w); k >= 0 {
		b := end
		for g := glyphAt(t.s, b); g.c == '=' || g.c == '~' || g.w > 0 && inWord(g.c); g = glyphAt(t.s, b) {
			b += g.w
		}
		t.hide(i+k, b)
		return b, true
	}
	if k := strings.Index(w, "-----"); k >= 0 {
		return t.pem(i+k, end)
	}
	return end, false
}

// tokenIn returns where in a word a token begins, or -1.
func tokenIn(w string) int {
	fresh := true // nothing before that it could be the rest of
	for k := 0; k+minToken <= len(w); k++ {
		c := w[k]
		if tokenFirst[c] && tokenAt(w[k:], fresh) {
			return k
		}
		fresh = symbolOf[c] == 0xff
	}
	return -1
}

func tokenAt(w string, fresh bool) bool {
	const inside = 20 // must follow what might be a part of a word
	if (w[0]|0x20) == 'g' && (w[1]|0x20) == 'h' && w[3] == '_' && w[2] >= 'A' && symbolOf[w[2]] != 0xff {
		return fresh || len(w) >= 4+inside
	}
	if !fresh {
		return len(w) >= 3+inside && w[:3] == "eyJ"
	}
	for _, p := range tokenPrefixes {
		if strings.HasPrefix(w, p.prefix) && len(w) >= len(p.prefix)+p.least {
			return true
		}
	}
	return false
}

// decodeWord takes encodings off a word.
func decodeWord(w string) string {
	b := make([]byte, 0, len(w))
	for i := 0; i < len(w); {
		g := glyphAt(w, i)
		b = append(b, g.c)
		i += g.w
	}
	return string(b)
}

// pem handles a mark at i that may begin or, where the beginning is lost, end a
// private key (RFC 7468).
func (t *scan) pem(i, end int) (next int, ok bool) {
	const mark, longest = "-----", 80
	s := t.s
	begin := strings.HasPrefix(s[i:], mark+"BEGIN")
	if !begin && !strings.HasPrefix(s[i:], mark+"END") {
		return end, false
	}
	rest := s[i+len(mark) : min(len(s), i+len(mark)+longest)]
	label := strings.Index(rest, mark)
	if label < 0 || !strings.Contains(strings.ToUpper(rest[:label]), "PRIVATE") {
		return end, false
	}
	after := i + len(mark) + label + len(mark)
	a := i
	if begin {
		if after = t.pemEnd(after); after < 0 {
			after = len(s)
		}
	} else {
		for a > t.last && isPEMByte(s[a-1]) {
			a--
		}
	}
	t.hide(a, after)
	return after, true
}

func (t *scan) pemEnd(p int) int {
	const mark = "-----"
	at := strings.Index(t.s[p:], mark+"END")
	if at < 0 {
		return -1
	}
	p += at + len(mark)
	if at = strings.Index(t.s[p:min(len(t.s), p+80)], mark); at < 0 {
		return -1
	}
	return p + at + len(mark)
}

func isPEMByte(c byte) bool {
	return symbolOf[c] != 0xff || isSpace(c) || c == '+' || c == '/' || c == '=' || c == '\\'
}

// passwordHash handles the "$" at i that may begin a hash in modular crypt or PHC
// format.
func (t *scan) passwordHash(i int) int {
	s := t.s
	start := s[i:min(len(s), i+24)]
	if s[i] != '$' {
		start = decodeWord(start)
	}
	named := false
	for _, p := range [...]string{"$argon2", "$2a$", "$2b$", "$2y$", "$scrypt$", "$pbkdf2", "$bcrypt", "$y$", "$6$", "$5$", "$1$", "$apr1$"} {
		named = named || strings.HasPrefix(start, p)
	}
	b := i + glyphAt(s, i).w
	if !named {
		return b
	}
	after := b
	for g := glyphAt(s, b); g.w > 0 && (inWord(g.c) || strings.IndexByte("$+/=,", g.c) >= 0); g = glyphAt(s, b) {
		b += g.w
	}
	if b-i < 16 && b < len(s) {
		return after
	}
	t.hide(i, b)
	return b
}

// schemeProse are words that follow the name of a scheme in prose.
var schemeProse = wordSet("token tokens auth authentication authorization scheme header is was or and not of credential credentials" +
	" prefix required challenge format type method with in for must has missing invalid expired")

// scheme handles the name of an authentication scheme that ends at end and has its
// credentials after it (RFC 9110, section 11.4).
func (t *scan) scheme(w string, end int) int {
	bearer := strings.EqualFold(w, "bearer") || strings.EqualFold(w, "dpop")
	if !bearer && !isScheme(w) {
		return end
	}
	space := glyphAt(t.s, end)
	v := end
	if space.c == '+' {
		v += space.w
	}
	if v = t.skipSpace(v); v == end {
		return end
	}
	g := glyphAt(t.s, v)
	if isQuote(g.c) {
		if bearer {
			return t.quoted(v, g)
		}
		return end
	}
	b := t.bareEnd(v, space.pct, bareWord)
	value := t.s[v:b]
	switch {
	case strings.HasPrefix(value, "realm=") || strings.HasPrefix(value, "error="):
		return end
	case bearer:
		if len(value) <= 16 && schemeProse[strings.ToLower(strings.TrimRight(value, ".,;:!"))] {
			return end
		}
	case strings.EqualFold(w, "basic") || strings.EqualFold(w, "negotiate") || strings.EqualFold(w, "ntlm"):
		if !basicCredentials(value) {
			return end
		}
	default: // parameters
		if !strings.Contains(value[:min(len(value), 64)], "=") {
			return end
		}
		b = t.bareEnd(v, space.pct, bareLine)
	}
	return t.hideWord(v, b)
}

func isScheme(w string) bool {
	for _, n := range [...]string{"basic", "digest", "negotiate", "ntlm", "hawk", "aws4-hmac-sha256"} {
		if strings.EqualFold(w, n) {
			return true
		}
	}
	return false
}

// basicCredentials reports whether v may be the base64 of "user:password", cut off
// or not, and is no word.
func basicCredentials(v string) bool {
	v = strings.TrimRight(v, ".,;:=!")
	mixed := false
	for i := 0; i < len(v); i++ {
		c := v[i]
		if symbolOf[c] == 0xff && !strings.ContainsRune("+/-_%", rune(c)) {
			return false
		}
		mixed = mixed || c >= '0' && c <= '9' || i > 0 && c >= 'A' && c <= 'Z'
	}
	if mixed {
		return len(v) >= 4
	}
	v = v[:min(len(v), 4096)&^3]
	d, err := base64.StdEncoding.DecodeString(v)
	return err == nil && strings.Contains(string(d), ":")
}
