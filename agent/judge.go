package agent

import "github.com/fluxstudio/gatehouse"

// The categories of a suspicious agent.
const (
	Missing  = "missing"  // no agent at all, or not a letter in it
	Scanner  = "scanner"  // looks for weaknesses or guesses passwords
	Headless = "headless" // a browser without a person
	Script   = "script"   // an HTTP library or command-line tool
	Crawler  = "crawler"  // search engines, previews, monitors, archives
)

// Judgement is what is thought of one user agent. The zero value is
// unsuspicious.
type Judgement struct {
	Suspicious bool
	Pattern    string // the name of the tool or bot: "curl", "Googlebot"
	Category   string // one of the constants above
}

// Judge knows the bots and tools. It never changes and is safe for concurrent
// use.
type Judge struct{ index *index }

// New returns a Judge. It reads the built-in lists, which takes about a
// millisecond, so make one and keep it.
func New() *Judge { return &Judge{index: newIndex(builtin())} }

// Judge judges a User-Agent header as it came. It looks at the first
// gatehouse.MaxText bytes, takes time in proportion to them at worst and
// does not allocate. Where several lists match, scanners go before headless
// browsers, scripts and crawlers, and longer texts before shorter ones.
func (j *Judge) Judge(userAgent string) Judgement {
	var buf [gatehouse.MaxText]byte
	text := buf[:copy(buf[:], userAgent)]
	if !lower(text) {
		return Judgement{Suspicious: true, Pattern: "no user agent", Category: Missing}
	}
	r := j.index.best(text)
	if r == nil {
		return Judgement{}
	}
	return Judgement{Suspicious: true, Pattern: r.name, Category: categories[r.category]}
}

// lower puts ASCII letters in lower case and reports whether there is any
// letter, counting all beyond ASCII as letters.
func lower(text []byte) (letters bool) {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
			text[i] = c
		}
		letters = letters || 'a' <= c && c <= 'z' || c >= 0x80
	}
	return letters
}
