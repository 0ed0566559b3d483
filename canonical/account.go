package canonical

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxAccount is the longest account name in bytes that is kept readable.
const MaxAccount = 1024

// LongPrefix begins the form of a name that is too long to be anybody's. The
// SHA-256 of the name follows, in hexadecimal.
const LongPrefix = "long:"

const (
	// The mappings feed each other (a folded character may compose with the
	// next), so they are repeated until nothing changes. Two rounds do for
	// anything that people type.
	maxRounds = 8
	// Punycode takes quadratic time, and no domain name is longer than this.
	maxDomain = 255
)

// Account returns the form under which an account name is counted and looked
// up. It never fails, and Account(Account(x)) equals Account(x).
//
// White space around the name is cut off, case is folded, compatibility
// characters are unified (NFKC), format characters and other default-ignorable
// ones (soft hyphen, zero-width joiner, bidirectional marks) are taken out.
// Control characters, invalid UTF-8 and unassigned code points become U+FFFD, so
// that the result is safe to write to a log. The domain after the last "@" is
// given in its ASCII form ("xn--") where it is a valid international name.
//
// A name longer than MaxAccount bytes becomes LongPrefix and its SHA-256: two
// such names do not collide, but they are compared byte by byte, not by
// their canonical form. Time is linear in the length, and less than 1 MiB of
// name costs less than 10 ms.
func Account(name string) string {
	if plain(name) {
		return name
	}
	s := strings.TrimSpace(name)
	if len(s) > MaxAccount {
		return digest(s)
	}
	for range maxRounds {
		next := canonicalOnce(s)
		if len(next) > MaxAccount {
			return digest(next)
		}
		if next == s {
			return s
		}
		s = next
	}
	return digest(s)
}

// plain reports whether the name is its own canonical form, for the names that
// nearly everybody has. It says no when in doubt.
func plain(s string) bool {
	if len(s) > MaxAccount {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' {
			return false
		}
		if c == '-' && i >= 3 && s[i-1] == '-' { // perhaps "xn--"
			return false
		}
	}
	return true
}

func canonicalOnce(s string) string {
	s = norm.NFKC.String(strings.ToValidUTF8(s, string(utf8.RuneError)))
	s = strings.Map(clean, s)
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = fold(s[:at]) + "@" + canonicalDomain(s[at+1:])
	} else {
		s = fold(s)
	}
	return strings.TrimSpace(s)
}

// clean drops what cannot be seen and marks what must not be shown.
func clean(r rune) rune {
	switch {
	case r < utf8.RuneSelf && r >= ' ' && r != 0x7f:
		return r
	case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return -1
	case !unicode.IsGraphic(r):
		return utf8.RuneError
	}
	return r
}

func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(cherokee, cases.Fold().String(s))
		}
	}
	return strings.ToLower(s)
}

// cherokee puts right the one script that cases.Fold swaps instead of folding:
// Unicode's CaseFolding.txt has its capital letters as the folded form.
func cherokee(r rune) rune {
	switch {
	case r >= 0xab70 && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case r >= 0x13f8 && r <= 0x13fd:
		return r - 0x13f8 + 0x13f0
	}
	return r
}

// domains maps as browsers do, without the old transitional mapping of "ß".
// It holds options only and is never changed.
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false))

// canonicalDomain returns the ASCII form of a domain name, or the folded text of
// what is none.
func canonicalDomain(s string) string {
	s = strings.TrimSpace(s)
	if len(s) <= maxDomain {
		if ascii, err := domains.ToASCII(s); err == nil {
			return ascii
		}
	}
	return fold(s)
}

// digest hashes piece by piece, so that it needs no second copy of a long name.
func digest(s string) string {
	hash := sha256.New()
	var piece [1024]byte
	for len(s) > 0 {
		n := copy(piece[:], s)
		hash.Write(piece[:n]) // never fails
		s = s[n:]
	}
	return LongPrefix + hex.EncodeToString(hash.Sum(nil))
}
