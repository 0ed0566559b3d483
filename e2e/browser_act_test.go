package e2e_test

import (
	"net/http"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/browser"
)

// An operator lifts a block, and who was blocked logs in again.
func TestBrowserLiftsABlock(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	s.guess("ada@example.com", "192.0.2.7")
	if a := s.login("ada@example.com", password, "192.0.2.7"); a.status != http.StatusTooManyRequests {
		t.Fatalf("while blocked: %d", a.status)
	}
	p := s.dashboard()
	p.Follow(func() { p.Click(browser.Link("Blocks")) })
	row := browser.CSS("tr:has(:is(form, button))")
	p.See("192.0.2.7")
	p.Follow(func() { p.Click(browser.Button("Lift").In(row)) })
	s.login("ada@example.com", password, "192.0.2.7").tokens(t)
	lifted := s.log("--type", string(gatehouse.IPAddressUnblocked))
	if len(lifted) != 1 || lifted[0].Actor != administrator {
		t.Errorf("the record of it: %+v", lifted)
	}
}
