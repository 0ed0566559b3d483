package e2e_test

import (
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// What the server finds is on the screen of who watches within a second of its
// answer to the attack, without a reload.
func TestBrowserFindingArrivesLive(t *testing.T) {
	s := start(t, cheapHash+proxied)
	p := s.dashboard()
	p.Listening()
	p.Run(`window.gatehouseTestSame = true`)
	for i, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		account := []string{"ada@example.com", "bob@example.com", "cleo@example.com"}[i]
		arrived := p.Expect("#feed .feed-item", account)
		answered := s.guess(account, from)
		if took := arrived().Sub(answered); took > time.Second {
			t.Errorf("the finding about %s came %s after the attack, more than a second", account, took)
		} else {
			t.Logf("the finding came %s after the attack", took)
		}
	}
	if !browser.Eval[bool](p, `window.gatehouseTestSame === true`) {
		t.Error("the page was loaded anew")
	}
	p.Accessible()
}
