package dashboard

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/rules"
)

func (s *Server) ruleRoutes() []route {
	return []route{
		{"GET /rules", accounts.Viewer, s.rulesPage},
		{"POST /rules/{name}/shadow", accounts.Administrator, s.shadow},
	}
}

// Over which days the page looks at how near traffic comes to a rule, and how often
// a rule has fired.
const (
	nearDays  = 7
	firedDays = 30
)

// rulebook is the page of the rules.
type rulebook struct {
	Cards    []ruleCard
	Days     int // that the distributions are of
	Off      bool
	Switched []gatehouse.Record // the last times that a rule was put in the shadow or back
}

// ruleCard is what the page says about one rule.
type ruleCard struct {
	rules.Rule
	About   string // what it looks for
	Counted string // what is counted together, for what
	Done    []string
	BuiltIn string // what of it is not as it was built in, and how that is; empty: all of it is
	File    string // the rule as a rule file has it; empty: it cannot be said there
	Fired   firings
	Near    *nearness // nil: it counts nothing
	Seen    patterns
}

// firings are how many attacks a rule has found up to now: in force, and in the
// shadow.
type firings struct {
	Day, Week, Month                   int
	ShadowDay, ShadowWeek, ShadowMonth int
	Daily                              []int // of both, the oldest day first
	Most                               int   // of these
}

func (s *Server) rulesPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	set := s.Guard.Rules()
	book := rulebook{Days: nearDays, Off: true}
	fired, err := s.firings(r.Context(), set)
	if err != nil {
		return err
	}
	near, err := s.nearness(r.Context(), set)
	if err != nil {
		return err
	}
	files := inFile(set)
	for _, rule := range set.All() {
		book.Off = book.Off && !rule.Enabled
		card := ruleCard{
			Rule: *rule, About: lookedFor[rule.Name], Counted: countedBy(*rule), Done: responsesOf(*rule),
			BuiltIn: changedFrom(*rule), File: files[rule.Name], Fired: fired[rule.Name], Near: near[rule.Name],
		}
		if rule.Immediate() {
			if card.Seen, err = s.patterns(r.Context(), *rule); err != nil {
				return err
			}
		}
		book.Cards = append(book.Cards, card)
	}
	for r, err := range s.Log.Query(r.Context(), gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.RuleModeChanged}, Limit: 5}) {
		if err != nil {
			return err
		}
		book.Switched = append(book.Switched, r)
	}
	return s.show(w, r, v, http.StatusOK, "rules", page{Title: "Rules", Section: "/rules", Data: book})
}

// shadow puts a rule in the shadow, or back in force.
func (s *Server) shadow(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	name, want := r.PathValue("name"), r.PostForm.Get("shadow")
	set := s.Guard.Rules()
	rule := set.Rule(name)
	switch {
	case rule == nil:
		return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "There is no such rule."}
	case want != "on" && want != "off":
		return unprocessable("Say whether the rule goes into the shadow: shadow is on or off.")
	}
	if err := s.SetShadow(r.Context(), name, want == "on", v.user.Account); err != nil {
		return err
	}
	return back(w, r, "/rules", "shadow-"+want)
}

// lookedFor says in plain words what the rules look for.
var lookedFor = map[string]string{
	rules.BruteForce:          "Somebody guesses passwords: wrong ones for one account from one address, in a short time. A guess is counted before the password is looked at, so that no number of parallel guesses gets past the limit.",
	rules.MultipleDevices:     "One person signs in on several devices in a short time. The account may be shared, or its password may have got around.",
	rules.RapidTokenRefresh:   "One session asks for new access tokens more often than an app has reason to: a program in a loop, or somebody with a stolen token.",
	rules.BotActivity:         "Requests from one address to one endpoint come faster than people make them.",
	rules.RapidSignup:         "Signups come from one address faster than people sign up. At the signup endpoint it stands in for bot activity.",
	rules.GeographicAnomaly:   "Somebody signs in at a place that they cannot have reached since their last login, or in a country in which they were never seen.",
	rules.AccountTakeover:     "A geographic anomaly on a device that is new as well: somebody else may have the password.",
	rules.SuspiciousUserAgent: "Logins and signups by bots, attack tools and scripts, by what they call themselves.",
}

// keyNames are what Rule.KeyedBy means.
var keyNames = map[string]string{
	"account+ip":  "for each account and address",
	"user":        "for each user",
	"user+token":  "for each session",
	"ip+endpoint": "for each address and endpoint",
	"ip":          "for each address",
	"request":     "for each request",
}

// countedBy says what a rule counts, and what of it together.
func countedBy(r rules.Rule) string {
	key := keyNames[r.KeyedBy]
	if key == "" {
		key = "by " + r.KeyedBy
	}
	if r.Immediate() {
		return "Judges at once, " + key
	}
	return words(nouns[r.Name][1]) + ", counted " + key
}

// responsesOf says what is done when a rule fires.
func responsesOf(r rules.Rule) []string {
	done := []string{"written down"}
	if r.Respond.Alert {
		done = append(done, "people are told")
	}
	if r.Respond.RateLimit {
		done = append(done, "what exceeds the limit is refused")
	}
	if r.Respond.BlockIP > 0 {
		done = append(done, "the address is blocked for "+web.Duration(r.Respond.BlockIP))
	}
	return done
}

// changedFrom says how a rule is built in, where it is another than that. Whether it
// is in the shadow is left out: that changes as the server runs.
func changedFrom(r rules.Rule) string {
	builtin := rules.Default()
	b := *builtin.Rule(r.Name)
	r.Shadow = b.Shadow
	if r == b {
		return ""
	}
	var is []string
	if r.Limit != b.Limit {
		is = append(is, limitOf(b))
	}
	if r.Severity != b.Severity {
		is = append(is, "severity "+b.Severity.String())
	}
	if r.Respond != b.Respond {
		is = append(is, strings.Join(responsesOf(b), ", "))
	}
	if r.Enabled != b.Enabled {
		is = append(is, map[bool]string{true: "switched on", false: "switched off"}[b.Enabled])
	}
	return strings.Join(is, "; ")
}

// limitOf writes a rule's limit for people.
func limitOf(r rules.Rule) string {
	return web.Plural(r.Limit.Threshold, nouns[r.Name][0], nouns[r.Name][1]) + " within " + web.Duration(r.Limit.Window)
}

// inFile returns each rule as a rule file has it.
func inFile(set rules.Set) map[string]string {
	text, err := rules.Format(set)
	if err != nil { // it holds what no file can say
		return nil
	}
	files := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		files[name] = strings.TrimSpace(line)
	}
	return files
}

// firings counts what each rule has found, to the hour.
func (s *Server) firings(ctx context.Context, set rules.Set) (map[string]firings, error) {
	const day = 24 * time.Hour
	end := s.Now().UTC().Truncate(time.Hour).Add(time.Hour)
	begin := end.Add(-firedDays * day)
	type of struct {
		rule   string
		shadow bool
	}
	meaning := map[string]of{}
	var names []string
	fired := map[string]firings{}
	for _, r := range set.All() {
		meaning[logstats.OfRule(r.Name)] = of{r.Name, false}
		meaning[logstats.OfShadow(r.Name)] = of{r.Name, true}
		names = append(names, logstats.OfRule(r.Name), logstats.OfShadow(r.Name))
		fired[r.Name] = firings{Daily: make([]int, firedDays)}
	}
	counts, err := s.Stats.Counts(ctx, logstats.Query{Names: names, Since: begin, Until: end, Step: time.Hour, Worldwide: true})
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		m := meaning[c.Name]
		f := fired[m.rule]
		month, week, today := &f.Month, &f.Week, &f.Day
		if m.shadow {
			month, week, today = &f.ShadowMonth, &f.ShadowWeek, &f.ShadowDay
		}
		*month += c.N
		if !c.Slot.Before(end.Add(-7 * day)) {
			*week += c.N
		}
		if !c.Slot.Before(end.Add(-day)) {
			*today += c.N
		}
		f.Daily[min(c.Slot.Sub(begin)/day, firedDays-1)] += c.N
		f.Most = slices.Max(f.Daily)
		fired[m.rule] = f
	}
	return fired, nil
}
