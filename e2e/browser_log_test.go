package e2e_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fluxstudio/gatehouse/internal/browser"
)

// records are the IDs that a page of the log shows.
func records(p *browser.Page) []string {
	return browser.Eval[[]string](p, `[...document.querySelectorAll(".record")].map(r => r.id)`)
}

// An operator searches the log and turns its pages while it grows: each record is
// shown once.
func TestBrowserLog(t *testing.T) {
	s := start(t, cheapHash+proxied)
	for i := range 60 {
		s.login(fmt.Sprintf("person%02d@example.com", i), "wrong", fmt.Sprintf("192.0.2.%d", 1+i))
	}
	p := s.dashboard()
	p.Follow(func() { p.Click(browser.Link("Log").In(browser.CSS("nav"))) })
	p.Fill(browser.Field("Address or network"), "192.0.2.0/24")
	p.Select(browser.Field("Type"), "Failed login")
	p.Follow(func() { p.Click(browser.Button("Search")) })
	first := records(p)
	s.login("late@example.com", "wrong", "192.0.2.99")
	p.Follow(func() { p.Click(browser.Link("Older")) })
	second := records(p)
	both := slices.Compact(slices.Sorted(slices.Values(slices.Concat(first, second))))
	if len(first) != 50 || len(second) != 10 || len(both) != 60 {
		t.Errorf("pages of %d and %d records, %d different ones; want 50, 10 and 60", len(first), len(second), len(both))
	}
	p.Follow(func() { p.Click(browser.Link("Newest")) })
	p.See("late@example.com")

	p.Fill(browser.Field("User"), "Person07@Example.com")
	p.Follow(func() { p.Press(browser.Enter) })
	if found := records(p); len(found) != 1 {
		t.Errorf("%d records of one person, want 1", len(found))
	}
	p.Follow(func() { p.Click(browser.Link("This record among all of its request")) })
	p.See("person07@example.com")
	p.Fill(browser.Field("Address or network"), "nonsense")
	p.Allow("status of 4")
	p.Follow(func() { p.Click(browser.Button("Search")) })
	p.See("Nothing was searched")
	p.Accessible()
}
