package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// A session that an operator has at the login server opens nothing here, and neither
// does one whose mark is another's.
func TestCookieOfAnotherDoor(t *testing.T) {
	s := newSite(t)
	_, err := s.service.CreateOperator(t.Context(), "ada@example.com", password, "", accounts.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	_, grant, err := s.service.LoginBrowser(t.Context(), accounts.Login{Account: "ada@example.com", Password: password}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	site, _ := url.Parse(s.url)
	for value, want := range map[string]int{
		grant.Cookie:                                http.StatusSeeOther,
		grant.Cookie + s.handler.Mark("x"):          http.StatusSeeOther,
		s.handler.Mark(""):                          http.StatusSeeOther,
		grant.Cookie + s.handler.Mark(grant.Cookie): http.StatusOK,
	} {
		b := s.browser()
		b.http.Jar.SetCookies(site, []*http.Cookie{{Name: "gatehouse_dashboard", Value: value, Path: "/"}})
		if res := b.get("/operators"); res.status != want {
			t.Errorf("%q: %d, want %d", value, res.status, want)
		}
	}
}

// A page that is left open asks for news by itself, which is no reason to stay signed
// in.
func TestAnOpenPageSignsOut(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for range 7 { // twelve hours are the default
		s.advance(2 * time.Hour)
		b.get("/overview/counters")
		b.get("/overview/state")
	}
	if res := b.get("/"); res.status != http.StatusSeeOther {
		t.Errorf("after 14 hours: %d", res.status)
	}
	used := s.browser()
	used.post("/login", url.Values{"email": {"viewer@example.com"}, "password": {password}})
	for range 7 {
		s.advance(2 * time.Hour)
		used.get("/log")
	}
	if res := used.get("/"); res.status != http.StatusOK {
		t.Errorf("who was there all the time: %d", res.status)
	}
}

// One address tries the passwords of many accounts.
func TestSprayingIsLimited(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	limited := 0
	for i := range 60 {
		if res := b.post("/login", url.Values{"email": {gatehouse.NewID(s.now()) + "@example.com"}, "password": {"x"}}); res.status == http.StatusTooManyRequests {
			limited++
		} else if i >= 50 {
			t.Errorf("login %d: %d", i, res.status)
		}
	}
	if limited != 10 {
		t.Errorf("%d of 60 were limited", limited)
	}
}

func TestSigningInEndsTheSessionBefore(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	b.post("/login", url.Values{"email": {"viewer@example.com"}, "password": {password}})
	u, err := s.service.UserByAccount(t.Context(), "viewer@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if sessions, err := s.service.Sessions(t.Context(), u.ID); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, %v", len(sessions), err)
	}
}

// The live feed leaves connections for others.
func TestWatchersOfOneUserAreLimited(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for range 16 {
		defer b.follow(func(string, string) {})()
	}
	if res := b.get("/live"); res.status != http.StatusServiceUnavailable || res.header.Get("Retry-After") == "" {
		t.Errorf("the 17th: %d", res.status)
	}
}
