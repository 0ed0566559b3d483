package web

import (
	"errors"
	"fmt"
	"html/template"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

// Funcs returns what templates may call. What each makes is in its comment; now is
// the server's clock.
func Funcs(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		// For the page itself.
		"head":  head,      // {{head}}: what belongs into <head> besides the title
		"asset": assetPath, // {{asset "icon.svg"}}
		"icon":  icon,      // {{icon "shield"}}: an image that says nothing to a screen reader
		"dict":  dict,      // {{template "x" dict "Name" .A "Other" .B}}

		// Times: elements whose title has the exact time. app.js keeps them right.
		"time":  func(t time.Time) template.HTML { return timeElement(t, now(), Ago(t, now()), "relative") }, // 3 minutes ago
		"until": func(t time.Time) template.HTML { return timeElement(t, now(), Left(t, now()), "until") },   // 14 min 30 s left
		"exact": func(t time.Time) template.HTML { return timeElement(t, now(), Exact(t), "exact") },         // 2026-11-23 18:33:39 UTC
		"ago":   func(t time.Time) string { return Ago(t, now()) },                                           // the text alone
		"now":   now,

		// Words and numbers.
		"number":   Number,   // 1,234,567
		"compact":  Compact,  // 1.2 M
		"plural":   Plural,   // {{plural 3 "finding" "findings"}}: 3 findings
		"percent":  percent,  // {{percent 3 10}}: 30 %
		"duration": Duration, // 15 minutes
		"kind":     Kind,     // brute_force_detected: Brute force detected
		"severity": severity, // a badge, not by colour alone
		"place":    Place,    // Lisbon, Portugal
		"country":  country,  // PT: Portugal
		"device":   device,   // Firefox on Linux, or "unknown device"
		"addr":     addr,     // 192.0.2.7, or ""
		"prefix":   prefix,   // 192.0.2.0/24; a single address without a length
		"heat":     heat,     // {{heat 7 100}}: the class of a heat map's cell, h0 to h9
		"change":   change,   // {{change 12 10}}: an element that says how much more or less
		"short":    short,    // {{short .CorrelationID 8}}: the beginning of an identifier
		"spark":    spark,    // {{spark .Counts}}: a small line without axes
	}
}

func country(code string) string {
	if name := worldmap.Countries()[code]; name != "" {
		return name
	}
	return code
}

// Place writes where something was, for people: "Lisbon, Portugal".
func Place(p gatehouse.Place) string {
	switch {
	case p.City != "" && p.Country != "":
		return p.City + ", " + country(p.Country)
	case p.Country != "":
		return country(p.Country)
	case p.City != "":
		return p.City
	}
	return "unknown place"
}

func device(d gatehouse.Device) string {
	if d.Name == "" {
		return "unknown device"
	}
	return d.Name
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return gatehouse.FormatPrefix(p)
}

func severity(s gatehouse.Severity) template.HTML {
	name := s.String()
	if s > gatehouse.Critical {
		name = "critical"
	}
	return template.HTML(`<span class="badge badge--` + name + `">` + capital(name) + `</span>`)
}

// heat is linear on the square root, so that small counts can be told apart beside a
// large one. Nothing is h0, and anything at least h1.
func heat(n, most int) string {
	if n <= 0 || most <= 0 {
		return "h0"
	}
	for step := 1; step < 9; step++ { // n/most <= (step/9)²
		if float64(n)*81 <= float64(most)*float64(step*step) {
			return fmt.Sprintf("h%d", step)
		}
	}
	return "h9"
}

func change(now, before int) template.HTML {
	switch {
	case now == before:
		return `<span class="change">no change</span>`
	case before == 0:
		return template.HTML(`<span class="change change--up">` + string(icons()["trending-up"]) + `up from none</span>`)
	}
	class, image, word := "up", "trending-up", "up"
	by := 100 * (float64(now) - float64(before)) / float64(before)
	if by < 0 {
		class, image, word, by = "down", "trending-down", "down", -by
	}
	return template.HTML(fmt.Sprintf(`<span class="change change--%s">%s<span class="visually-hidden">%s </span>%s</span>`,
		class, icons()[image], word, percentText(by)))
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict needs pairs of a name and a value")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: the name %v is no string", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

func short(s string, runes int) string {
	n := 0
	for i := range s {
		if n++; n > runes {
			return s[:i] + "…"
		}
	}
	return s
}
