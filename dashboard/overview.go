package dashboard

import (
	"context"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/logstats"
)

func (s *Server) overviewRoutes() []route {
	return []route{
		{"GET /{$}", accounts.Viewer, s.overview},
		{"GET /overview/figures", accounts.Viewer, s.figures},
	}
}

// span is a stretch of time up to now that a page looks at.
type span struct {
	Value, Name string
	length      time.Duration
	step        time.Duration // of a timeline
}

var spans = []span{
	{"24h", "24 hours", 24 * time.Hour, 30 * time.Minute},
	{"7d", "7 days", 7 * 24 * time.Hour, 3 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour, 12 * time.Hour},
}

// spanOf returns the span that a request asks for; the first if it asks for none
// that there is.
func spanOf(r *http.Request) span {
	for _, s := range spans {
		if s.Value == r.URL.Query().Get("span") {
			return s
		}
	}
	return spans[0]
}

type overview struct {
	figures
	Findings []gatehouse.Record // the newest of each, newest first
	Rules    []string
}

// figures are what the page shows in numbers, and loads again by itself.
type figures struct {
	Span     span
	Spans    []span
	Counters []counter
	Timeline []moment
	Targets  logstats.Targets
	Health   Health
}

// counter is a number, and what it was in the span before.
type counter struct {
	Name        string
	Now, Before int
	Bad         bool // more of it is worse
}

// moment is a step of a timeline.
type moment struct {
	Time                                time.Time
	Logins, Failures, Refused, Findings int
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request, v visitor) error {
	f, err := s.figuresOf(r.Context(), spanOf(r))
	if err != nil {
		return err
	}
	o := overview{figures: f}
	if o.Findings, err = s.newest(r.Context(), gatehouse.Query{Kinds: alarming, Limit: 100}, 30); err != nil {
		return err
	}
	set := s.Guard.Rules()
	for _, rule := range set.All() {
		o.Rules = append(o.Rules, rule.Name)
	}
	return s.show(w, r, v, http.StatusOK, "overview", page{Title: "Overview", Section: "/", Data: o})
}

// figures is the part of the overview that is loaded again as it goes.
func (s *Server) figures(w http.ResponseWriter, r *http.Request, v visitor) error {
	f, err := s.figuresOf(r.Context(), spanOf(r))
	if err != nil {
		return err
	}
	return s.pages.RenderPart(w, http.StatusOK, "overview", "figures", page{Data: overview{figures: f}})
}

// alarming are the kinds of records that findings have, and the events that are
// as good as one.
var alarming = []gatehouse.Kind{
	gatehouse.BruteForceDetected, gatehouse.MultipleDeviceLogin, gatehouse.RapidTokenRefresh, gatehouse.BotActivityDetected,
	gatehouse.GeographicAnomaly, gatehouse.AccountTakeoverAttempt, gatehouse.SuspiciousActivity, gatehouse.TokenReused, gatehouse.LoginDisowned,
}

// newest returns the newest record of each finding that a query selects, at most
// so many.
func (s *Server) newest(ctx context.Context, q gatehouse.Query, most int) ([]gatehouse.Record, error) {
	var found []gatehouse.Record
	seen := map[string]bool{}
	for r, err := range s.Log.Query(ctx, q) {
		if err != nil {
			return nil, err
		}
		if id := subjectID(&r); !seen[id] {
			seen[id] = true
			if found = append(found, r); len(found) == most {
				break
			}
		}
	}
	return found, nil
}

// group is what is counted together; the names are those of logstats.Of.
type group struct {
	name  string
	of    []string
	bad   bool               // more of it is worse
	shown func(*moment) *int // in the timeline; nil: not there
}

// groups are the counters of the overview.
func (s *Server) groups() []group {
	kinds := func(list ...gatehouse.Kind) (names []string) {
		for _, k := range list {
			names = append(names, string(k))
		}
		return names
	}
	alarms := kinds(gatehouse.TokenReused, gatehouse.LoginDisowned)
	set := s.Guard.Rules()
	for _, r := range set.All() {
		alarms = append(alarms, logstats.OfRule(r.Name), logstats.OfShadow(r.Name))
	}
	return []group{
		{"Logins", kinds(gatehouse.LoginSucceeded), false, func(m *moment) *int { return &m.Logins }},
		{"Failed logins", kinds(gatehouse.LoginFailed), true, func(m *moment) *int { return &m.Failures }},
		{"Refused", kinds(gatehouse.LoginRefused, gatehouse.SignupRefused, gatehouse.TokenRefreshRefused, gatehouse.PasswordChangeRefused,
			gatehouse.PasswordResetRefused, gatehouse.RequestRefused), true, func(m *moment) *int { return &m.Refused }},
		{"Findings", alarms, true, func(m *moment) *int { return &m.Findings }},
		{"Blocks placed", kinds(gatehouse.IPAddressBlocked), true, nil},
		{"Signups", kinds(gatehouse.SignupSucceeded), false, nil},
	}
}

func (s *Server) figuresOf(ctx context.Context, sp span) (figures, error) {
	f := figures{Span: sp, Spans: spans, Health: s.Health()}
	end := s.Now().UTC().Truncate(sp.step).Add(sp.step)
	begin := end.Add(-sp.length)
	for at := begin; at.Before(end); at = at.Add(sp.step) {
		f.Timeline = append(f.Timeline, moment{Time: at})
	}
	groups := s.groups()
	f.Counters = make([]counter, len(groups))
	of := map[string]int{} // the group of each name
	var names []string
	for i, g := range groups {
		f.Counters[i] = counter{Name: g.name, Bad: g.bad}
		for _, name := range g.of {
			of[name] = i
		}
		names = append(names, g.of...)
	}
	counts, err := s.Stats.Counts(ctx, logstats.Query{Names: names, Since: begin.Add(-sp.length), Until: end, Step: sp.step, Worldwide: true})
	if err != nil {
		return f, err
	}
	for _, c := range counts {
		i := of[c.Name]
		if c.Slot.Before(begin) {
			f.Counters[i].Before += c.N
			continue
		}
		f.Counters[i].Now += c.N
		if shown := groups[i].shown; shown != nil {
			*shown(&f.Timeline[c.Slot.Sub(begin)/sp.step]) += c.N
		}
	}
	f.Targets, err = s.Stats.Targets(ctx, begin, end, 8)
	return f, err
}

// feedItem is an item of the list of findings, for the live feed.
func (s *Server) feedItem(r *gatehouse.Record) ([]byte, error) {
	return s.pages.Part("overview", "finding", *r)
}
