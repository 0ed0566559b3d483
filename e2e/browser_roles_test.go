package e2e_test

import (
	"net/http"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// invited is a page of somebody whom the administrator invites with a role.
func (s *server) invited(admin *browser.Page, email, role string) *browser.Page {
	s.t.Helper()
	admin.Go(s.admin + "/operators")
	admin.Fill(browser.Field("E-mail address"), email)
	admin.Select(browser.Field("Role"), role+":")
	admin.Follow(func() { admin.Click(browser.Button("Make a link")) })
	link := admin.Text(browser.CSS("#invite-link"))
	p := browser.Open(s.t, s.admin)
	p.Go(link)
	p.Accessible()
	p.Fill(browser.CSS("input[type=password]"), password)
	p.Follow(func() { p.Press(browser.Enter) })
	p.Await(browser.Role("heading", "Overview"))
	return p
}

// A viewer sees everything and is offered nothing to do; an analyst is offered
// what analysts may do, and no more.
func TestBrowserRoles(t *testing.T) {
	s := start(t, busyConfig)
	admin := s.dashboard()
	s.busy()
	viewer := s.invited(admin, "viewer@example.com", "viewer")
	for _, path := range s.pages(viewer) {
		if status := viewer.Go(s.admin + path); status != http.StatusOK {
			t.Errorf("a viewer opens %s: %d", path, status)
		}
		if forms := browser.Eval[[]string](viewer, `[...document.querySelectorAll("main form[method=post]")].map(f => f.getAttribute("action"))`); len(forms) > 0 {
			t.Errorf("on %s a viewer is offered %q", path, forms)
		}
	}
	viewer.Allow("status of 403")
	for _, path := range []string{"/operators"} {
		if status := viewer.Go(s.admin + path); status != http.StatusForbidden {
			t.Errorf("a viewer opens %s: %d", path, status)
		}
		viewer.Accessible()
	}
	// A form of the administrator's, in the hands of a viewer.
	if status := browser.Eval[int](viewer, `fetch("/blocks/lift", {method: "POST", body: new URLSearchParams({network: "203.0.113.9"})}).then(r => r.status)`); status != http.StatusForbidden {
		t.Errorf("a viewer lifts a block: %d", status)
	}

	analyst := s.invited(admin, "analyst@example.com", "analyst")
	analyst.Go(s.admin + "/rules")
	if analyst.Has(browser.Button("Put in the shadow")) {
		t.Error("an analyst may switch rules")
	}
	analyst.Go(s.admin + "/blocks")
	analyst.Click(browser.Button("Lift the block of 203.0.113.9"))
	analyst.Follow(func() { analyst.Click(browser.Button("Lift block").In(dialog)) })
	analyst.See("Nobody is kept out")
}
