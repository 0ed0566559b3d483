package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/browser"
)

// dialog is what a page asks before it does something.
var dialog = browser.CSS("dialog[open]")

// acted checks that one record of a kind says that the administrator did it.
func (s *server) acted(kind gatehouse.Kind) {
	s.t.Helper()
	if r := s.log("--type", string(kind)); len(r) != 1 || r[0].Actor != administrator {
		s.t.Errorf("the records of %s: %+v", kind, r)
	}
}

// An operator lifts a block, with and without JavaScript, and who was blocked logs
// in again from that address.
func TestBrowserLiftsABlock(t *testing.T) {
	for name, script := range map[string]bool{"with JavaScript": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			s := start(t, cheapHash+proxied)
			s.signup("ada@example.com")
			s.guess("ada@example.com", "192.0.2.7")
			if a := s.login("ada@example.com", password, "192.0.2.7"); a.status != http.StatusTooManyRequests {
				t.Fatalf("while blocked: %d", a.status)
			}
			p := s.dashboard()
			if !script {
				p.NoScript()
			}
			p.Follow(func() { p.Click(browser.Link("Blocks")) })
			p.See("192.0.2.7")
			lift := browser.Button("Lift the block of 192.0.2.7")
			if script {
				p.Click(lift)
				p.Await(dialog)
				p.Press(browser.Escape)
				p.Gone(dialog)
				p.Click(lift)
				lift = browser.Button("Lift block").In(dialog)
				p.Accessible()
			}
			p.Follow(func() { p.Click(lift) })
			p.Await(browser.CSS("[role=status]"))
			p.See("Nobody is kept out")
			s.login("ada@example.com", password, "192.0.2.7").tokens(t)
			s.acted(gatehouse.IPAddressUnblocked)
		})
	}
}

// An operator keeps a network out, and takes it back on the page of the finding.
func TestBrowserPlacesABlock(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	p := s.dashboard()
	p.Go(s.admin + "/blocks")
	p.Fill(browser.Field("Address or network").In(browser.CSS("#place")), "198.51.100.0/24")
	p.Fill(browser.Field("Reason").In(browser.CSS("#place")), "looks like trouble")
	p.Follow(func() { p.Click(browser.Button("Block")) })
	p.See("looks like trouble")
	if a := s.login("ada@example.com", password, "198.51.100.9"); a.status != http.StatusTooManyRequests {
		t.Errorf("from the blocked network: %d", a.status)
	}
	s.acted(gatehouse.IPAddressBlocked)

	s.guess("ada@example.com", "192.0.2.7")
	p.Go(s.admin + "/")
	p.Follow(func() { p.Click(browser.Link("Brute force")) })
	p.Click(browser.Button("Lift the block"))
	p.Follow(func() { p.Click(browser.Button("Lift block").In(dialog)) })
	p.See("192.0.2.7 is not blocked.")
	s.login("ada@example.com", password, "192.0.2.7").tokens(t)
}

// refresh reports whether a refresh token is still good.
func (s *server) refresh(k tokens, from string) int {
	s.t.Helper()
	return s.do(call{method: "POST", path: "/api/auth/refresh", from: from, body: map[string]string{"refresh_token": k.Refresh}}).status
}

// An operator ends a device's session, asks for the password again, and locks the
// account.
func TestBrowserActsOnAUser(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	k := s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	p := s.dashboard()
	p.Follow(func() { p.Click(browser.Link("Users")) })
	p.Follow(func() { p.Click(browser.Link("ada@example.com")) })
	p.Click(browser.CSS("section[aria-labelledby=devices] details summary"))
	p.Click(browser.Button("End session"))
	p.Follow(func() { p.Click(browser.Button("End session").In(dialog)) })
	if status := s.refresh(k, "192.0.2.1"); status != http.StatusUnauthorized {
		t.Errorf("the refresh of an ended session: %d", status)
	}
	s.acted(gatehouse.SessionEnded)

	k = s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	me := call{method: "GET", path: "/api/auth/me", from: "192.0.2.1", bearer: k.Access}
	if a := s.do(me); a.status != http.StatusOK {
		t.Fatalf("with a new session: %d", a.status)
	}
	act := func(button string) {
		t.Helper()
		p.Click(browser.CSS("details.acts > summary"))
		p.Fill(browser.Field("Reason"), "odd")
		p.Click(browser.Button(button))
		p.Follow(func() { p.Click(browser.Button(button).In(dialog)) })
	}
	act("Ask for the password again")
	if a := s.do(me); a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
		t.Errorf("after a step-up was required: %d %q", a.status, a.header.Get("WWW-Authenticate"))
	}
	s.acted(gatehouse.StepUpRequired)
	act("Lock the account")
	if a := s.login("ada@example.com", password, "192.0.2.1"); a.status != http.StatusUnauthorized {
		t.Errorf("a locked account logs in: %d", a.status)
	}
	s.acted(gatehouse.AccountLocked)
	act("Unlock the account")
	s.login("ada@example.com", password, "192.0.2.1").tokens(t)
}

// An operator puts a rule in the shadow: it goes on finding, and keeps nobody out.
func TestBrowserPutsARuleInTheShadow(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	p := s.dashboard()
	p.Follow(func() { p.Click(browser.Link("Rules")) })
	p.Click(browser.Button("Put in the shadow").In(browser.CSS("#brute_force")))
	p.Follow(func() { p.Click(browser.Button("Put in the shadow").In(dialog)) })
	s.acted(gatehouse.RuleModeChanged)
	s.guess("ada@example.com", "192.0.2.7")
	s.login("ada@example.com", password, "192.0.2.7").tokens(t)
	p.Go(s.admin + "/findings")
	p.See("Brute force")
	p.See("Shadow")
}

// An operator puts an address on the allow list, which no rule keeps out then.
func TestBrowserAllowsAnAddress(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	p := s.dashboard()
	p.Go(s.admin + "/blocks")
	p.Follow(func() { p.Click(browser.Link("Allow list")) })
	form := browser.CSS("main form[method=post]")
	p.Fill(browser.Field("Address or network").In(form), "192.0.2.7")
	p.Fill(browser.Field("Reason").In(form), "our monitoring")
	p.Click(browser.Button("Add").In(form))
	p.Follow(func() { p.Click(browser.Button("Add").In(dialog)) })
	p.See("our monitoring")
	s.acted(gatehouse.AllowListExtended)
	s.guess("ada@example.com", "192.0.2.7")
	p.Go(s.admin + "/blocks")
	p.See("Nobody is kept out")
	p.Go(s.admin + "/blocks?q=192.0.2.7")
	p.See("192.0.2.7 is let in")
}
