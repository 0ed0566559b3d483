package dashboard_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

const (
	iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
	chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)

// signUp adds a holder of an account.
func (s *site) signUp(email string) accounts.User {
	s.t.Helper()
	u, err := s.service.Signup(s.t.Context(), email, password, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// logIn has somebody log in, guarded and recorded, and returns the session.
func (s *site) logIn(u accounts.User, ip, userAgent string) accounts.Session {
	s.t.Helper()
	client := gatehouse.Client{IP: netip.MustParseAddr(ip), UserAgent: userAgent, Place: places{}.Place(netip.MustParseAddr(ip))}
	_, grant, err := s.service.Login(s.t.Context(), accounts.Login{Account: u.Account, Password: password, Client: client})
	if err != nil {
		s.t.Fatal(err)
	}
	a, d := s.guard.Begin(s.t.Context(), gatehouse.Event{Time: s.now(), Subject: gatehouse.Subject{Account: u.Account}, Client: client})
	if a == nil {
		s.t.Fatalf("refused: %+v", d)
	}
	subject := gatehouse.Subject{User: u.ID, Account: u.Account, Session: grant.Session.ID}
	if _, err := a.Succeed(s.t.Context(), s.now(), subject, grant.Session.Client.Device); err != nil {
		s.t.Fatal(err)
	}
	return grant.Session
}

// record has the guard record an event as it is, but for its time.
func (s *site) record(e gatehouse.Event) {
	s.t.Helper()
	if e.Time.IsZero() {
		e.Time = s.now()
	}
	if _, err := s.guard.Observe(s.t.Context(), e); err != nil {
		s.t.Fatal(err)
	}
}

// found returns the page of the newest finding of a kind.
func (s *site) found(kind gatehouse.Kind) string {
	s.t.Helper()
	list := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{kind}, Limit: 1})
	if len(list) == 0 {
		s.t.Fatalf("no %s is on record", kind)
	}
	if f := list[0].Finding; f != nil {
		return "/findings/" + f.ID
	}
	return "/findings/" + list[0].ID
}

// must returns the body of a page that is there.
func (b *browser) must(path string) string {
	b.t.Helper()
	a := b.get(path)
	if a.status != 200 {
		b.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	return a.body
}

var older = regexp.MustCompile(`href="([^"]*)" rel="next"`)

func TestPagesWithoutAnything(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for path, want := range map[string]string{
		"/findings?span=24h":           "Nothing was found in the last 24 hours",
		"/findings?span=all":           "Nothing was found yet",
		"/findings?severity=critical":  "No finding fits",
		"/users?q=nobody":              "No account begins like this",
		"/users?q=viewer&after=viewer": "viewer@example.com",
	} {
		contains(t, path, b.must(path), want)
	}
}

// contains fails unless a page says all of this.
func contains(t *testing.T, where, body string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(body, text) {
			t.Errorf("%s does not say %q", where, text)
		}
	}
	if t.Failed() {
		_, main, _ := strings.Cut(body, "<main")
		t.Log(main)
	}
}

// at moves the site's clock to so long before now.
func (s *site) at(before time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = -before
}
