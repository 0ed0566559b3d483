package notify

import (
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/fluxstudio/gatehouse"
)

// How many bytes and entries of a message are shown.
const (
	maxSubject = 160
	maxName    = 64
	maxValue   = gatehouse.MaxText
	maxBody    = 2048
	maxFacts   = 32
	maxLinks   = 8
)

// bare replaces by its full-width likeness what programs would make a link of,
// because an attacker's site must not be a click away, and what begins an encoded
// word in a mail header (RFC 2047), which would be decoded to what was cleaned.
var bare = strings.NewReplacer("://", "：//", "www.", "www．", "Www.", "Www．", "WWW.", "WWW．", "mailto:", "mailto：", "=?", "＝?")

// line makes one line of plain text of s, at most limit bytes, of which no mail
// program makes a link or a header.
func line(s string, limit int) string {
	return gatehouse.CleanText(bare.Replace(strings.TrimSpace(gatehouse.CleanText(s, limit))), limit)
}

// body applies one to each line of s and joins them again.
func body(s string, one func(string, int) string) string {
	rows := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	var out strings.Builder
	for _, row := range rows {
		if row = one(row, maxBody); out.Len()+len(row) >= maxBody {
			out.WriteString("…")
			break
		}
		out.WriteString(row)
		out.WriteByte('\n')
	}
	return strings.TrimSpace(out.String())
}

// clean returns l cleaned, and whether it can be shown.
func (l Link) clean(one func(string, int) string) (Link, bool) {
	u, err := url.Parse(l.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(l.URL) > maxBody {
		return Link{}, false
	}
	path := u.EscapedPath()
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		path += "#" + u.EscapedFragment()
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return !hostRune(r) }) {
		return Link{}, false
	}
	clean := Link{Label: one(l.Label, maxName), URL: u.Scheme + "://" + u.Host + escape(path)}
	if clean.Label == "" {
		clean.Label = "Link"
	}
	return clean, true
}

func hostRune(r rune) bool {
	return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._:[]", r))
}

// escape percent-encodes what could end a URL or mean something in Markdown.
func escape(path string) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c <= 0x20 || c >= 0x7f || strings.IndexByte("<>\"'`\\^{}|()[]*~@!", c) >= 0 {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// clean returns m with all its texts as line makes them, for people.
func (m Message) clean() Message { return m.cleanWith(line) }

// cleanWith returns m with one applied to each line of its texts, its subject
// filled in and its lists cut.
func (m Message) cleanWith(one func(s string, limit int) string) Message {
	m.Title = one(m.Title, maxSubject)
	m.Text = body(m.Text, one)
	m.Subject = one(firstOf(m.Subject, m.Title, m.Text), maxSubject)
	m.Event = gatehouse.Kind(gatehouse.CleanText(string(m.Event), maxName))
	m.Severity = min(m.Severity, gatehouse.Critical)
	facts := make([]Fact, 0, min(len(m.Facts), maxFacts))
	for _, f := range m.Facts[:cap(facts)] {
		facts = append(facts, Fact{Name: one(f.Name, maxName), Value: one(f.Value, maxValue)})
	}
	m.Facts = facts
	links := make([]Link, 0, min(len(m.Links), maxLinks))
	for _, l := range m.Links[:cap(links)] {
		if l, ok := l.clean(one); ok {
			links = append(links, l)
		}
	}
	m.Links = links
	return m
}

// when writes a time for people, with its zone; empty for the zero time.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if name, offset := t.Zone(); name == "UTC" && offset == 0 {
		return t.Format("2 January 2006, 15:04:05 UTC")
	}
	return t.Format("2 January 2006, 15:04:05 MST (UTC-07:00)")
}
