package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/logstats"
)

func (s *Server) findingsRoutes() []route {
	return []route{
		{"GET /findings", accounts.Viewer, s.findings},
		{"GET /findings/{id}", accounts.Viewer, s.finding},
	}
}

// How much of the log one page of findings is made of.
const (
	findingsShown = 30
	findingsRead  = 1000 // records that are looked at for a page, whatever is filtered
)

// findingSpans are the spans that findings can be looked at.
var findingSpans = append(spans[:len(spans):len(spans)], span{Value: "all", Name: "All"})

type findings struct {
	Span           span
	Spans          []span
	Severity, Rule string
	Severities     []string
	Rules          []ruleChoice
	Findings       []gatehouse.Record
	Older, First   string // addresses of other pages
	Total          int    // findings of the span, whatever the filter
	Partial        bool   // more would have had to be looked at to fill the page
}

// ruleChoice is a rule to filter by, or an event that is as good as a finding.
type ruleChoice struct {
	Value, Name string
	N           int // how many findings
	event       bool
}

// Link is the page with another span.
func (f findings) Link(span string) string { return f.path(span, "") }

func (f findings) path(span, after string) string {
	q := url.Values{"span": {span}}
	for name, value := range map[string]string{"severity": f.Severity, "rule": f.Rule, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/findings?" + q.Encode()
}

func (s *Server) findings(w http.ResponseWriter, r *http.Request, v visitor) error {
	f, q, err := s.findingsAsked(r.URL.Query())
	if err != nil {
		return err
	}
	if err := s.countRules(r.Context(), &f, q.Since); err != nil {
		return err
	}
	last, err := s.findingsOf(r.Context(), &f, q)
	if err != nil {
		return err
	}
	if err := s.nameAccounts(r.Context(), f.Findings); err != nil {
		return err
	}
	if last != "" {
		f.Older = f.path(f.Span.Value, last)
	}
	if q.After != "" {
		f.First = f.path(f.Span.Value, "")
	}
	return s.show(w, r, v, http.StatusOK, "findings", page{Title: "Findings", Section: "/findings", Data: f})
}

// findingsAsked reads what is asked for.
func (s *Server) findingsAsked(form url.Values) (findings, gatehouse.Query, error) {
	f := findings{Span: findingSpans[1], Spans: findingSpans, Severities: gatehouse.Severities(), Severity: form.Get("severity"), Rule: form.Get("rule")}
	q := gatehouse.Query{Kinds: alarming, After: form.Get("after"), Limit: findingsRead}
	if f.Severity != "" {
		if _, err := gatehouse.ParseSeverity(f.Severity); err != nil {
			return f, q, unprocessable("The severities are " + strings.Join(f.Severities, ", ") + ".")
		}
	}
	if value := form.Get("span"); value != "" {
		found := false
		for _, sp := range findingSpans {
			if sp.Value == value {
				f.Span, found = sp, true
			}
		}
		if !found {
			return f, q, unprocessable("The spans are 24h, 7d, 30d and all.")
		}
	}
	if f.Span.length > 0 {
		q.Since = s.Now().Add(-f.Span.length)
	}
	set := s.Guard.Rules()
	for _, rule := range set.All() {
		f.Rules = append(f.Rules, ruleChoice{Value: rule.Name, Name: ruleName(rule.Name)})
		if rule.Name == f.Rule {
			q.Kinds = []gatehouse.Kind{rule.Kind}
		}
	}
	for _, kind := range []gatehouse.Kind{gatehouse.TokenReused, gatehouse.LoginDisowned} {
		f.Rules = append(f.Rules, ruleChoice{Value: string(kind), Name: title(kind), event: true})
		if string(kind) == f.Rule {
			q.Kinds = []gatehouse.Kind{kind}
		}
	}
	if f.Rule != "" && len(q.Kinds) > 1 {
		return f, q, unprocessable("There is no such rule.")
	}
	return f, q, nil
}

// countRules tells how many findings each rule has.
func (s *Server) countRules(ctx context.Context, f *findings, since time.Time) error {
	of := map[string]*ruleChoice{}
	var names []string
	for i := range f.Rules {
		c := &f.Rules[i]
		counted := []string{logstats.OfRule(c.Value), logstats.OfShadow(c.Value)}
		if c.event {
			counted = []string{logstats.OfKind(gatehouse.Kind(c.Value))}
		}
		for _, name := range counted {
			of[name] = c
		}
		names = append(names, counted...)
	}
	counts, err := s.Stats.Counts(ctx, logstats.Query{Names: names, Since: since, Step: 24 * time.Hour, Worldwide: true})
	for _, c := range counts {
		of[c.Name].N += c.N
		f.Total += c.N
	}
	return err
}

// findingsOf fills a page with the newest record of each finding, and returns the
// record after which the next page begins, if there is one. A finding whose newest
// record is on an earlier page is not shown again.
func (s *Server) findingsOf(ctx context.Context, f *findings, q gatehouse.Query) (last string, err error) {
	seen := map[string]bool{}
	read := 0
	for r, err := range s.Log.Query(ctx, q) {
		if err != nil {
			return "", err
		}
		if len(f.Findings) == findingsShown {
			return last, nil
		}
		last = r.ID
		if read++; read == q.Limit {
			f.Partial = true
		}
		id := subjectID(&r)
		if seen[id] || f.Severity != "" && r.Severity.String() != f.Severity || r.Finding != nil && f.Rule != "" && r.Finding.Rule != f.Rule {
			continue
		}
		seen[id] = true
		if q.After != "" && r.Finding != nil {
			newest, err := collect(s.Log.Query(ctx, gatehouse.Query{Finding: id, Limit: 1}))
			if err != nil {
				return "", err
			}
			if len(newest) > 0 && newest[0].ID != r.ID {
				continue
			}
		}
		f.Findings = append(f.Findings, r)
	}
	if read < q.Limit {
		last = "" // that was all
	}
	return last, nil
}
