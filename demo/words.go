package demo

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
	"github.com/fluxstudio/gatehouse/rules"
)

// indent is where the text of a finding begins.
const indent = "                    "

// What terminals understand (ECMA-48, SGR).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	yellow = "33"
)

func (f *feed) paint(style, s string) string {
	if !f.color {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (f *feed) severity(s gatehouse.Severity) string {
	text := fmt.Sprintf("%-8s", s)
	switch {
	case s >= gatehouse.High:
		return f.paint(red, text)
	case s == gatehouse.Warning:
		return f.paint(yellow, text)
	}
	return text
}

// shown is an instant as the feed and gatehouse log show it.
func shown(t time.Time) string { return t.Local().Format(time.TimeOnly) }

// subject is who a record is about, and from where.
func (f *feed) subject(r gatehouse.Record) string {
	var parts []string
	switch name := f.names[r.User]; {
	case r.Account != "" && r.Block == nil:
		parts = append(parts, gatehouse.CleanText(r.Account, 30))
	case name != "" && r.Block == nil:
		parts = append(parts, name)
	}
	if r.Block != nil {
		parts = append(parts, gatehouse.FormatPrefix(r.Block.Prefix))
	} else if r.IP.IsValid() {
		parts = append(parts, r.IP.String())
	}
	if r.Place.Known() {
		parts = append(parts, placeName(r.Place))
	}
	return strings.Join(parts, "  ")
}

func placeName(p gatehouse.Place) string {
	switch {
	case !p.Known():
		return "an unknown place"
	case p.City == "":
		return gatehouse.CleanText(p.Country, 10)
	}
	return gatehouse.CleanText(p.City, 30) + ", " + gatehouse.CleanText(p.Country, 10)
}

// nouns are what the rules count.
var nouns = map[string]string{
	rules.BruteForce:        "failed login",
	rules.MultipleDevices:   "device",
	rules.RapidTokenRefresh: "token refresh",
	rules.BotActivity:       "request",
	rules.RapidSignup:       "signup",
}

// receipt is what was counted against which limit, and what was done.
func receipt(r gatehouse.Record) []string {
	switch f := r.Finding; {
	case r.Kind == gatehouse.TokenReused:
		return []string{"a spent refresh token came back: thief and owner cannot be told apart, so the session was ended"}
	case r.Kind == gatehouse.IPAddressBlocked && r.Block != nil:
		return []string{fmt.Sprintf("until %s; undo: gatehouse blocks remove %s", until(r.Block.Until), gatehouse.FormatPrefix(r.Block.Prefix))}
	case r.Block != nil:
		return []string{"by " + gatehouse.CleanText(r.Block.By, 60)}
	case f == nil:
		return nil
	default:
		lines := append(evidence(f), done(f))
		if f.Count > 1 {
			lines[0] += fmt.Sprintf("; %d times so far", f.Count)
		}
		return lines
	}
}

func evidence(f *gatehouse.Finding) []string {
	e := &f.Evidence
	var lines []string
	switch {
	case e.Travel != nil:
		t := e.Travel
		lines = append(lines, fmt.Sprintf("from %s to %s, at least %.0f km in %s; %s", placeName(t.From.Place), placeName(t.To.Place),
			t.DistanceKm, lasting(t.To.Time.Sub(t.From.Time)), strings.ReplaceAll(strings.Join(e.Signs, ", "), "_", " ")))
	case f.Threshold == 0:
		lines = append(lines, fmt.Sprintf("recognised: %s; at %s", gatehouse.CleanText(e.Pattern, 60), gatehouse.CleanText(e.Endpoint, 60)))
	default:
		what := count(f.Observed, nouns[f.Rule])
		lines = append(lines, fmt.Sprintf("%s within %s, by %s; the limit is %d", what, lasting(f.Window), f.KeyedBy, f.Threshold))
	}
	for _, s := range e.Devices {
		lines = append(lines, fmt.Sprintf("- %s, %s, %s", gatehouse.CleanText(s.Device.Name, 40), s.IP, shown(s.Time)))
	}
	return lines
}

// done tells what was done about a finding.
func done(f *gatehouse.Finding) string {
	var parts []string
	for _, a := range f.Actions {
		switch {
		case a.Failure != "":
			parts = append(parts, a.Response+" failed: "+gatehouse.CleanText(a.Failure, 60))
		case a.Response == "log":
			parts = append(parts, "logged")
		case a.Response == "alert":
			parts = append(parts, "alert raised")
		case a.Response == "rate_limit":
			parts = append(parts, "further requests refused")
		case a.Response == "block_ip":
			parts = append(parts, fmt.Sprintf("%s blocked until %s", gatehouse.FormatPrefix(a.Target), until(a.Until)))
		default:
			parts = append(parts, gatehouse.CleanText(a.Response, 30))
		}
	}
	return strings.Join(parts, ", ")
}

func until(t time.Time) string {
	if t.IsZero() {
		return "it is lifted"
	}
	return shown(t)
}

func lasting(d time.Duration) string { return strictyaml.FormatDuration(d.Round(time.Second)) }

// count writes a number with its noun.
func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "sh"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// wrapped writes a text below a finding.
func (f *feed) wrapped(s string) {
	for _, line := range wrap(s, width-len(indent)) {
		f.text("%s%s", indent, line)
	}
}

// wrap breaks a text into lines of at most n columns, where it has spaces.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > n {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
