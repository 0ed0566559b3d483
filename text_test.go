package gatehouse_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
)

func TestCleanText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (X11; Linux x86_64)"},
		{"letters of the world", "Zoë Ångström 東京 мир", "Zoë Ångström 東京 мир"},
		{"CRLF", "a\r\nSet-Cookie: x", "a\ufffd\ufffdSet-Cookie: x"},
		{"NUL", "a\x00b", "a\ufffdb"},
		{"ANSI escape", "\x1b[31mred", "\ufffd[31mred"},
		{"C1 control", "a\u009bb", "a\ufffdb"},
		{"line separators", "a\u2028b\u2029c", "a\ufffdb\ufffdc"},
		{"bidirectional override", "a\u202eb\u2066c", "a\ufffdb\ufffdc"},
		{"zero width", "a\u200bb\ufeffc", "a\ufffdb\ufffdc"},
		{"invalid UTF-8", "a\xff\xc3b", "a\ufffd\ufffdb"},
		{"exactly the limit", strings.Repeat("x", 40), strings.Repeat("x", 40)},
		{"one too many", strings.Repeat("x", 41), strings.Repeat("x", 37) + "…"},
		{"no rune is cut", strings.Repeat("é", 21), strings.Repeat("é", 18) + "…"},
		{"bad bytes grow", strings.Repeat("\xff", 40), strings.Repeat("\ufffd", 12) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := gatehouse.CleanText(c.in, 40); got != c.want {
				t.Errorf("CleanText(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\u2028b", 3)
	f.Add(strings.Repeat("é", 40), 10)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 3 + (limit&0xff+0xff)&0xff
		got := gatehouse.CleanText(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b\u2028\u2029\u202e") {
			t.Fatalf("CleanText(%q, %d) = %q", s, limit, got)
		}
		if again := gatehouse.CleanText(got, limit); again != got {
			t.Fatalf("not stable: %q, then %q", got, again)
		}
	})
}
