package agent

import (
	"cmp"
	_ "embed" // for the lists
	"fmt"
	"slices"
	"strings"
)

// The lists. Each line has four fields between tabs: the category; "all" for a
// text that gives a machine away wherever it stands, or "tool" for one that
// could be a word in a browser's agent and so counts only outside of those, or
// "else" for one that counts if nothing else of its category does; the text in
// lower case, after "^" only at the beginning and before "$" only at the end; the
// name.
var (
	//go:embed data/tools.tsv
	toolList string
	//go:embed data/crawlers.tsv
	crawlerList string
)

// categories are in rising order of what is told when several match.
var categories = [...]string{Crawler, Script, Headless, Scanner}

// rule is one line of a list.
type rule struct {
	text, name string
	category   int  // an index of categories
	start, end bool // only there
	tool       bool // not in a browser's agent
	last       bool // if nothing else
}

// compare orders rules by what is told when several match: the worse category,
// the more telling text. Between equals the order of the lists stays.
func (r rule) compare(other rule) int {
	return cmp.Or(
		cmp.Compare(other.category, r.category),
		cmp.Compare(rank(r.last), rank(other.last)),
		cmp.Compare(len(other.text), len(r.text)),
	)
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// builtin returns the rules of both lists in the order of compare. It panics if
// one has a bad line, which any test of this package shows.
func builtin() []rule {
	var rules []rule
	for _, list := range []string{toolList, crawlerList} {
		for line := range strings.Lines(list) {
			if line[0] == '#' {
				continue
			}
			r, err := parseRule(strings.TrimSuffix(line, "\n"))
			if err != nil {
				panic(err)
			}
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, rule.compare)
	return rules
}

func parseRule(line string) (rule, error) {
	f := strings.Split(line, "\t")
	if len(f) != 4 || f[3] == "" || !slices.Contains([]string{"all", "tool", "else"}, f[1]) {
		return rule{}, fmt.Errorf("agent: bad line %q", line)
	}
	c := slices.Index(categories[:], f[0])
	r := rule{name: f[3], category: c, tool: f[1] == "tool", last: f[1] == "else"}
	r.text, r.start = strings.CutPrefix(f[2], "^")
	r.text, r.end = strings.CutSuffix(r.text, "$")
	if c < 0 || len(r.text) < gram || strings.ToLower(r.text) != r.text {
		return rule{}, fmt.Errorf("agent: bad line %q", line)
	}
	return r, nil
}
