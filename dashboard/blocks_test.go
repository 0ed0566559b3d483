package dashboard_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// hostile are texts that must be shown as texts.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.Secret}}`, `javascript:alert(1)`, "\u202egnihtyna", strings.Repeat("x", 10<<10),
}

// block keeps a network out, as a person at another place would.
func (s *site) block(network, reason, by string, d time.Duration) {
	s.t.Helper()
	b := gatehouse.Block{Prefix: netip.MustParsePrefix(network), Reason: reason, By: by, Created: s.now()}
	if d > 0 {
		b.Until = b.Created.Add(d)
	}
	if _, err := s.guard.BlockIP(s.t.Context(), b); err != nil {
		s.t.Fatal(err)
	}
}

// blockOf returns the block that covers an address.
func (s *site) blockOf(ip string) (gatehouse.Block, bool) {
	s.t.Helper()
	b, found, err := s.guard.IsIPBlocked(s.t.Context(), s.now(), netip.MustParseAddr(ip))
	if err != nil {
		s.t.Fatal(err)
	}
	return b, found
}

// says checks what a page says, and what it does not.
func (a answer) says(t *testing.T, status int, want []string, not ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, w := range want {
		if !strings.Contains(a.body, w) {
			t.Errorf("it does not say %q", w)
		}
	}
	for _, w := range not {
		if strings.Contains(a.body, w) {
			t.Errorf("it says %q", w)
		}
	}
	if t.Failed() {
		t.Log(a.body)
	}
}

func TestBlocksPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	b.get("/blocks").says(t, http.StatusOK, []string{"Nobody is kept out"}, "/blocks/place")
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	s.block("203.0.113.0/24", "floods <b>us</b>", "bob@example.com", 0)
	s.block("2001:db8::/32", "known bad", "bob@example.com", 3*time.Hour)

	b.get("/blocks").says(t, http.StatusOK, []string{
		"3 blocks", "198.51.100.7", "Brute force on ada@example.com", `rule <a href="/rules#brute_force">`, `href="/findings/`, "59 min",
		"203.0.113.0/24", "floods &lt;b&gt;us&lt;/b&gt;", "bob@example.com", "until lifted", "2001:db8::/32",
	}, "floods <b>", `action="/blocks/lift"`)
	b.get("/blocks?q=203.0.113.9").says(t, http.StatusOK, []string{"203.0.113.9 is blocked", "By the block of 203.0.113.0/24", "1 of 3 blocks"}, "198.51.100.7")
	b.get("/blocks?q=203.0.112.0/23").says(t, http.StatusOK, []string{"203.0.113.0/24", "1 of 3 blocks"}, "is blocked")
	b.get("/blocks?q=192.0.2.7").says(t, http.StatusOK, []string{"192.0.2.7 is not blocked", "No block in force fits"})
	b.get("/blocks?by=people").says(t, http.StatusOK, []string{"2 of 3 blocks", "203.0.113.0/24"}, "Brute force on ada")
	b.get("/blocks?by=brute_force").says(t, http.StatusOK, []string{"1 of 3 blocks", "Brute force on ada"}, "203.0.113.0/24")
	s.advance(2 * time.Hour)
	b.get("/blocks").says(t, http.StatusOK, []string{"2 blocks"}, "198.51.100.7")
}

func TestBlocksPageOfHostilePeople(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	for i, text := range hostile {
		s.block(fmt.Sprintf("203.0.113.%d/32", i), text, text, time.Hour)
		for _, path := range []string{"/blocks", "/blocks/past", "/blocks/allowed"} {
			a := b.get(path + "?" + url.Values{"q": {text}, "by": {text}, "page": {text}}.Encode())
			a.says(t, http.StatusUnprocessableEntity, []string{"Write an address like"}, "<script>a", "<img src=x")
		}
		b.get("/blocks?page="+url.QueryEscape(text)+"&by="+url.QueryEscape(text)).says(t, http.StatusOK, []string{"No block in force fits"}, "<script>a", "<img src=x")
		b.get("/blocks/past?after="+url.QueryEscape(text)).says(t, http.StatusNotFound, []string{"first page"}, "<script>a", "<img src=x")
	}
	for _, page := range []string{"", "0", "-1", "2", "99999999999999999999"} {
		b.get("/blocks?page="+page).says(t, http.StatusOK, []string{"&lt;script&gt;", "{{.Secret}}"}, "<script>a", "<img src=x", "\u202e")
	}
	b.get("/blocks/past").says(t, http.StatusOK, []string{"&lt;script&gt;"}, "<script>a", "<img src=x", "\u202e")
}

func TestBlocksPageByPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for i := range 120 {
		s.block(fmt.Sprintf("203.0.113.%d/32", i), "no. "+fmt.Sprint(i), "bob@example.com", time.Hour)
	}
	b.get("/blocks").says(t, http.StatusOK, []string{"1 to 50 of 120", "no. 119<", "no. 70<", "page=2"}, "no. 69<")
	b.get("/blocks?page=3").says(t, http.StatusOK, []string{"101 to 120 of 120", "no. 19<", "no. 0<", "page=2"}, "no. 20<", "page=4")
	b.get("/blocks?page=9&by=people").says(t, http.StatusOK, []string{"101 to 120 of 120", "by=people"})
}

func TestPlaceBlock(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	place := func(network, term, own, reason string) answer {
		t.Helper()
		return b.post("/blocks/place", url.Values{"network": {network}, "for": {term}, "own": {own}, "reason": {reason}, "next": {"/log"}})
	}
	b.get("/blocks?add=192.0.2.5").says(t, http.StatusOK, []string{`value="192.0.2.5"`})
	for _, c := range []struct {
		network, term, own, blocked string
		lasts                       time.Duration
	}{
		{"192.0.2.7", "1h", "", "192.0.2.7", time.Hour},
		{" ::ffff:192.0.2.8 ", "24h", "", "192.0.2.8", 24 * time.Hour},
		{"192.0.2.130/25", "30d", "", "192.0.2.255", 30 * 24 * time.Hour},
		{"2001:db8::1", "own", "2 w", "2001:db8::ffff", 14 * 24 * time.Hour},
		{"2001:db8:1::/48", "own", "90m", "2001:db8:1:2::3", 90 * time.Minute},
		{"198.51.100.1", "lifted", "", "198.51.100.1", 0},
	} {
		begin := s.now()
		if a := place(c.network, c.term, c.own, "they "+c.network); a.status != http.StatusSeeOther || a.location != "/log?done=placed" {
			t.Fatalf("%s: %d %s", c.network, a.status, a.body)
		}
		got, found := s.blockOf(c.blocked)
		if !found || got.By != "analyst@example.com" || !strings.HasPrefix(got.Reason, "they ") || got.Until.IsZero() != (c.lasts == 0) ||
			c.lasts > 0 && got.Until.Sub(begin.Add(c.lasts)).Abs() > time.Minute {
			t.Errorf("%s: %t %+v", c.network, found, got)
		}
	}
	place("198.51.100.2", "1h", "", "see https://hooks.example.com/?password=hunter2hunter2")
	if b, _ := s.blockOf("198.51.100.2"); strings.Contains(b.Reason, "hunter2") || !strings.Contains(b.Reason, "hooks.example.com") {
		t.Errorf("a secret is kept: %q", b.Reason)
	}
	for _, c := range []struct{ network, term, own, reason, says string }{
		{"", "1h", "", "r", "Write an address like"},
		{"192.0.2.300", "1h", "", "r", "Write an address like"},
		{"0.0.0.0/0", "1h", "", "r", "would keep everybody out"},
		{"::ffff:0:0/96", "1h", "", "r", "would keep everybody out"},
		{"192.0.2.77", "1h", "", " ", "Say why"},
		{"192.0.2.77", "2h", "", "r", "Choose for how long"},
		{"192.0.2.77", "own", "", "r", "own duration"},
		{"192.0.2.77", "own", "0h", "r", "own duration"},
		{"192.0.2.77", "own", "-1h", "r", "own duration"},
		{"192.0.2.77", "own", "99999d", "r", "own duration"},
		{"192.0.2.77", "own", "18446744073709551615w", "r", "own duration"},
	} {
		a := place(c.network, c.term, c.own, c.reason)
		if c.network != "0.0.0.0/0" && c.network != "::ffff:0:0/96" {
			a.says(t, http.StatusUnprocessableEntity, []string{c.says, `value="/log"`})
			continue
		}
		a.says(t, http.StatusConflict, []string{"Your own address"}) // which is in it, too
		a = b.post("/blocks/place", url.Values{"network": {c.network}, "for": {"1h"}, "reason": {"r"}, "confirm": {"yes"}})
		a.says(t, http.StatusUnprocessableEntity, []string{c.says})
	}
	if _, found := s.blockOf("192.0.2.77"); found {
		t.Error("blocked all the same")
	}
}

func TestPlaceBlockWarns(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	if err := s.allowed.Add(t.Context(), netip.MustParsePrefix("192.0.2.16/28"), "probes", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	for network, warning := range map[string]string{
		"127.0.0.1":    "Your own address, 127.0.0.1, would be kept out.",
		"127.0.0.0/8":  "Your own address, 127.0.0.1, would be kept out.",
		"192.0.2.0/24": "The allow list names 192.0.2.16/28.",
		"192.0.2.17":   "The allow list names 192.0.2.16/28.",
	} {
		form := url.Values{"network": {network}, "for": {"1h"}, "reason": {"a reason"}}
		b.post("/blocks/place", form).says(t, http.StatusConflict, []string{warning, `name="confirm" value="yes"`, `value="` + network + `"`, `value="a reason"`})
		if all, _ := s.blocks.List(t.Context(), s.now()); len(all) != 0 {
			t.Fatalf("blocked unconfirmed: %v", all)
		}
		form.Set("confirm", "yes")
		if a := b.post("/blocks/place", form); a.location != "/blocks?done=placed" {
			t.Errorf("confirmed: %d %s", a.status, a.body)
		}
		b.post("/blocks/lift", url.Values{"network": {network}})
	}
}

func TestLiftAndExtendBlock(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	found, _ := s.blockOf("198.51.100.7")
	form := url.Values{"network": {"198.51.100.7"}, "for": {"24h"}}
	if a := b.post("/blocks/extend", form); a.location != "/blocks?done=extended" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	longer, _ := s.blockOf("198.51.100.7")
	if !longer.Until.Equal(found.Until.Add(24*time.Hour)) || longer.Finding != found.Finding || len(longer.Accounts) != 1 || longer.By != "analyst@example.com" || longer.Reason != found.Reason {
		t.Errorf("from %+v\nto %+v", found, longer)
	}
	if a := b.post("/blocks/extend", url.Values{"network": {"198.51.100.7"}, "for": {"soon"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("by no duration: %d", a.status)
	}

	s.failLogins(1, "ada@example.com", "198.51.100.7") // refused
	if a := b.post("/blocks/lift", url.Values{"network": {"198.51.100.7"}, "next": {"/findings/" + found.Finding}}); a.location != "/findings/"+found.Finding+"?done=lifted" {
		t.Fatalf("%d %s", a.status, a.location)
	}
	if _, still := s.blockOf("198.51.100.7"); still {
		t.Error("it is blocked still")
	}
	s.failLogins(4, "ada@example.com", "198.51.100.7")
	if _, again := s.blockOf("198.51.100.7"); again {
		t.Error("the account did not get its attempts back")
	}
	for _, path := range []string{"/blocks/lift", "/blocks/extend"} {
		if a := b.post(path, form); a.location != "/blocks?done=unblocked" {
			t.Errorf("%s of no block: %d %s", path, a.status, a.location)
		}
		if a := b.post(path, url.Values{"network": {"x"}, "for": {"1h"}}); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s of nothing: %d", path, a.status)
		}
		if a := b.post(path, url.Values{"network": {"192.0.2.9"}, "for": {"1h"}, "next": {"//evil.example"}}); a.location != "/blocks?done=unblocked" {
			t.Errorf("%s leads to %s", path, a.location)
		}
	}
	for _, r := range s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.IPAddressUnblocked}}) {
		if r.Actor != "analyst@example.com" {
			t.Errorf("lifted by %q on record", r.Actor)
		}
	}
}
