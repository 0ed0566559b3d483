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
		{"GET /overview/counters", accounts.Viewer, s.counters},
		{"GET /overview/state", accounts.Viewer, s.state},
	}
}

// span is a stretch of time up to now that a page looks at.
type span struct {
	Value, Name string
	length      time.Duration
	Step        time.Duration // of a timeline
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
	Bad         bool   // more of it is worse
	Link        string // to what was counted; may be empty
}

// moment is a step of a timeline.
type moment struct {
	Time                                time.Time
	Logins, Failures, Refused, Findings int
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request, v visitor) error {
	sp := spanOf(r)
	f, err := s.figuresOf(r.Context(), sp)
	if err != nil {
		return err
	}
	f.Health = s.Health()
	if f.Targets, err = s.targets(r.Context(), sp); err != nil {
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

// counters and state are the parts of the overview that are loaded again as it goes.

func (s *Server) counters(w http.ResponseWriter, r *http.Request, _ visitor) error {
	f, err := s.figuresOf(r.Context(), spanOf(r))
	if err != nil {
		return err
	}
	return s.pages.RenderPart(w, http.StatusOK, "overview", "counters", f)
}

func (s *Server) state(w http.ResponseWriter, r *http.Request, _ visitor) error {
	f := figures{Health: s.Health()}
	var err error
	if f.Targets, err = s.targets(r.Context(), spanOf(r)); err != nil {
		return err
	}
	return s.pages.RenderPart(w, http.StatusOK, "overview", "state", f)
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
	return found, s.nameAccounts(ctx, found)
}

// group is what is counted together; the names are those of logstats.Of.
type group struct {
	name  string
	of    []string
	bad   bool               // more of it is worse
	shown func(*moment) *int // in the timeline; nil: not there
	link  string             // to the records
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
		{"Logins", kinds(gatehouse.LoginSucceeded), false, func(m *moment) *int { return &m.Logins }, "/log?kind=login_succeeded"},
		{"Failed logins", kinds(gatehouse.LoginFailed), true, func(m *moment) *int { return &m.Failures }, "/failures"},
		{"Refused", kinds(gatehouse.LoginRefused, gatehouse.SignupRefused, gatehouse.TokenRefreshRefused, gatehouse.PasswordChangeRefused,
			gatehouse.PasswordResetRefused, gatehouse.RequestRefused), true, func(m *moment) *int { return &m.Refused }, "/log?kind=login_refused"},
		{"Findings", alarms, true, func(m *moment) *int { return &m.Findings }, "/findings"},
		{"Blocks placed", kinds(gatehouse.IPAddressBlocked), true, nil, "/blocks"},
		{"Signups", kinds(gatehouse.SignupSucceeded), false, nil, "/log?kind=signup_succeeded"},
	}
}

func (s *Server) figuresOf(ctx context.Context, sp span) (figures, error) {
	f := figures{Span: sp, Spans: spans}
	begin, end := s.bounds(sp)
	for at := begin; at.Before(end); at = at.Add(sp.Step) {
		f.Timeline = append(f.Timeline, moment{Time: at})
	}
	groups := s.groups()
	f.Counters = make([]counter, len(groups))
	of := map[string]int{} // the group of each name
	var names []string
	for i, g := range groups {
		f.Counters[i] = counter{Name: g.name, Bad: g.bad, Link: g.link}
		for _, name := range g.of {
			of[name] = i
		}
		names = append(names, g.of...)
	}
	counts, err := s.Stats.Counts(ctx, logstats.Query{Names: names, Since: begin.Add(-sp.length), Until: end, Step: sp.Step, Worldwide: true})
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
			*shown(&f.Timeline[c.Slot.Sub(begin)/sp.Step]) += c.N
		}
	}
	return f, nil
}

// bounds are the instants between which a span lies: whole steps, the last of which
// goes on.
func (s *Server) bounds(sp span) (begin, end time.Time) {
	end = s.Now().UTC().Truncate(sp.Step).Add(sp.Step)
	return end.Add(-sp.length), end
}

func (s *Server) targets(ctx context.Context, sp span) (logstats.Targets, error) {
	begin, end := s.bounds(sp)
	return s.Stats.Targets(ctx, begin, end, 8)
}

// feedItem is an item of the list of findings, for the live feed.
func (s *Server) feedItem(r *gatehouse.Record) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	item := []gatehouse.Record{*r}
	if err := s.nameAccounts(ctx, item); err != nil {
		s.Logger.Warn("the live feed cannot name an account", "error", err) // and shows the finding all the same
	}
	return s.pages.Part("overview", "finding", item[0])
}
