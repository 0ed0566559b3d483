package dashboard_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/dashboard"
)

func TestPastBlocks(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	b.get("/blocks/past").says(t, http.StatusOK, []string{"Nobody was blocked yet"})

	s.failLogins(5, "ada@example.com", "198.51.100.7") // runs out
	s.block("203.0.113.0/24", "floods", "bob@example.com", 0)
	b.post("/blocks/lift", url.Values{"network": {"203.0.113.0/24"}})
	s.advance(2 * time.Hour)
	s.block("192.0.2.99/32", "short", "bob@example.com", time.Hour)
	s.advance(time.Minute)
	b.post("/blocks/extend", url.Values{"network": {"192.0.2.99"}, "for": {"7d"}})
	s.advance(time.Minute)
	s.block("192.0.2.99/32", "longer still", "bob@example.com", 30*24*time.Hour)

	b.get("/blocks/past?q=192.0.2.99").says(t, http.StatusOK, []string{"1 minute ago</time>, by analyst@example.com"})
	b.get("/blocks/past").says(t, http.StatusOK, []string{
		"Brute force on ada@example.com", "Ran out ", "Lifted</span> by analyst@example.com", " by analyst@example.com</td>",
		"Replaced by a longer one", "In force: ",
	})
	s.block("192.0.0.0/16", "a wider one that ends later", "bob@example.com", 0)
	b.get("/blocks/past?q=192.0.2.99").says(t, http.StatusOK, []string{"Replaced by a longer one", "In force: ", "192.0.0.0/16"}, "Over<")
	b.get("/blocks/past?q=203.0.113.77").says(t, http.StatusOK, []string{"203.0.113.0/24", "floods"}, "198.51.100.7", "192.0.2.99")
	b.get("/blocks/past?q=198.51.100.7").says(t, http.StatusOK, []string{"Ran out "}, "203.0.113.0", "192.0.2.99")
	b.get("/blocks/past?q=198.51.100.8").says(t, http.StatusOK, []string{"Nothing fits"})
}

var olderBlocks = regexp.MustCompile(`href="(/blocks/past\?after=[^"]+)"`)

// Whoever goes on from page to page sees each record once, whatever is added meanwhile.
func TestPastBlocksPageByPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for i := range 120 {
		s.block(fmt.Sprintf("203.0.113.%d/32", i), fmt.Sprintf("no. %03d.", i), "bob@example.com", time.Hour)
	}
	seen, path, pages := map[string]int{}, "/blocks/past", 0
	for path != "" && pages < 10 {
		a := b.get(path)
		for _, m := range regexp.MustCompile(`no\. \d{3}\.`).FindAllString(a.body, -1) {
			seen[m]++
		}
		s.block(fmt.Sprintf("198.51.100.%d/32", pages), "a new one", "bob@example.com", time.Hour)
		path, pages = "", pages+1
		if m := olderBlocks.FindStringSubmatch(a.body); m != nil {
			path = m[1]
		}
	}
	if pages != 3 || len(seen) != 120 {
		t.Errorf("%d records on %d pages", len(seen), pages)
	}
	for text, n := range seen {
		if n != 1 {
			t.Errorf("%q %d times", text, n)
		}
	}
}

func TestAllowList(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	b.get("/blocks/allowed").says(t, http.StatusOK, []string{"The allow list is empty"})
	s.allowed.list = []dashboard.Allowed{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Origin: "configuration"}}
	add := func(network, reason string) answer {
		return b.post("/blocks/allowed/add", url.Values{"network": {network}, "reason": {reason}})
	}
	add("192.0.2.x", "probes").says(t, http.StatusUnprocessableEntity, []string{"Write an address like", `value="192.0.2.x"`, `value="probes"`})
	add("192.0.2.99", "").says(t, http.StatusUnprocessableEntity, []string{"Say why"})
	if a := add("192.0.2.99", "<script>probes"); a.location != "/blocks/allowed?done=allowed" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.get("/blocks/allowed").says(t, http.StatusOK, []string{"2 networks", "configuration", "192.0.2.99", "&lt;script&gt;probes", "administrator@example.com", "changed there"}, "<script>probes")
	b.get("/blocks/allowed?q=10.1.2.3").says(t, http.StatusOK, []string{"1 of 2 networks", "10.0.0.0/8"}, "192.0.2.99")
	b.get("/blocks?q=192.0.2.99").says(t, http.StatusOK, []string{"192.0.2.99 is let in", "allow list"})

	remove := func(network string) answer {
		return b.post("/blocks/allowed/remove", url.Values{"network": {network}})
	}
	if a := remove("10.0.0.0/8"); a.status != http.StatusNotFound {
		t.Errorf("what the configuration says: %d", a.status)
	}
	if a := remove("192.0.2.99"); a.location != "/blocks/allowed?done=disallowed" {
		t.Errorf("%d %s", a.status, a.body)
	}
	b.get("/blocks/allowed").says(t, http.StatusOK, []string{"1 network"}, "probes")
}
