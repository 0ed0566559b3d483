package notify_test

import (
	"mime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse/notify"
)

func TestChat(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"an address stays", "ada@example.com", "ada@example.com"},
		{"a snake stays", "john_doe_3", "john_doe_3"},
		{"an agent stays", "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0", "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"},
		{"IPv6 stays", "2001:db8::7/64", "2001:db8::7/64"},
		{"Slack here", "<!here> <!channel> <@U123>", "‹！here› ‹！channel› ‹＠U123›"},
		{"Slack link", "<https://evil.example|bank>", "‹https://evil.example￨bank›"},
		{"everyone", "@everyone @here @channel @all", "＠everyone ＠here ＠channel ＠all"},
		{"after a mark", ".@here (@all) _@all_", ".＠here (＠all) ＿＠all＿"},
		{"Zulip", "@**all**", "＠∗∗all∗∗"},
		{"Markdown link", "[bank](https://evil.example)", "［bank］(https://evil.example)"},
		{"Markdown image", "![x](y)", "！［x］(y)"},
		{"code", "`x` ```\ny```", "ˋxˋ ˋˋˋ\nyˋˋˋ"},
		{"emphasis", "*a* _b_ ~~c~~ ||d||", "∗a∗ ＿b＿ ∼∼c∼∼ ￨￨d￨￨"},
		{"heading and list", "# a\n- b\n+ c\n===", "＃ a\n· b\n· c\n·=="},
		{"escape", `\@here`, "＼＠here"},
		{"HTML", "<b onclick=x>", "‹b onclick=x›"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := notify.Chat(c.in); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestChatTextIsCut(t *testing.T) {
	m := alert(t, strings.Repeat("é@", 4000), strings.Repeat("x", 4000))
	for _, limit := range []int{20, 200, 1800} {
		if got := m.ChatText(limit); len(got) > limit || !utf8.ValidString(got) {
			t.Errorf("%d bytes of %d, valid %v", len(got), limit, utf8.ValidString(got))
		}
	}
}

func TestSpan(t *testing.T) {
	for in, want := range map[time.Duration]string{
		5 * time.Minute: "5 minutes", time.Hour: "1 hour", 90 * time.Minute: "1 hour 30 minutes", 10 * time.Second: "10 seconds",
		7 * 24 * time.Hour: "7 days", 250 * time.Millisecond: "250ms",
	} {
		if got := notify.Span(in); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

// What becomes a subject is one line that stays what it is when a mail program
// decodes it.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"plain", "a\r\nBcc: x@example.com", "=?utf-8?q?=0D=0A?=", "=?utf-8?b?DQo=?=", "\u202ex\x1b[31m", "https://evil.example", "\xff", "=\u200b?utf-8?q?=0A?=", "=\x00?"} {
		f.Add(s, 40)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 3 + (limit&0xff+0xff)&0xff
		got := notify.Line(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Fatalf("%q", got)
		}
		if strings.Contains(got, "://") || strings.Contains(got, "=?") {
			t.Fatalf("%q", got)
		}
		if decoded, err := new(mime.WordDecoder).DecodeHeader(mime.QEncoding.Encode("utf-8", got)); err != nil || decoded != got {
			t.Fatalf("%q is decoded to %q (%v)", got, decoded, err)
		}
		if c := notify.Chat(got); strings.ContainsAny(c, "<>[]`*~|\\") || strings.HasPrefix(c, "@") || strings.Contains(c, " @") {
			t.Fatalf("%q", c)
		}
	})
}
