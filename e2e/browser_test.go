package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// administrator is who uses the dashboard in tests.
const administrator = "root@example.com"

var setupLink = regexp.MustCompile(`http://\S+/setup\?token=\S+`)

// setup returns the one-time link that the server has printed.
func (s *server) setup() string {
	s.t.Helper()
	var link string
	within(s.t, 10*time.Second, "a setup link is printed", func() bool {
		link = setupLink.FindString(s.stdout.String())
		return link != ""
	})
	return link
}

// dashboard is a page at which the administrator, whom it makes, has signed in.
func (s *server) dashboard() *browser.Page {
	s.t.Helper()
	u, err := url.Parse(s.setup())
	if err != nil {
		s.t.Fatal(err)
	}
	form := url.Values{"token": {u.Query().Get("token")}, "email": {administrator}, "name": {"Root"}, "password": {password}}
	req, err := http.NewRequest("POST", s.admin+"/setup", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", firefox)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("set up: %d %v %.2000s", resp.StatusCode, err, text)
	}
	p := browser.Open(s.t, s.admin, s.url)
	s.signIn(p)
	return p
}

// signIn signs the administrator in.
func (s *server) signIn(p *browser.Page) {
	s.t.Helper()
	p.Go(s.admin + "/login")
	enter(p, [2]string{administrator, password})
	p.Await(browser.Role("heading", "Overview"))
}

// guess guesses passwords until the address is blocked, and returns when the last
// guess was answered.
func (s *server) guess(email, from string) time.Time {
	s.t.Helper()
	for i := range 5 {
		if a := s.login(email, "wrong", from); a.status != http.StatusUnauthorized {
			s.t.Fatalf("guess %d of %s from %s: %d %s", i+1, email, from, a.status, a.body)
		}
	}
	return time.Now()
}

// The link that the server prints makes the first administrator, once.
func TestBrowserFirstRun(t *testing.T) {
	s := start(t, cheapHash+proxied)
	p := browser.Open(t, s.admin)
	p.Go(s.admin + "/")
	if !strings.HasSuffix(p.URL(), "/login") {
		t.Errorf("a stranger is led to %s", p.URL())
	}
	p.See("no administrator yet")
	p.Accessible()
	link := s.setup()
	p.Go(link)
	p.Accessible()
	p.Fits(360, 2560)
	photograph(p, "setup")

	fill := func(password string) {
		p.Fill(browser.Field("E-mail address"), administrator)
		p.Fill(browser.Field("Name"), "Root")
		p.Fill(browser.Field("Password"), password)
		p.Follow(func() { p.Click(browser.Button("Create the administrator")) })
	}
	p.Allow("status of 4") // refusals come with their status
	fill("password")
	p.Await(browser.CSS("[role=alert]"))
	p.Accessible()
	if p.Value(browser.Field("E-mail address")) != administrator || p.Value(browser.Field("Password")) != "" {
		t.Error("the form forgot the address, or did not forget the password")
	}
	fill(password)
	p.See("You are the administrator")
	p.Await(browser.Role("heading", "Overview"))

	if status := p.Go(link); status != http.StatusNotFound {
		t.Errorf("the link opens again: %d", status)
	}
	p.Go(s.admin + "/")
	p.Click(browser.CSS("details.menu summary"))
	p.Follow(func() { p.Click(browser.Button("Sign out")) })
	p.See("You are signed out.")
	p.Go(s.admin + "/?span=24h")
	p.Fill(browser.Field("E-mail address"), administrator)
	p.Fill(browser.Field("Password"), "wrong")
	p.Follow(func() { p.Press(browser.Enter) })
	p.Await(browser.CSS("[role=alert]"))
	p.Fill(browser.Field("Password"), password)
	p.Follow(func() { p.Press(browser.Enter) })
	if !strings.HasSuffix(p.URL(), "/?span=24h") {
		t.Errorf("signing in leads to %s, not to where it was asked for", p.URL())
	}
	for kind, want := range map[string]int{"role_changed": 1, "login_failed": 1, "login_succeeded": 2, "logout": 1} {
		if got := len(s.log("--type", kind)); got != want {
			t.Errorf("%d records of %s, want %d", got, kind, want)
		}
	}
}

// in is the server for a part of the test.
func (s *server) in(t *testing.T) *server {
	return &server{t: t, dir: s.dir, config: s.config, url: s.url, admin: s.admin, cmd: s.cmd, client: s.client}
}
