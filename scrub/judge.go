package scrub

import "strings"

// where a value was found.
type where uint8

const (
	inQuery where = iota // queries, forms, cookies, headers
	inJSON
	inValue // Go values: attributes, tags, contexts
	inText
	inProse // after a colon and a space
)

// hides reports whether a value under a name of the class is to be taken out. Where
// it says no, value has at most maxHarmless bytes, or c is public.
func (c class) hides(value string, at where) bool {
	switch {
	case c == public || c == queryOnly:
		return c == queryOnly && at == inQuery
	case at == inQuery:
		return true
	case at == inProse && stateWord(value):
		return false
	case len(value) > maxHarmless:
		return true
	}
	switch c {
	case loose:
		return at == inJSON || !harmless(value)
	case plural:
		return !digits(value, 7)
	case session:
		return !uuid7(value) && !digits(value, 5) && (at != inProse || !harmless(value))
	case prose:
		return at != inProse || !harmless(value)
	}
	return true
}

const maxHarmless = 40

// harmless reports whether a value is nothing that anybody could log in with: a
// status code, a plain word.
func harmless(v string) bool {
	if digits(strings.TrimPrefix(v, "-"), 5) {
		return true
	}
	v = strings.TrimRight(v, ".,;:!")
	if len(v) > 16 {
		return false
	}
	for i := 0; i < len(v); i++ {
		if c := v[i]; (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func digits(v string, most int) bool {
	for i := 0; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return false
		}
	}
	return len(v) > 0 && len(v) <= most
}

// uuid7 reports whether v is a UUID of version 7 (RFC 9562).
func uuid7(v string) bool {
	if len(v) != 36 || v[14] != '7' {
		return false
	}
	for i := 0; i < len(v); i++ {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (v[i] == '-') || !dash && hexValue(v[i]) < 0 {
			return false
		}
	}
	return true
}

// stateWords follow "token: " and the like in error messages.
var stateWords = wordSet("is was has must cannot not no too invalid expired expires missing unexpected malformed required" +
	" empty unknown wrong failed rejected refused revoked reused spent parse decode accepted changed disabled enabled" +
	" true false null nil none")

func stateWord(v string) bool {
	return len(v) <= 12 && stateWords[strings.TrimRight(v, ".,;:!")]
}

// opaque reports whether a word looks as if a machine had made it: long, with
// letters and digits, of the alphabets that tokens are written in.
func opaque(v string, least int) bool {
	if len(v) < least {
		return false
	}
	letter, digit := false, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case symbolOf[c] != 0xff:
			letter = true
		case !strings.ContainsRune("_-+/=~.", rune(c)):
			return false
		}
	}
	return letter && digit
}
