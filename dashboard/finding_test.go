package dashboard_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/rules"
)

func TestFindingOfBruteForce(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	u := s.signUp("ada@example.com")
	s.failLogins(4, "ada@example.com", "198.51.100.7")
	s.observe(gatehouse.PasswordResetRequested, "ada@example.com", "198.51.100.7")
	s.advance(40 * time.Second)
	s.failLogins(3, "ada@example.com", "198.51.100.7")
	path := s.found(gatehouse.BruteForceDetected)
	body := b.must(path)
	contains(t, "the page", body,
		"<h1>Brute force", `href="/users/`+u.ID+`"`, "failed logins", "the attempts at one account from one address", "5 within any 5 minutes",
		"4 times</span>", "40 seconds before", "this finding", "198.51.100.7 was blocked", "in force", "People were alerted", "Login refused", "2 times</span>",
		"Nothing else was found about this user", "Lift the block", `action="/blocks/extend"`, `name="next" value="`+path+`"`)
	if strings.Contains(body, "A login succeeded afterwards") {
		t.Error("it tells of a login that there was not")
	}

	// Undone from the page, it says so, and offers the opposite.
	if a := b.post("/blocks/lift", url.Values{"network": {"198.51.100.7"}, "next": {path}}); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, path+"?done=") {
		t.Fatalf("lifting: %d %s %s", a.status, a.location, a.body)
	}
	s.advance(3 * time.Minute)
	s.logIn(u, "198.51.100.7", firefox)
	body = b.must(path)
	contains(t, "the page after lifting", body, "3 minutes after", "lifted</span>", "by analyst@example.com", "is not blocked", "Block the address", "A login succeeded afterwards")
	if strings.Contains(body, "in force") {
		t.Error("the block is lifted and in force")
	}
	if a := b.post("/blocks/place", url.Values{"network": {"198.51.100.7"}, "for": {"lifted"}, "reason": {"again"}, "next": {path}}); a.status != http.StatusSeeOther {
		t.Fatalf("blocking: %d %s", a.status, a.body)
	}
	contains(t, "the page after blocking", b.must(path), "is kept out until the block is lifted", "analyst@example.com", "“again”")
}

func TestFindingThatIsOver(t *testing.T) {
	s := newSite(t)
	s.at(3 * time.Hour)
	s.failLogins(5, "nobody@example.com", "2001:db8::7")
	s.at(0)
	// That a part of the network was blocked and let in again is another matter.
	part := gatehouse.Block{Prefix: netip.MustParsePrefix("2001:db8::9/128"), Reason: "test", By: "ada", Created: s.now()}
	if _, err := s.guard.BlockIP(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	if _, err := s.guard.UnblockIP(t.Context(), s.now(), part.Prefix, "ada"); err != nil {
		t.Fatal(err)
	}
	contains(t, "the page", s.signIn(accounts.Viewer).must(s.found(gatehouse.BruteForceDetected)),
		"2001:db8::/64 was blocked", "over</span>", "(nobody has it)", `href="/log?user=nobody%40example.com"`, "is not blocked")
}

// A viewer sees what there is, and no button that is not theirs.
func TestFindingForViewers(t *testing.T) {
	s := newSite(t)
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	body := s.signIn(accounts.Viewer).must(s.found(gatehouse.BruteForceDetected))
	_, main, _ := strings.Cut(body, "<main")
	if strings.Contains(main, "<form") || !strings.Contains(main, "in force") {
		t.Error(main)
	}
}

func TestFindingOfTravel(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	u := s.signUp("ada@example.com")
	s.at(2 * time.Hour)
	s.logIn(u, "198.51.100.7", firefox)
	s.at(0)
	s.logIn(u, "203.0.113.9", chrome)
	body := b.must(s.found(gatehouse.AccountTakeoverAttempt))
	contains(t, "the page", body, "Account takeover", "From Utrecht, Netherlands to Tokyo, Japan", `<svg class="world"`, `class="arc is-bad"`,
		"nobody travels like that", "a device that was never used before", "Chrome on Windows", "Firefox on Linux",
		"Geographic anomaly") // related
	contains(t, "the other page", b.must(s.found(gatehouse.GeographicAnomaly)), "Account takeover", "the way from the login before")
}

func TestFindingOfDevices(t *testing.T) {
	s := newSite(t)
	u := s.signUp("ada@example.com")
	for _, agent := range []string{firefox, chrome, iPhone} {
		s.logIn(u, "198.51.100.7", agent)
	}
	contains(t, "the page", s.signIn(accounts.Viewer).must(s.found(gatehouse.MultipleDeviceLogin)),
		"The last login on each", "Firefox on Linux", "Chrome on Windows", "Safari on iPhone", "3 within any 1 hour", "all that one user does")
}

func TestFindingInTheShadow(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	set := s.guard.Rules()
	set.Rule(rules.BruteForce).Shadow = true
	s.guard.SetRules(set)
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	body := b.must(s.found(gatehouse.BruteForceDetected))
	contains(t, "the page", body, "This rule is on trial", "is not blocked")
	if strings.Contains(body, "was blocked") || strings.Contains(body, "People were alerted") {
		t.Error("it tells of what was not done")
	}
}

// Some records are as good as a finding, and have a page by their own ID.
func TestFindingWithoutARule(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	u := s.signUp("ada@example.com")
	client := gatehouse.Client{IP: netip.MustParseAddr("203.0.113.9"), UserAgent: firefox, Device: gatehouse.Device{ID: "d", Name: "Firefox on Linux"}}
	s.record(gatehouse.Event{Kind: gatehouse.TokenRefreshed, Subject: gatehouse.Subject{User: u.ID, Session: "family"}, Client: client})
	s.record(gatehouse.Event{Kind: gatehouse.TokenReused, Subject: gatehouse.Subject{User: u.ID, Session: "family"}, Client: client})
	contains(t, "the page of a spent token", b.must(s.found(gatehouse.TokenReused)),
		"<h1>Spent token came back", "The session was ended", "ada@example.com", "Token refreshed", "family", "Block the address")
	s.record(gatehouse.Event{Kind: gatehouse.LoginDisowned, Subject: gatehouse.Subject{User: u.ID, Account: u.Account}, Client: client})
	body := b.must(s.found(gatehouse.LoginDisowned))
	contains(t, "the page of a login that was not theirs", body, "The password was made useless", "Spent token came back")
	if strings.Contains(body, "Block the address") {
		t.Error("it offers to block the owner")
	}
}

func TestFindingThatIsNot(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	s.failLogins(1, "ada@example.com", "198.51.100.7")
	login := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginFailed}})[0].ID
	for _, id := range []string{login, "nothing", gatehouse.NewID(s.now()), "ffffffff-ffff-7fff-bfff-ffffffffffff", "00000000-0000-7000-8000-000000000000",
		strings.Repeat("a", 10_000), "%00", "..%2f..", "%27%20OR%201=1--", "<script>alert(1)</script>", "\u202e"} {
		if a := b.get("/findings/" + id); a.status != http.StatusNotFound || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%.40q: %d", id, a.status)
		}
	}
}

// What an attacker chose is shown as text.
func TestFindingOfHostileText(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	for _, text := range []string{`<script>alert(1)</script>`, `" onmouseover="alert(1)`, `{{.Finding}}`, "\u202egnp.exe", strings.Repeat("x", 10_000)} {
		e := gatehouse.Event{Kind: gatehouse.LoginFailed, Subject: gatehouse.Subject{Account: text}, Reason: text, Endpoint: text}
		e.Client = gatehouse.Client{IP: netip.MustParseAddr("198.51.100.7"), UserAgent: "sqlmap " + text, Device: gatehouse.Device{ID: text, Name: text}}
		s.record(e)
		s.failLogins(5, text, "198.51.100.9")
		for _, path := range []string{s.found(gatehouse.SuspiciousActivity), s.found(gatehouse.BruteForceDetected), "/findings"} {
			body := b.must(path)
			for _, bad := range []string{"<script>alert", `" onmouseover=`, "\u202e", strings.Repeat("x", 2000)} {
				if strings.Contains(body, bad) {
					t.Errorf("%.30q on %s is more than text", text, path)
				}
			}
		}
		if _, err := s.blocks.Lift(t.Context(), netip.MustParsePrefix("198.51.100.9/32"), s.now()); err != nil {
			t.Fatal(err)
		}
	}
}
