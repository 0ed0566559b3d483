package e2e_test

import (
	"fmt"
	"slices"
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
	var took []time.Duration
	for i := range 5 {
		account := fmt.Sprintf("person%d@example.com", i)
		arrived := p.Expect("#feed .feed-item", account)
		answered := s.guess(account, fmt.Sprintf("192.0.2.%d", i+1))
		took = append(took, arrived().Sub(answered))
	}
	slices.Sort(took)
	if took[len(took)/2] > time.Second {
		t.Errorf("half of the findings came more than a second after their attack: %s", took)
	}
	t.Logf("the findings came after %s", took)
	if !browser.Eval[bool](p, `window.gatehouseTestSame === true`) {
		t.Error("the page was loaded anew")
	}
	p.Accessible()
}

// Who pauses the feed loses nothing, and who filters it sees what was asked for.
func TestBrowserFeedPausesAndFilters(t *testing.T) {
	s := start(t, cheapHash+proxied)
	p := s.dashboard()
	p.Listening()
	p.Click(browser.Button("Pause"))
	s.guess("ada@example.com", "192.0.2.1")
	p.See("1 waiting")
	p.Gone(browser.CSS("#feed .feed-item"))
	p.Accessible()
	p.Click(browser.CSS("[data-feed-pause]"))
	p.Await(browser.CSS("#feed .feed-item[data-rule=brute_force]"))

	p.Select(browser.Field("Severity"), "High and above")
	scan := loginCall("bob@example.com", "wrong", "192.0.2.2")
	scan.agent = "sqlmap/1.7"
	arrived := p.Expect("#feed .feed-item", "sqlmap")
	s.do(scan)
	arrived()
	warning := `document.querySelector("#feed .feed-item[data-severity=warning]").checkVisibility()`
	if browser.Eval[bool](p, warning) {
		t.Error("a warning is shown among what is high and above")
	}
	p.Select(browser.Field("Rule"), "Suspicious user agent")
	p.Select(browser.Field("Severity"), "Any severity")
	if !browser.Eval[bool](p, warning) || browser.Eval[bool](p, `document.querySelector("#feed .feed-item[data-rule=brute_force]").checkVisibility()`) {
		t.Error("the rule's own findings, and no others, should be shown")
	}
}
