package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// chatMarks are replaced wherever they stand: they begin a mention, a link, code,
// emphasis or a spoiler in Slack's mrkdwn, Discord, Teams, Telegram, Mattermost,
// Rocket.Chat, Zulip or Matrix, and escaping them is done differently in each.
var chatMarks = map[rune]rune{
	'<': '‹', '>': '›', '[': '［', ']': '］', '`': 'ˋ', '*': '∗', '~': '∼', '|': '￨', '\\': '＼',
}

// chatEdges are replaced unless a letter or digit stands on both sides, as in an
// e-mail address, a_name or a hex colour: only a word that begins with them (or
// ends, for emphasis) means something.
var chatEdges = map[rune]rune{'@': '＠', '_': '＿', '#': '＃', '!': '！'}

// chat makes text of s, which line or body has cleaned, that no chat program
// takes for anything else. It looks the same, to a person.
func chat(s string) string {
	var b strings.Builder
	runes := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return '\n'
		}
		return runes[i]
	}
	for i, r := range runes {
		switch {
		case chatMarks[r] != 0:
			b.WriteRune(chatMarks[r])
		case chatEdges[r] != 0 && !(wordRune(at(i-1)) && wordRune(at(i+1))):
			b.WriteRune(chatEdges[r])
		case strings.ContainsRune("-+=", r) && at(i-1) == '\n':
			b.WriteRune('·') // no list, no rule
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// chatText writes m as the plain text that chat, push and SMS services get, at
// most limit bytes.
func (m Message) chatText(limit int) string {
	m = m.clean()
	var b strings.Builder
	row := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	if m.Text != "" && m.Text != m.Title {
		row(chat(m.Text))
	}
	for _, f := range m.Facts {
		row(chat(f.Name), ": ", chat(f.Value))
	}
	if t := when(m.Time); t != "" {
		row("Time: ", t)
	}
	for _, l := range m.Links {
		row(chat(l.Label), ": ", l.URL)
	}
	return cut(strings.TrimSuffix(b.String(), "\n"), limit)
}

// cut shortens s to limit bytes at a rune and, where there is one, after a line.
func cut(s string, limit int) string {
	const ellipsis = "…"
	if len(s) <= limit {
		return s
	}
	s = s[:max(0, limit-len(ellipsis))]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	if i := strings.LastIndexByte(s, '\n'); i > limit/2 {
		s = s[:i+1]
	}
	return s + ellipsis
}
