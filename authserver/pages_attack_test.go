package authserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// Nobody sees or changes anything of an account without a session of its holder.
func TestPagesOfSomebodyElse(t *testing.T) {
	s := newSite(t).member()
	s.signup(bob, password)
	if _, err := s.accounts.CreateOperator(t.Context(), "vera@example.com", password, "Vera", accounts.Viewer); err != nil {
		t.Fatal(err)
	}
	if _, err := s.accounts.CreateOperator(t.Context(), "root@example.com", password, "Root", accounts.Administrator); err != nil {
		t.Fatal(err)
	}
	s.expect(loginCall(alice, "wrong"), http.StatusUnauthorized) // which only Alice is to see
	a := s.person().signIn(alice, password)
	api := s.tokens(loginCall(alice, password))
	good := a.cookies["gatehouse_session"]
	foreign := newSite(t).member().person().signIn(alice, password).cookies["gatehouse_session"]

	for name, cookie := range map[string]string{
		"nobody": "", "a session ID": a.session(), "a truncated cookie": good[:len(good)-1], "a cookie of another server": foreign,
		"an access token": api.Access, "a refresh token": api.Refresh, "a device cookie": a.cookies["gatehouse_device"],
	} {
		s.each(a.session(), func(path string, form url.Values) {
			if slices.Contains(open, path) {
				return
			}
			p := s.person()
			p.cookies["gatehouse_session"] = cookie
			p.header["Authorization"] = "Bearer " + api.Access
			if got := p.ask(path, form); got.status != http.StatusSeeOther || got.header.Get("Location") != "/account/login" || strings.Contains(got.body, "alice") {
				t.Errorf("%s at %s: %d to %q", name, path, got.status, got.header.Get("Location"))
			}
		})
	}
	for _, email := range []string{bob, "vera@example.com", "root@example.com"} {
		p := s.person().signIn(email, password)
		s.each(a.session(), func(path string, form url.Values) {
			if slices.Contains(open, path) || path == "/account/password" && form != nil || path == "/account/logout" {
				return
			}
			if got := p.ask(path, form); strings.Contains(got.body, alice) || strings.Contains(got.body, a.session()) || strings.Contains(got.body, "Wrong password") {
				t.Errorf("%s sees of Alice at %s: %s", email, path, got.body)
			}
		})
		p.page("/account/sessions/end", url.Values{"session": {a.session()}}, http.StatusNotFound)
	}
	if !strings.Contains(a.get("/account", http.StatusOK), "Wrong password") {
		t.Error("Alice does not see the attempt at her account")
	}
	s.expect(call{method: "GET", path: "/me", bearer: api.Access}, http.StatusOK)
	s.tokens(loginCall(alice, password))
}

// A cookie of a browser is no access token.
func TestCookieAtTheAPI(t *testing.T) {
	s := newSite(t).member()
	p := s.person().signIn(alice, password)
	for _, c := range []call{{bearer: p.cookies["gatehouse_session"]}, {header: map[string]string{"Cookie": "gatehouse_session=" + p.cookies["gatehouse_session"]}}} {
		c.method, c.path = "GET", "/me"
		s.expect(c, http.StatusUnauthorized)
	}
}

func TestFormsOfOtherSites(t *testing.T) {
	s := newSite(t)
	s.origins = []string{"https://app.example.com"} // which may use the API
	s.member()
	p := s.person().signIn(alice, password)
	before := len(s.records(gatehouse.Query{}))
	for _, header := range map[string]map[string]string{
		"another site":        {"Sec-Fetch-Site": "cross-site"},
		"a sibling":           {"Sec-Fetch-Site": "same-site"},
		"an old browser":      {"Origin": "https://evil.example"},
		"a trusted origin":    {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"},
		"an origin of no one": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
	} {
		p.header = header
		s.each(p.session(), func(path string, form url.Values) {
			if form != nil {
				p.page(path, form, http.StatusForbidden)
			}
		})
	}
	p.header = map[string]string{"Origin": "null"} // where there is a cookie, that is not enough
	s.each(p.session(), func(path string, form url.Values) {
		if form != nil && path != "/account/reset" && path != "/account/not-me" {
			p.page(path, form, http.StatusForbidden)
		}
	})
	if n := len(s.records(gatehouse.Query{})); n != before || !s.live(p.session()) {
		t.Errorf("%d records more", n-before)
	}
}

func TestSessionCookie(t *testing.T) {
	s := newSite(t).member()
	for _, secure := range []bool{false, true} {
		p := s.person()
		name := "gatehouse_session"
		if secure {
			p.header["X-Forwarded-Proto"] = "https" // said by the trusted proxy
			name = "__Host-gatehouse_session"
		}
		a := p.ask("/account/login", signInForm(alice, password))
		var set string
		for _, line := range a.header["Set-Cookie"] {
			if strings.HasPrefix(line, name+"=") {
				set = line
			}
		}
		want := "; Path=/; HttpOnly; SameSite=Lax"
		if secure {
			want = "; Path=/; HttpOnly; Secure; SameSite=Lax"
		}
		if _, attributes, _ := strings.Cut(set, ";"); "; "+strings.TrimSpace(attributes) != want {
			t.Errorf("secure %t: %q", secure, set)
		}
		p.get("/account", http.StatusOK)

		// What was set over one is not believed over the other.
		if delete(p.header, "X-Forwarded-Proto"); !secure {
			p.header["X-Forwarded-Proto"] = "https"
		}
		p.goes("/account", nil, "/account/login")
	}
	p := s.person().signIn(alice, password)
	s.advance(11 * time.Hour)
	p.get("/account", http.StatusOK)
	s.advance(11 * time.Hour)
	p.get("/account", http.StatusOK)
	s.advance(12*time.Hour + time.Second)
	p.goes("/account", nil, "/account/login")
}

func TestPagesAskForTheStep(t *testing.T) {
	s := newSite(t).member()
	p := s.person().signIn(alice, password)
	p.goes("/account/step-up", nil, "/account") // nobody asked
	require := func() {
		t.Helper()
		if err := s.accounts.RequireStepUp(t.Context(), s.user(alice).ID); err != nil {
			t.Fatal(err)
		}
	}
	require()
	other := s.tokens(loginCall(alice, password))
	s.each(p.session(), func(path string, form url.Values) {
		if !slices.Contains(open, path) && path != "/account/step-up" && path != "/account/logout" {
			p.goes(path, form, "/account/step-up")
		}
	})
	s.expect(call{method: "GET", path: "/me", bearer: other.Access}, http.StatusOK) // nothing was done
	p.get("/account/step-up", http.StatusOK)
	p.page("/account/step-up", url.Values{"password": {"wrong"}}, http.StatusForbidden)
	p.page("/account/step-up", url.Values{}, http.StatusBadRequest)
	p.goes("/account", nil, "/account/step-up")
	p.goes("/account/step-up", url.Values{"password": {password}}, "/account")
	p.get("/account", http.StatusOK)
	require()
	p.goes("/account/logout", url.Values{}, "/account/login?done=logout")
	for kind, want := range map[gatehouse.Kind]int{gatehouse.StepUpFailed: 2, gatehouse.StepUpSucceeded: 1} {
		if n := s.count(kind); n != want {
			t.Errorf("%d records of %s, want %d", n, kind, want)
		}
	}
}

// Pages and API are guarded as one, and tell as little.
func TestPagesAreGuarded(t *testing.T) {
	s := newSite(t).member()
	s.signup(bob, password)
	if _, err := s.accounts.Lock(t.Context(), s.user(bob).ID); err != nil {
		t.Fatal(err)
	}
	attempt := func(email, password, from string) string {
		p := s.person()
		p.header["X-Forwarded-For"] = from
		before := s.hashes.Verifications()
		a := p.ask("/account/login", signInForm(email, password))
		for _, name := range []string{"X-Correlation-Id", "Date", "Retry-After", "Content-Length"} {
			a.header.Del(name)
		}
		return fmt.Sprint(a.status, a.header, strings.ReplaceAll(a.body, email, "?"), s.hashes.Verifications()-before)
	}
	for i := range 7 {
		want := attempt(alice, "wrong", "192.0.2.50")
		for j, c := range [][2]string{{bob, password}, {bob, "wrong"}, {"nobody@example.com", password}} {
			if got := attempt(c[0], c[1], fmt.Sprint("192.0.2.", 51+j)); got != want {
				t.Errorf("attempt %d with %v:\n got %s\nwant %s", i+1, c, got, want)
			}
		}
		status := "401"
		if i >= 5 {
			status = "429"
		}
		if !strings.HasPrefix(want, status) {
			t.Errorf("attempt %d: %.3s, want %s", i+1, want, status)
		}
	}
	s.expect(loginCall(alice, password), http.StatusOK) // from elsewhere
	mixed := s.person()
	for range 3 {
		s.expect(loginCall(alice, "wrong"), http.StatusUnauthorized)
	}
	for range 2 {
		mixed.page("/account/login", signInForm(alice, "wrong"), http.StatusUnauthorized)
	}
	if body := mixed.page("/account/login", signInForm(alice, password), http.StatusTooManyRequests); !strings.Contains(body, "Too many requests") {
		t.Errorf("refused: %s", body)
	}
	for path, kind := range map[string]gatehouse.Kind{
		"/account/login": gatehouse.LoginRefused, "/account/signup": gatehouse.SignupRefused, "/account/password": gatehouse.PasswordChangeRefused,
		"/account/step-up": gatehouse.StepUpRefused, "/account/forgot": gatehouse.PasswordResetRefused, "/account/logout": gatehouse.RequestRefused,
	} {
		before := s.count(kind)
		mixed.page(path, forms("")[path], http.StatusTooManyRequests)
		if n := s.count(kind); n != before+1 {
			t.Errorf("%s: %d records of %s", path, n-before, kind)
		}
	}
	s.expect(loginCall(alice, password), http.StatusTooManyRequests) // in JSON
}

func TestFormsThatAreNoGood(t *testing.T) {
	s := newSite(t).member()
	p := s.person().signIn(alice, password)
	for name, c := range map[string]struct {
		path, kind, body string
		status           int
	}{
		"nothing":          {"/account/login", "application/x-www-form-urlencoded", "", 400},
		"no password":      {"/account/login", "application/x-www-form-urlencoded", "email=a", 400},
		"a field twice":    {"/account/login", "application/x-www-form-urlencoded", "email=a&password=b&password=c", 400},
		"not in the body":  {"/account/login?email=a&password=b", "application/x-www-form-urlencoded", "x=y", 400},
		"bad escapes":      {"/account/login", "application/x-www-form-urlencoded", "email=%zz&password=%", 400},
		"long":             {"/account/login", "application/x-www-form-urlencoded", "email=a&password=" + strings.Repeat("x", 20<<10), 413},
		"JSON":             {"/account/login", "application/json", object("email", alice, "password", password), 415},
		"multipart":        {"/account/login", "multipart/form-data; boundary=x", "--x--", 415},
		"no signup":        {"/account/signup", "application/x-www-form-urlencoded", "email=a", 400},
		"names twice":      {"/account/signup", "application/x-www-form-urlencoded", "email=a&password=b&name=c&name=d", 400},
		"no new password":  {"/account/password", "application/x-www-form-urlencoded", "current_password=a", 400},
		"no session":       {"/account/sessions/end", "application/x-www-form-urlencoded", "session=", 400},
		"a hostile one":    {"/account/sessions/end", "application/x-www-form-urlencoded", "session=%00%ff'--", 404},
		"a step of no one": {"/account/forgot", "application/x-www-form-urlencoded", "email=", 400},
	} {
		a := p.do(call{method: "POST", path: c.path, body: c.body, header: map[string]string{
			"Content-Type": c.kind, "Sec-Fetch-Site": "same-origin", "Cookie": "gatehouse_session=" + p.cookies["gatehouse_session"]}})
		if a.status != c.status || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for kind, want := range map[gatehouse.Kind]int{gatehouse.LoginFailed: 8, gatehouse.SignupFailed: 2, gatehouse.PasswordChangeFailed: 1, gatehouse.PasswordResetFailed: 1} {
		if n := s.count(kind); n != want {
			t.Errorf("%d records of %s, want %d", n, kind, want)
		}
	}
}

// What an operator did is shown, who that is is not.
func TestPagesDoNotNameOperators(t *testing.T) {
	s := newSite(t).member()
	e := gatehouse.Event{
		Kind: gatehouse.StepUpRequired, Time: s.now(), Subject: gatehouse.Subject{User: s.user(alice).ID},
		Client: gatehouse.Client{UserAgent: safari, Place: gatehouse.Place{Country: "PT"}}, Actor: "root@example.com", Reason: "suspected",
	}
	if err := s.store.Append(t.Context(), gatehouse.Record{ID: gatehouse.NewID(e.Time), Event: e}); err != nil {
		t.Fatal(err)
	}
	body := s.person().signIn(alice, password).get("/account", http.StatusOK)
	if !strings.Contains(body, "An operator asked for the password again") {
		t.Errorf("not shown: %s", body)
	}
	for _, text := range []string{"root@", "Portugal", "Safari", "suspected"} {
		if strings.Contains(body, text) {
			t.Errorf("the page tells %q", text)
		}
	}
}

func TestAccountPageWithoutALog(t *testing.T) {
	s := newSite(t)
	s.unread = true
	body := s.member().person().signIn(alice, password).get("/account", http.StatusOK)
	if !strings.Contains(body, "this browser") || strings.Contains(body, "happened lately") {
		t.Errorf("the page: %s", body)
	}
}

// noLogins is a journal that fails to record logins.
type noLogins struct{ gatehouse.Journal }

func (j noLogins) Append(ctx context.Context, records ...gatehouse.Record) error {
	if records[0].Kind == gatehouse.LoginSucceeded {
		return gatehouse.ErrUnavailable
	}
	return j.Journal.Append(ctx, records...)
}

// A login that cannot be recorded gives nobody a session.
func TestSignInThatIsNotRecorded(t *testing.T) {
	s := newSite(t)
	s.journal = func(j gatehouse.Journal) gatehouse.Journal { return noLogins{j} }
	s.member()
	p := s.person()
	p.page("/account/login", signInForm(alice, password), http.StatusServiceUnavailable)
	p.goes("/account/signup", url.Values{"email": {bob}, "password": {password}}, "/account/login?done=created")
	for _, email := range []string{alice, bob} {
		if list, err := s.accounts.Sessions(t.Context(), s.user(email).ID); err != nil || len(list) != 0 || p.session() != "" {
			t.Errorf("%s: %d sessions, cookie %q, %v", email, len(list), p.session(), err)
		}
	}
}
