package e2e_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/browser"
)

// elsewhere is a site of somebody else on the same machine, which browsers take
// for the same site and send the cookies of: the harder case.
func elsewhere(t *testing.T, page string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Elsewhere</title>%s`, page)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A page of another site can neither act with an operator's cookie, nor frame the
// dashboard, nor read it.
func TestBrowserOtherSites(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.guess("ada@example.com", "192.0.2.7")
	p := s.dashboard()
	if cookies := browser.Eval[string](p, `document.cookie`); strings.Contains(cookies, "gatehouse") { // the time zone is no secret
		t.Errorf("scripts can read %q", cookies)
	}

	there := elsewhere(t, fmt.Sprintf(`<form method="post" action="%s/blocks/lift"><input name="network" value="192.0.2.7"><button>A prize</button></form>
<iframe title="frame" src="%[1]s/"></iframe>`, html.EscapeString(s.admin)))
	q := p.Another(s.admin, there)
	q.Allow("frame-ancestors")
	q.Allow("Refused to display")
	q.Allow("status of 403")
	q.Allow("CORS policy")
	q.Allow("net::ERR_FAILED")
	q.Go(there)
	if got := browser.Eval[string](q, fmt.Sprintf(`fetch("%s/log", {credentials: "include"}).then(r => r.text(), e => "refused")`, s.admin)); got != "refused" {
		t.Errorf("another site reads the log: %.200q", got)
	}
	q.Follow(func() { q.Click(browser.Button("A prize")) })
	q.See("other sites")
	if n := s.count(gatehouse.IPAddressUnblocked); n != 0 {
		t.Error("another site lifted a block")
	}
}

// Who steps back after signing out sees nothing of what was there.
func TestBrowserSignedOutIsOut(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.guess("ada@example.com", "192.0.2.7")
	p := s.dashboard()
	p.Go(s.admin + "/blocks")
	p.See("192.0.2.7")
	p.Click(browser.CSS("details.menu summary"))
	p.Follow(func() { p.Click(browser.Button("Sign out")) })
	p.See("You are signed out.")
	p.Back()
	p.Await(browser.Role("heading", "Sign in"))
}
