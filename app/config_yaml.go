package app

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxstudio/gatehouse/rules"
)

// masked is shown in the place of a secret. It is not accepted as one.
const masked = "(masked)"

// YAML returns the settings as a file that Load reads back as the same, but for
// secrets, which are masked; the rules in full and without the rules file that
// they may come from. It returns
// an error for rules that a file may not say.
func (c Config) YAML() ([]byte, error) {
	set, err := rules.Format(c.Rules)
	if err != nil {
		return nil, err
	}
	c.RulesFile = "" // what it says is under rules:
	var b strings.Builder
	section := ""
	for _, s := range sorted(settings()) {
		name, key, nested := strings.Cut(s.key, ".")
		if !nested {
			fmt.Fprintf(&b, "%s: %s\n", name, s.written(&c))
			continue
		}
		if name != section {
			fmt.Fprintf(&b, "%s:\n", name)
			section = name
		}
		fmt.Fprintf(&b, "  %s: %s\n", key, s.written(&c))
	}
	c.GeoIP.write(&b) // the section is open: geoip is the last one
	c.Alerts.write(&b)
	b.WriteString("rules:\n")
	for line := range strings.Lines(string(set)) {
		b.WriteString("  " + line)
	}
	return []byte(b.String()), nil
}

// sorted puts what belongs to no section first, and keeps the order otherwise.
func sorted(list []setting) []setting {
	slices.SortStableFunc(list, func(a, b setting) int {
		nested := func(s setting) int { return min(1, strings.Count(s.key, ".")) }
		return cmp.Compare(nested(a), nested(b))
	})
	return list
}

func (s setting) written(c *Config) string {
	text := s.get(c)
	if s.secret && text != "" {
		return strconv.Quote(masked)
	}
	if !s.list {
		return scalar(text)
	}
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item != "" {
			items = append(items, scalar(item))
		}
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func (c GeoIPConfig) write(b *strings.Builder) {
	if len(c.Networks) == 0 {
		return
	}
	b.WriteString("  networks:\n")
	for _, prefix := range slices.SortedFunc(maps.Keys(c.Networks), netip.Prefix.Compare) {
		n := c.Networks[prefix]
		fmt.Fprintf(b, "    %s: {country: %s", scalar(prefix.String()), scalar(n.Country))
		if n.City != "" {
			fmt.Fprintf(b, ", city: %s", scalar(n.City))
		}
		if n.Located {
			fmt.Fprintf(b, ", lat: %s, lon: %s", float(n.Lat), float(n.Lon))
		}
		b.WriteString("}\n")
	}
}

func float(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// plainScalar is what YAML takes without quotes for sure. Country codes such as
// NO are words in YAML 1.2 but not in 1.1, so such words are quoted.
var plainScalar = regexp.MustCompile(`^([A-Za-z/][A-Za-z0-9_./-]*|[0-9][A-Za-z0-9_.:/-]*)$`)

var notPlain = regexp.MustCompile(`(?i)^(null|true|false|yes|no|on|off|y|n)$`)

func scalar(s string) string {
	if s == "true" || s == "false" || plainScalar.MatchString(s) && !notPlain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
