package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// The heat map speaks of the reader's hours, and a cell leads to its records.
func TestBrowserHeatMap(t *testing.T) {
	s := start(t, busyConfig)
	p := s.dashboard()
	s.guess("bob@example.com", "192.0.2.9")
	p.TimeZone("Asia/Tokyo")
	p.Follow(func() { p.Click(browser.Link("Failed logins").In(browser.CSS("nav"))) })
	p.See("Asia/Tokyo")
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	cell := browser.CSS("table.heat td a")
	label := browser.Eval[string](p, `document.querySelector("table.heat td a").ariaLabel`)
	if now := time.Now().In(tokyo); !strings.HasPrefix(label, now.Format("Monday 15:00")) && !strings.HasPrefix(label, now.Add(-time.Minute).Format("Monday 15:00")) {
		t.Errorf("the failures of %s are in the cell %q", now, label)
	}
	p.Follow(func() { p.Click(cell) })
	for !strings.Contains(p.URL(), "/log?") && p.Has(browser.CSS("main a[href^='/log?']")) {
		p.Follow(func() { p.Click(browser.CSS("main a[href^='/log?']")) })
	}
	p.See("bob@example.com")
	if n := browser.Eval[int](p, `document.querySelectorAll(".record").length`); n != 5 {
		t.Errorf("the cell's records are %d, want 5", n)
	}
}
