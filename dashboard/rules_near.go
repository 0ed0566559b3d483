package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/rules"
)

// nearness is how near the counters of a rule have come to its limit.
type nearness struct {
	Total    int // how often was counted
	Bins     []bin
	Sentence string
	Lower    []lowerLimit
}

// bin is some of the counts that a counter can stand at.
type bin struct {
	Name  string // the counts: 3, or 5 to 9
	N     int    // how often a counter stood there
	Limit bool   // they are the limit
}

// lowerLimit is a limit that would have been reached more often.
type lowerLimit struct{ Limit, N int }

// nearness reads how near each rule that counts was come to.
func (s *Server) nearness(ctx context.Context, set rules.Set) (map[string]*nearness, error) {
	type place struct {
		rule   string
		tenths int
	}
	meaning := map[string]place{}
	var names []string
	bins := map[string]*[logstats.Tenths + 1]int{}
	for _, r := range set.All() {
		if r.Immediate() {
			continue
		}
		bins[r.Name] = new([logstats.Tenths + 1]int)
		for tenths := range logstats.Tenths + 1 {
			name := logstats.OfNear(r.Name, tenths)
			names = append(names, name)
			meaning[name] = place{r.Name, tenths}
		}
	}
	since := s.Now().Add(-nearDays * 24 * time.Hour)
	counts, err := s.Stats.Counts(ctx, logstats.Query{Names: names, Since: since, Step: 24 * time.Hour, Worldwide: true})
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		p := meaning[c.Name]
		bins[p.rule][p.tenths] += c.N
	}
	near := map[string]*nearness{}
	for _, r := range set.All() {
		if b := bins[r.Name]; b != nil {
			near[r.Name] = spread(*r, *b)
		}
	}
	return near, nil
}

// spread puts what was counted in tenths of a limit into words.
func spread(r rules.Rule, tenths [logstats.Tenths + 1]int) *nearness {
	n, limit := &nearness{}, r.Limit.Threshold
	below := 0 // half of the limit
	for i, held := range tenths {
		n.Total += held
		if i < logstats.Tenths/2 {
			below += held
		}
		// The counts that fall into it: those of which ten times is at least i limits.
		first, last := (i*limit+logstats.Tenths-1)/logstats.Tenths, ((i+1)*limit+logstats.Tenths-1)/logstats.Tenths-1
		first = max(first, 1)
		b := bin{N: held, Limit: i == logstats.Tenths}
		switch {
		case b.Limit:
			b.Name = fmt.Sprint(limit)
		case first == last:
			b.Name = fmt.Sprint(first)
		case first < last:
			b.Name = fmt.Sprintf("%d to %d", first, last)
		case held == 0:
			continue // no counter can stand there
		default:
			b.Name = fmt.Sprintf("about %d %%", i*10) // counted while the limit was another one
		}
		n.Bins = append(n.Bins, b)
		if !b.Limit && first <= last && first > 1 && i >= logstats.Tenths/2 {
			n.Lower = append(n.Lower, lowerLimit{first, held})
		}
	}
	n.Sentence = nearWords(r, tenths, n.Total, below)
	return n
}

// nearWords says how far from its limit a rule is.
func nearWords(r rules.Rule, tenths [logstats.Tenths + 1]int, total, below int) string {
	if total == 0 {
		return ""
	}
	limit := r.Limit.Threshold
	var parts []string
	if limit > 2 {
		parts = append(parts, fmt.Sprintf("%s of %s stayed below half of the limit", share(below, total), web.Plural(total, "counted "+nouns[r.Name][0], "counted "+nouns[r.Name][1])))
	} else {
		parts = append(parts, web.Plural(total, nouns[r.Name][0]+" was", nouns[r.Name][1]+" were")+" counted")
	}
	if limit > 1 {
		within := "a tenth of it"
		if limit <= logstats.Tenths {
			within = "one of it"
		}
		last := (limit - 1) * logstats.Tenths / limit
		if limit > logstats.Tenths {
			last = logstats.Tenths - 1
		}
		parts = append(parts, fmt.Sprintf("%s came within %s", web.Number(tenths[last]), within))
	}
	parts = append(parts, fmt.Sprintf("%s reached it", web.Number(tenths[logstats.Tenths])))
	return strings.Join(parts, "; ") + "."
}

// share writes a part of a whole, rounded down: all is all, and nearly all is less.
func share(part, whole int) string {
	if part == whole {
		return "all"
	}
	tenths := int(1000 * float64(part) / float64(whole))
	return fmt.Sprintf("%d.%d\u202f%%", min(tenths, 999)/10, min(tenths, 999)%10)
}

// patterns are what a rule that judges at once has seen most.
type patterns struct {
	Most  []pattern
	Count int // of the findings that were looked at, the newest
}

type pattern struct {
	Name string
	N    int
}

// At how many records is looked, and how many patterns are told.
const (
	patternsLooked = 300
	patternsTold   = 6
)

// patterns looks at what a rule found lately.
func (s *Server) patterns(ctx context.Context, rule rules.Rule) (patterns, error) {
	var p patterns
	counts := map[string]int{}
	found, err := s.newest(ctx, gatehouse.Query{Kinds: []gatehouse.Kind{rule.Kind}, Limit: patternsLooked}, patternsLooked)
	if err != nil {
		return p, err
	}
	for _, r := range found {
		if r.Finding == nil || r.Finding.Rule != rule.Name {
			continue
		}
		p.Count++
		counts[patternOf(r.Finding.Evidence)]++
	}
	for name, n := range counts {
		p.Most = append(p.Most, pattern{name, n})
	}
	slices.SortFunc(p.Most, func(a, b pattern) int {
		if a.N != b.N {
			return b.N - a.N
		}
		return strings.Compare(a.Name, b.Name)
	})
	p.Most = p.Most[:min(len(p.Most), patternsTold)]
	return p, nil
}

// patternOf names what is alike in findings.
func patternOf(e gatehouse.Evidence) string {
	var parts []string
	if t := e.Travel; t != nil {
		parts = append(parts, "from "+country(t.From.Place)+" to "+country(t.To.Place))
		if t.Impossible {
			parts = append(parts, "too fast to be travelled")
		}
	}
	if len(e.Signs) > 0 {
		parts = append(parts, strings.ReplaceAll(strings.Join(e.Signs, ", "), "_", " "))
	}
	if e.Pattern != "" {
		parts = append(parts, e.Pattern)
	}
	if len(parts) == 0 {
		return "no pattern of its own"
	}
	return strings.Join(parts, "; ")
}

// country names the country of a place.
func country(p gatehouse.Place) string { return web.Place(gatehouse.Place{Country: p.Country}) }
