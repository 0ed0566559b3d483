package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/browser"
)

// navigation returns the paths that the navigation of the dashboard leads to.
func navigation(p *browser.Page) []string {
	return browser.Eval[[]string](p, `[...document.querySelectorAll("nav[aria-label=Pages] a[href]")].map(a => a.getAttribute("href"))`)
}

// pages is every page of the dashboard for who is signed in: those of the
// navigation, and those of one finding and one user.
func (s *server) pages(p *browser.Page) []string {
	s.t.Helper()
	p.Go(s.admin + "/")
	paths := append(navigation(p), "/blocks/past", "/blocks/allowed")
	for _, r := range s.log() {
		if r.Kind == gatehouse.BruteForceDetected {
			paths = append(paths, "/findings/"+r.Finding.ID)
		}
		if r.Kind == gatehouse.GeographicAnomaly {
			paths = append(paths, "/users/"+r.User)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// busyConfig is for a server at which a bit of everything happens.
const busyConfig = cheapHash + proxied + places

// busy has a bit of everything happen: logins from two continents, guesses, a
// scanner, a thief's token and refreshes in a hurry.
func (s *server) busy() {
	s.t.Helper()
	s.signup("ada@example.com")
	s.signup("bob@example.com")
	s.login("ada@example.com", password, "192.0.2.1").tokens(s.t)
	away := loginCall("ada@example.com", password, "198.51.100.1")
	away.agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	s.do(away).tokens(s.t)
	k := s.login("bob@example.com", password, "192.0.2.3").tokens(s.t)
	for range 11 {
		k = s.do(call{method: "POST", path: "/api/auth/refresh", from: "192.0.2.3", body: map[string]string{"refresh_token": k.Refresh}}).tokens(s.t)
	}
	scan := loginCall("bob@example.com", "wrong", "203.0.113.7")
	scan.agent = "sqlmap/1.7"
	s.do(scan)
	s.guess("bob@example.com", "203.0.113.9")
}

// Each page is for everybody: on a phone and on a wall, light and dark, with a
// screen reader, by keyboard, and without JavaScript.
func TestBrowserPagesAreForEverybody(t *testing.T) {
	for name, s := range map[string]*server{"empty": start(t, busyConfig), "busy": start(t, busyConfig)} {
		p := s.dashboard()
		if name == "busy" {
			s.busy()
		}
		for _, path := range s.pages(p) {
			t.Run(name+strings.ReplaceAll(path, "/", "_"), func(t *testing.T) {
				s, p := s.in(t), p.In(t)
				if status := p.Go(s.admin + path); status != http.StatusOK {
					t.Fatalf("status %d", status)
				}
				if name == "busy" {
					checkPage(t, p)
					return
				}
				p.Accessible(browser.Look{Width: 360, Dark: true}, browser.Look{Width: 1280})
				p.Fits(360)
			})
		}
		t.Run(name+" without JavaScript", func(t *testing.T) {
			s, p := s.in(t), p.In(t)
			texts := map[string]string{}
			paths := s.pages(p)
			for _, path := range paths {
				p.Go(s.admin + path)
				texts[path] = p.Text(browser.Role("heading", browser.Eval[string](p, `document.querySelector("h1").textContent`)))
			}
			p.NoScript()
			for _, path := range paths {
				p.Go(s.admin + path)
				p.See(texts[path])
				checkPlain(t, p)
			}
		})
	}
}

// checkPage checks what holds for every page.
func checkPage(t *testing.T, p *browser.Page) {
	t.Helper()
	p.Accessible()
	p.Fits(360, 1280, 2560)
	if n := browser.Eval[int](p, `document.querySelectorAll("h1").length`); n != 1 {
		t.Errorf("%d headings of the first level, want one", n)
	}
	stops := p.Walk()
	if len(stops) == 0 || stops[0].Name != "Skip to content" {
		t.Fatalf("the keyboard's first stop is not the link that skips to the content: %.3v", stops)
	}
	for _, s := range stops {
		if !s.Visible {
			t.Errorf("no focus can be seen at %s %q", s.Tag, s.Name)
		}
		if s.Name == "" {
			t.Errorf("a %s without a name has the focus", s.Tag)
		}
	}
	for _, e := range p.Unreached() {
		t.Errorf("the keyboard does not reach %s", e)
	}
	p.Run(`for (const d of document.querySelectorAll("main details")) d.open = true`)
	p.Accessible(browser.Look{Width: 360, Dark: true}, browser.Look{Width: 1280})
	p.Fits(360)
	for i := range min(3, browser.Eval[int](p, `document.querySelectorAll("main [popover]").length`)) {
		p.Run(fmt.Sprintf(`document.querySelectorAll("main [popover]")[%d].showPopover()`, i))
		p.Accessible(browser.Look{Width: 360}, browser.Look{Width: 1280, Dark: true})
		p.Fits(360)
	}
	p.Quiet()
}

// checkPlain checks that a page without JavaScript shows what its charts would,
// and nothing that only a script would bring to life.
func checkPlain(t *testing.T, p *browser.Page) {
	t.Helper()
	for _, chart := range browser.Eval[[]string](p, `[...document.querySelectorAll("[data-chart]")]
		.filter(f => !f.querySelector("table")?.checkVisibility({visibilityProperty: true})).map(f => f.outerHTML.slice(0, 200))`) {
		t.Errorf("%s: no table is seen behind the chart %s", p.URL(), chart)
	}
	for _, dead := range browser.Eval[[]string](p, `[...document.querySelectorAll("button[type=button]:not([popovertarget])")]
		.filter(b => b.checkVisibility({visibilityProperty: true})).map(b => b.outerHTML.slice(0, 200))`) {
		t.Errorf("%s: without JavaScript this button does nothing: %s", p.URL(), dead)
	}
	p.Fits(360)
}

// hostileEmail is as bad as an address can be that Gatehouse takes for one. What is
// none is recorded as a hash.
const hostileEmail = "{{.secret}}'onfocus=alert`1`'&lt%3cb%3e/?x=1#y@example.com"

// assault has strangers fill in whatever they can with attacks, and has each
// attack found, so that the texts are on all pages.
func (s *server) assault(p *browser.Page) {
	s.t.Helper()
	s.signup(hostileEmail)
	s.guess(hostileEmail, "203.0.113.100")
	for i, a := range browser.Attacks() {
		for range 5 {
			c := loginCall(a.Text+"@example.com", "wrong", fmt.Sprintf("203.0.113.%d", 10+i))
			c.agent = a.Text
			s.do(c)
		}
		holder := fmt.Sprintf("holder%d@example.com", i)
		s.do(call{method: "POST", path: "/api/auth/signup", from: "192.0.2.77", agent: a.Text,
			body: map[string]string{"email": holder, "password": password, "name": a.Text}})
		c := loginCall(holder, password, "192.0.2.78")
		c.agent = a.Text
		s.do(c)
		s.do(call{method: "GET", path: "/api/auth/" + url.PathEscape(a.Text), from: "192.0.2.79"})
		p.Go(s.admin + "/blocks")
		form := browser.CSS("#place")
		p.Fill(browser.Field("Address or network").In(form), fmt.Sprintf("198.51.100.%d", 10+i))
		p.Fill(browser.Field("Reason").In(form), a.Text)
		p.Follow(func() { p.Click(browser.Button("Block").In(form)) })
		p.Unharmed()
	}
}

// A stranger's texts are texts, on every page.
func TestBrowserHostileTexts(t *testing.T) {
	s := start(t, busyConfig+"rules: {suspicious_user_agent: {enabled: false}, bot_activity: {enabled: false}}\n")
	p := s.dashboard()
	s.busy()
	watcher := p.Another(s.admin)
	watcher.Go(s.admin + "/")
	watcher.Listening()
	s.assault(p)
	watcher.See(hostileEmail)
	watcher.Unharmed()

	for _, path := range s.hostilePages(p) {
		if status := p.Go(s.admin + path); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
		p.Unharmed()
		p.Fits(360, 1280)
	}
	p.Go(s.admin + "/log?size=200&ip=203.0.113.0/24")
	p.Run(`for (const d of document.querySelectorAll("details")) d.open = true`)
	for _, a := range browser.Attacks() {
		p.See(a.Mark)
	}
	p.Unharmed()
	p.Allow("status of 422") // no network
	for _, a := range browser.Attacks() {
		p.Go(s.admin + "/log?user=" + url.QueryEscape(a.Text))
		p.Unharmed()
		p.Go(s.admin + "/blocks?q=" + url.QueryEscape(a.Text))
		p.Unharmed()
	}
	// Links lead to what they name, whatever signs it has.
	p.Go(s.admin + "/findings")
	p.Follow(func() { p.Click(browser.Link(hostileEmail)) })
	if got := p.Value(browser.Field("User")); got != hostileEmail || !p.Has(browser.CSS(".record")) {
		t.Errorf("the link leads to the log of %q at %s", got, p.URL())
	}
}

// hostilePages are all pages, with each finding and each user.
func (s *server) hostilePages(p *browser.Page) []string {
	paths := s.pages(p)
	for _, r := range s.log() {
		if r.Finding != nil {
			paths = append(paths, "/findings/"+r.Finding.ID)
		}
		if r.User != "" {
			paths = append(paths, "/users/"+r.User)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// On a phone the navigation is behind a button, with JavaScript and without.
func TestBrowserMenuOnAPhone(t *testing.T) {
	s := start(t, cheapHash+proxied)
	p := s.dashboard()
	for _, script := range []bool{true, false} {
		if !script {
			p.NoScript()
		}
		p.Wear(browser.Look{Width: 360})
		p.Go(s.admin + "/")
		p.Click(browser.Button("Menu"))
		p.Await(browser.Link("Blocks"))
		if script {
			p.Accessible(browser.Look{Width: 360})
			p.Wear(browser.Look{Width: 360})
			p.Press(browser.Escape)
			p.Await(browser.Button("Menu"))
			p.Click(browser.Button("Menu"))
		}
		p.Follow(func() { p.Click(browser.Link("Blocks")) })
		p.Await(browser.Role("heading", "Blocks"))
	}
}
