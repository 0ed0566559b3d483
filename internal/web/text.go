package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Number writes n with a comma between thousands.
func Number(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// Compact writes n in at most five characters or so: 999, 1.2 k, 34 k, 5.6 M.
func Compact(n int) string {
	const narrow = "\u202f"
	size := math.Abs(float64(n))
	for i, unit := range []string{"k", "M", "G", "T", "P", "E"} {
		above := size / math.Pow(1000, float64(i+1))
		switch {
		case size < 999.5 && i == 0:
			return strconv.Itoa(n)
		case above < 9.95:
			return sign(n) + strings.TrimSuffix(fmt.Sprintf("%.1f", above), ".0") + narrow + unit
		case above < 999.5:
			return sign(n) + fmt.Sprintf("%.0f", above) + narrow + unit
		}
	}
	return strconv.Itoa(n)
}

func sign(n int) string {
	if n < 0 {
		return "-"
	}
	return ""
}

// Plural writes a number with the noun that goes with it.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return percentText(100 * float64(part) / float64(whole))
}

func percentText(p float64) string {
	switch {
	case p >= 999.5:
		return "over 999\u202f%"
	case p > 0 && p < 0.95:
		return "under 1\u202f%"
	}
	return fmt.Sprintf("%.0f\u202f%%", p)
}

// units are those of Duration and Ago, from the longest.
var units = []struct {
	length time.Duration
	one    string
	many   string
	short  string
}{
	{24 * time.Hour, "day", "days", "d"},
	{time.Hour, "hour", "hours", "h"},
	{time.Minute, "minute", "minutes", "min"},
	{time.Second, "second", "seconds", "s"},
}

// Duration writes d in words, in at most two units: "15 minutes", "1 hour 30 minutes".
// Below a second it writes milliseconds.
func Duration(d time.Duration) string {
	if d = d.Abs(); d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	for i, u := range units {
		if d < u.length {
			continue
		}
		words := Plural(int(d/u.length), u.one, u.many)
		if i+1 < len(units) {
			if rest := int(d % u.length / units[i+1].length); rest > 0 {
				words += " " + Plural(rest, units[i+1].one, units[i+1].many)
			}
		}
		return words
	}
	return ""
}

// Ago writes how long before now t was: "just now", "3 minutes ago", "in 2 hours" for
// one that is to come, "never" for the zero time. app.js says the same.
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	ahead, d := now.Before(t), now.Sub(t).Abs()
	for _, u := range units {
		if d < u.length {
			continue
		}
		words := Plural(int(d/u.length), u.one, u.many)
		if ahead {
			return "in " + words
		}
		return words + " ago"
	}
	return "just now"
}

// Left writes how long it is until t: "2 h 5 min", "4 min 30 s", "over" when it was
// reached. The zero time never comes: "until lifted". app.js says the same.
func Left(t, now time.Time) string {
	if t.IsZero() {
		return "until lifted"
	}
	d := t.Sub(now)
	for i, u := range units {
		if d < u.length {
			continue
		}
		words := fmt.Sprintf("%d %s", d/u.length, u.short)
		if i+1 < len(units) {
			words += fmt.Sprintf(" %d %s", d%u.length/units[i+1].length, units[i+1].short)
		}
		return words
	}
	return "over"
}

// Exact writes t to the second, with its zone.
func Exact(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("2006-01-02 15:04:05 MST")
}

// timeElement is what app.js finds by data-relative, data-until or data-exact.
func timeElement(t, now time.Time, text, kind string) template.HTML {
	if t.IsZero() {
		return template.HTML("<span>" + text + "</span>")
	}
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `" title="` + template.HTMLEscapeString(Exact(t)) +
		`" data-` + kind + `>` + template.HTMLEscapeString(text) + `</time>`)
}

// kindWords are those that the name alone does not say well.
var kindWords = map[gatehouse.Kind]string{
	gatehouse.TokenReused:         "Spent refresh token used",
	gatehouse.TokenRefreshed:      "Session refreshed",
	gatehouse.LoggedOut:           "Logged out",
	gatehouse.LoggedOutEverywhere: "Logged out everywhere",
	gatehouse.LoginDisowned:       "Login disowned (“this was not me”)",
	gatehouse.DeviceEnded:         "Device signed out",
	gatehouse.IPAddressBlocked:    "Address blocked",
	gatehouse.IPAddressUnblocked:  "Block lifted",
	gatehouse.MultipleDeviceLogin: "Login on many devices",
	gatehouse.RapidTokenRefresh:   "Rapid session refresh",
}

// Kind writes a type of event or finding in words: "Brute force detected".
func Kind(k gatehouse.Kind) string {
	if words := kindWords[k]; words != "" {
		return words
	}
	return capital(strings.ReplaceAll(strings.ReplaceAll(string(k), "_", " "), " ip ", " IP "))
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
