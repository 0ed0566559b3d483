package authserver_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

const (
	bob  = "bob@example.com"
	next = "nine loud magpies"
)

// person is somebody at a browser, which keeps cookies and sends what a browser
// sends with a form.
type person struct {
	*site
	cookies map[string]string
	header  map[string]string
}

func (s *site) person() *person {
	return &person{s, map[string]string{}, map[string]string{"Sec-Fetch-Site": "same-origin"}}
}

// ask asks for a page: with GET if form is nil.
func (p *person) ask(path string, form url.Values) answer {
	p.t.Helper()
	c := call{method: "GET", path: path, header: maps.Clone(p.header)}
	if form != nil {
		c.method, c.body = "POST", form.Encode()
		c.header["Content-Type"] = "application/x-www-form-urlencoded"
	}
	var cookies []string
	for name, value := range p.cookies {
		cookies = append(cookies, name+"="+value)
	}
	c.header["Cookie"] = strings.Join(cookies, "; ")
	a := p.do(c)
	for _, set := range (&http.Response{Header: a.header}).Cookies() {
		if p.cookies[set.Name] = set.Value; set.MaxAge < 0 {
			delete(p.cookies, set.Name)
		}
	}
	return a
}

func (p *person) get(path string, want int) string {
	p.t.Helper()
	return p.page(path, nil, want)
}

func (p *person) page(path string, form url.Values, want int) string {
	p.t.Helper()
	a := p.ask(path, form)
	if a.status != want || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		p.t.Errorf("%s: %d %s %.2000s, want %d", path, a.status, a.header.Get("Content-Type"), a.body, want)
	}
	for name, value := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin", "X-Robots-Tag": "noindex",
	} {
		if got := a.header.Get(name); got != value {
			p.t.Errorf("%s: %s: %q", path, name, got)
		}
	}
	if csp := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
		p.t.Errorf("%s: policy %q", path, csp)
	}
	if (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable) != (a.header.Get("Retry-After") != "") {
		p.t.Errorf("%s: %d with Retry-After %q", path, a.status, a.header.Get("Retry-After"))
	}
	return a.body
}

// goes sends a form that leads to another page.
func (p *person) goes(path string, form url.Values, to string) {
	p.t.Helper()
	if a := p.ask(path, form); a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		p.t.Errorf("%s: %d to %q, want %q: %.1500s", path, a.status, a.header.Get("Location"), to, a.body)
	}
}

func signInForm(email, password string) url.Values {
	return url.Values{"email": {email}, "password": {password}}
}

func (p *person) signIn(email, password string) *person {
	p.t.Helper()
	p.goes("/account/login", signInForm(email, password), "/account")
	return p
}

// session is the ID of the session that the browser is in.
func (p *person) session() string {
	value := p.cookies["gatehouse_session"] + p.cookies["__Host-gatehouse_session"]
	if parts := strings.Split(value, "."); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

func TestAccountPages(t *testing.T) {
	s := newSite(t).start()
	p := s.person()
	for _, path := range []string{"/account/login", "/account/signup", "/account/forgot"} {
		p.get(path, http.StatusOK)
	}
	p.goes("/account", nil, "/account/login")
	form := url.Values{"email": {alice}, "password": {"password"}, "name": {"Alice"}}
	if body := p.page("/account/signup", form, http.StatusUnprocessableEntity); !strings.Contains(body, alice) || strings.Contains(body, `value="password"`) {
		t.Errorf("the form again: %s", body)
	}
	form.Set("password", password)
	p.goes("/account/signup", form, "/account?done=signup")
	s.person().page("/account/signup", form, http.StatusConflict)
	for _, text := range []string{"Alice", alice, "this browser", "Signed in", "Created the account", "Firefox on Linux"} {
		if body := p.get("/account", http.StatusOK); !strings.Contains(body, text) {
			t.Errorf("no %q on the page", text)
		}
	}
	p.goes("/account/login", nil, "/account") // signed in already

	// Somebody who signs in again leaves the session before.
	first := p.session()
	p.signIn(alice, password)
	if second := p.session(); second == first || s.live(first) || !s.live(second) {
		t.Errorf("sessions %q and %q", first, second)
	}

	phone := loginCall(alice, password)
	phone.header = map[string]string{"User-Agent": safari, "X-Forwarded-For": "198.51.100.9"}
	k := s.tokens(phone)
	if body := p.get("/account", http.StatusOK); !strings.Contains(body, "application") || !strings.Contains(body, "Utrecht, Netherlands") {
		t.Errorf("the application is not on the page: %s", body)
	}
	list, err := s.accounts.Sessions(t.Context(), s.user(alice).ID)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	for _, session := range list {
		if session.ID != p.session() {
			p.goes("/account/sessions/end", url.Values{"session": {session.ID}}, "/account?done=ended")
			p.page("/account/sessions/end", url.Values{"session": {session.ID}}, http.StatusNotFound)
		}
	}
	s.expect(call{method: "GET", path: "/me", bearer: k.Access}, http.StatusUnauthorized)

	other, third := s.person().signIn(alice, password), s.tokens(phone)
	p.goes("/account/sessions/end-others", url.Values{}, "/account?done=others")
	other.goes("/account", nil, "/account/login")
	s.expect(refreshCall(third.Refresh), http.StatusUnauthorized)

	other.signIn(alice, password)
	change := url.Values{"current_password": {"wrong"}, "new_password": {next}}
	p.page("/account/password", change, http.StatusForbidden)
	change.Set("current_password", password)
	p.goes("/account/password", change, "/account?done=password")
	other.goes("/account", nil, "/account/login")
	p.get("/account", http.StatusOK)

	id := p.session()
	p.goes("/account/logout", url.Values{}, "/account/login?done=logout")
	if p.session() != "" || s.live(id) {
		t.Error("not signed out")
	}
	p.page("/account/login", signInForm(alice, password), http.StatusUnauthorized)
	p.signIn(alice, next)
	p.goes("/account/sessions/end", url.Values{"session": {p.session()}}, "/account/login?done=logout") // one's own

	for kind, want := range map[gatehouse.Kind]int{
		gatehouse.SignupSucceeded: 1, gatehouse.SignupFailed: 2, gatehouse.LoginSucceeded: 7, gatehouse.LoginFailed: 1,
		gatehouse.LoggedOut: 3, gatehouse.SessionEnded: 1, gatehouse.LoggedOutEverywhere: 1,
		gatehouse.PasswordChanged: 1, gatehouse.PasswordChangeFailed: 1,
	} {
		if n := s.count(kind); n != want {
			t.Errorf("%d records of %s, want %d", n, kind, want)
		}
	}
	for _, r := range s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.SessionEnded}}) {
		if r.Device.Name != "Safari on Mac" || r.User != s.user(alice).ID || r.Session == "" {
			t.Errorf("record of the ended session: %+v", r)
		}
	}
	if err := s.failed(); err != nil {
		t.Error(err)
	}
}

func (s *site) live(session string) bool {
	s.t.Helper()
	ss, err := s.store.Session(s.t.Context(), session)
	if err != nil {
		s.t.Fatal(err)
	}
	return ss.LiveAt(s.now())
}

// forms are what each page with a form takes.
func forms(session string) map[string]url.Values {
	return map[string]url.Values{
		"/account/signup":              {"email": {"carol@example.com"}, "password": {password}},
		"/account/login":               signInForm(alice, password),
		"/account/forgot":              {"email": {alice}},
		"/account/password":            {"current_password": {password}, "new_password": {next}},
		"/account/step-up":             {"password": {password}},
		"/account/logout":              {},
		"/account/sessions/end":        {"session": {session}},
		"/account/sessions/end-others": {},
		"/account/reset":               {"token": {"ghl_x"}, "new_password": {next}},
		"/account/not-me":              {"token": {"ghl_x"}},
	}
}

// open are the pages for those who are not signed in.
var open = []string{"/account/signup", "/account/login", "/account/forgot", "/account/reset", "/account/not-me"}

// each calls do with each page and the form to send there, or nil.
func (s *site) each(session string, do func(path string, form url.Values)) {
	s.t.Helper()
	all := forms(session)
	for _, pattern := range s.server.PagePatterns() {
		method, path, _ := strings.Cut(pattern, " ")
		var form url.Values
		if method == "POST" {
			if form = all[path]; form == nil {
				s.t.Fatalf("no form for %s", path)
			}
		}
		do(path, form)
	}
}
