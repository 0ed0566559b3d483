package e2e_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// The page behind a mailed link, in the hands of somebody with a phone, with a
// screen reader, without JavaScript, and of an attacker.
func TestBrowserResetPage(t *testing.T) {
	s := start(t, cheapHash+proxied)
	p := browser.Open(t, s.url)
	if status := p.Go(s.url + "/account/reset?token=none"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	p.Accessible()
	p.Fits(360, 1280, 2560)
	p.NoScript()
	p.Allow("status of 4") // the link is not good
	p.Go(s.url + "/account/reset?token=none")
	p.Fill(browser.Field("New password"), password)
	p.Follow(func() { p.Click(browser.Button("Set the new password")) })
	p.Await(browser.Role("alert", ""))
	for _, a := range browser.Attacks() {
		p.Go(s.url + "/account/reset?token=" + url.QueryEscape(a.Text))
		p.Unharmed()
	}
}
