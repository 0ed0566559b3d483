package dashboard_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// example is a request that does something, if one may.
type example struct {
	needs accounts.Role // the least that may; Holder: anybody
	path  string
	form  url.Values
}

// subject is what a request is about.
type subject struct {
	user    accounts.User
	session accounts.Session
	network string // that is blocked
	finding string
}

// examples has one request for each route, with the role that it is to need. A route
// without an example fails TestRoles.
func examples(about subject) map[string]example {
	person := "/users/" + about.user.ID
	network := func(of, term string) url.Values {
		return url.Values{"network": {of}, "reason": {"a reason"}, "for": {term}}
	}
	const (
		anybody       = accounts.Holder
		viewer        = accounts.Viewer
		analyst       = accounts.Analyst
		administrator = accounts.Administrator
	)
	return map[string]example{
		"/{path...}": {anybody, "/no/such/page", nil},

		"GET /login":   {anybody, "/login", nil},
		"POST /login":  {anybody, "/login", url.Values{"email": {"nobody@example.com"}, "password": {"x"}}},
		"GET /setup":   {anybody, "/setup?token=" + setupToken, nil},
		"POST /setup":  {anybody, "/setup", url.Values{"token": {setupToken}, "email": {"mallory@example.com"}, "password": {password}}},
		"GET /invite":  {anybody, "/invite?token=x", nil},
		"POST /invite": {anybody, "/invite", url.Values{"token": {"x"}, "password": {password}}},

		// Who sees.
		"POST /logout":           {viewer, "/logout", nil},
		"GET /{$}":               {viewer, "/", nil},
		"GET /overview/counters": {viewer, "/overview/counters", nil},
		"GET /overview/state":    {viewer, "/overview/state", nil},
		"GET /live":              {viewer, "/live", nil},
		"GET /failures":          {viewer, "/failures", nil},
		"GET /findings":          {viewer, "/findings", nil},
		"GET /findings/{id}":     {viewer, "/findings/" + about.finding, nil},
		"GET /users":             {viewer, "/users", nil},
		"GET /users/{id}":        {viewer, person, nil},
		"GET /blocks":            {viewer, "/blocks", nil},
		"GET /blocks/past":       {viewer, "/blocks/past", nil},
		"GET /blocks/allowed":    {viewer, "/blocks/allowed", nil},
		"GET /rules":             {viewer, "/rules", nil},
		"GET /log":               {viewer, "/log", nil},

		// Who acts on addresses and sessions.
		"POST /users/{id}/end-session": {analyst, person + "/end-session", url.Values{"session": {about.session.ID}}},
		"POST /users/{id}/end-device":  {analyst, person + "/end-device", url.Values{"device": {about.session.Client.Device.ID}}},
		"POST /users/{id}/end-all":     {analyst, person + "/end-all", nil},
		"POST /users/{id}/step-up":     {analyst, person + "/step-up", nil},
		"POST /blocks/place":           {analyst, "/blocks/place", network("192.0.2.9", "1h")},
		"POST /blocks/extend":          {analyst, "/blocks/extend", network(about.network, "1h")},
		"POST /blocks/lift":            {analyst, "/blocks/lift", network(about.network, "")},
		"POST /log/export":             {analyst, "/log/export", url.Values{"format": {"jsonl"}}},

		// Who acts on accounts, roles and rules.
		"POST /users/{id}/lock":       {administrator, person + "/lock", nil},
		"POST /users/{id}/unlock":     {administrator, person + "/unlock", nil},
		"POST /users/{id}/role":       {administrator, person + "/role", url.Values{"role": {"administrator"}}},
		"POST /blocks/allowed/add":    {administrator, "/blocks/allowed/add", network("192.0.2.10", "")},
		"POST /blocks/allowed/remove": {administrator, "/blocks/allowed/remove", network("192.0.2.11", "")},
		"POST /rules/{name}/shadow":   {administrator, "/rules/brute_force/shadow", url.Values{"shadow": {"on"}}},
		"GET /operators":              {administrator, "/operators", nil},
		"POST /operators/invite":      {administrator, "/operators/invite", url.Values{"email": {"mallory@example.com"}, "role": {"viewer"}}},
	}
}

// visitors are all who may ask: nobody is signed in, or somebody is with a role.
// An account holder has a session like those of the account pages, and puts its
// cookie where the dashboard looks for one.
var visitors = []struct {
	name     string
	role     accounts.Role
	signedIn bool
}{
	{"nobody", "", false},
	{"holder", accounts.Holder, true},
	{"viewer", accounts.Viewer, true},
	{"analyst", accounts.Analyst, true},
	{"administrator", accounts.Administrator, true},
}

// TestRoles asks for each route as everybody: who may not use it is sent to sign in,
// or refused, and nothing has happened then.
func TestRoles(t *testing.T) {
	s := newSite(t)
	for _, v := range visitors[1:] {
		s.signIn(v.role)
	}
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	found := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.BruteForceDetected}})
	if len(found) != 1 {
		t.Fatalf("%d findings", len(found))
	}
	if err := s.allowed.Add(t.Context(), netip.MustParsePrefix("192.0.2.11/32"), "an office", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	routes := s.handler.Routes()
	for pattern := range examples(subject{}) {
		if _, ok := routes[pattern]; !ok {
			t.Errorf("there is no route %q any more: remove its example", pattern)
		}
	}
	for i, pattern := range slices.Sorted(maps.Keys(routes)) {
		about := s.subject(i, found[0].Finding.ID)
		e, ok := examples(about)[pattern]
		switch {
		case !ok:
			t.Errorf("give an example of the route %q, so that it is tried with each role", pattern)
			continue
		case e.needs != routes[pattern]:
			t.Errorf("%s needs the role %q, and should need %q", pattern, routes[pattern], e.needs)
		case strings.HasSuffix(pattern, "/unlock"):
			if _, err := s.service.Lock(t.Context(), about.user.ID); err != nil {
				t.Fatal(err)
			}
		}
		// Each role does what it may once; the first one finds something to do.
		acts := strings.HasPrefix(pattern, "POST ") && e.needs != accounts.Holder && pattern != "POST /operators/invite"
		for _, v := range visitors {
			before := s.state(about)
			status, location := s.as(v.name, v.role, v.signedIn).head(pattern, e)
			after := s.state(about)
			switch may := v.signedIn && v.role != accounts.Holder && v.role.Includes(e.needs); {
			case e.needs == accounts.Holder:
				if status >= http.StatusInternalServerError {
					t.Errorf("%s as %s: %d", pattern, v.name, status)
				}
			case may && (status >= http.StatusBadRequest && acts || status == http.StatusForbidden):
				t.Errorf("%s as %s is refused: %d", pattern, v.name, status)
			case may && acts && after == before:
				t.Errorf("%s as %s: nothing has happened: %d %s", pattern, v.name, status, location)
			case may:
				acts = false
			case !v.signedIn && (status != http.StatusSeeOther || location != "/login" && !strings.HasPrefix(location, "/login?next=")):
				t.Errorf("%s as %s is not sent to sign in: %d %s", pattern, v.name, status, location)
			case v.signedIn && status != http.StatusForbidden:
				t.Errorf("%s as %s is not refused: %d %s", pattern, v.name, status, location)
			case after != before:
				t.Errorf("%s as %s: something has happened\nbefore: %s\nafter:  %s", pattern, v.name, before, after)
			}
		}
	}
}

// subject returns another user who is signed in, and another address that is blocked.
func (s *site) subject(n int, finding string) subject {
	s.t.Helper()
	u, err := s.service.CreateOperator(s.t.Context(), fmt.Sprintf("subject%d@example.com", n), password, "", accounts.Viewer)
	if err != nil {
		s.t.Fatal(err)
	}
	grant, err := s.service.StartBrowserSession(s.t.Context(), u, gatehouse.Client{UserAgent: firefox}, "", time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	network := netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 32)
	if _, err := s.guard.BlockIP(s.t.Context(), gatehouse.Block{Prefix: network, Reason: "a test", Created: s.now(), Until: s.now().Add(time.Hour)}); err != nil {
		s.t.Fatal(err)
	}
	return subject{u, grant.Session, network.Addr().String(), finding}
}

// as returns a browser of who is signed in as NAME@example.com.
func (s *site) as(name string, role accounts.Role, signedIn bool) *browser {
	s.t.Helper()
	b := s.browser()
	if !signedIn {
		return b
	}
	_, grant, err := s.service.LoginBrowser(s.t.Context(), accounts.Login{Account: name + "@example.com", Password: password}, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "gatehouse_dashboard", Value: grant.Cookie + s.handler.Mark(grant.Cookie), Path: "/"}})
	return b
}

// head sends a request, and returns the head of the answer. What is streamed never
// ends by itself.
func (b *browser) head(pattern string, e example) (status int, location string) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	method, _, named := strings.Cut(pattern, " ")
	if !named {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, b.url+e.path, strings.NewReader(e.form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, res.Header.Get("Location")
}

// state is all that operators can change, in one line; of sessions, those of one user.
func (s *site) state(about subject) string {
	s.t.Helper()
	blocks, err := s.blocks.List(s.t.Context(), s.now())
	if err != nil {
		s.t.Fatal(err)
	}
	users, err := s.service.Search(s.t.Context(), "", "", 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	sessions, err := s.service.Sessions(s.t.Context(), about.user.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	for _, u := range users {
		fmt.Fprintf(&b, "%s %s locked %v step-up %v; ", u.Account, u.Role, u.Locked, u.StepUp)
	}
	set := s.guard.Rules()
	fmt.Fprintf(&b, "%d sessions; blocks %v; allowed %v; shadow %t; ", len(sessions), blocks, s.allowed.List(), set.BruteForce.Shadow)
	for _, r := range s.records(gatehouse.Query{Limit: 1}) {
		b.WriteString("newest record " + r.ID)
	}
	return b.String()
}
