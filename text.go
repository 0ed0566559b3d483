package gatehouse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is the length in bytes to which text from outside is cut before it
// is kept, where no shorter limit applies.
const MaxText = 512

// CleanText makes text from outside safe to store and to show on a terminal:
// valid UTF-8, at most limit bytes (3 or more), with control characters, line and paragraph
// separators, bidirectional overrides and invisible format characters replaced
// by U+FFFD. A text that is cut ends in "…".
func CleanText(s string, limit int) string {
	if len(s) <= limit && isClean(s) {
		return s
	}
	const ellipsis = "…"
	var b strings.Builder
	fits := 0 // how much of b leaves room for the ellipsis
	for _, r := range s {
		if !printable(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			return b.String()[:fits] + ellipsis
		}
		b.WriteRune(r)
		if b.Len() <= limit-len(ellipsis) {
			fits = b.Len()
		}
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !printable(r) }) < 0
		}
	}
	return true
}

func printable(r rune) bool {
	return r >= 0x20 && r < 0x7f || r != utf8.RuneError && (unicode.IsGraphic(r) && !unicode.Is(unicode.Zl, r) && !unicode.Is(unicode.Zp, r))
}
