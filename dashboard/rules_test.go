package dashboard_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/rules"
)

// near adds to how often the counters of a rule stood at so many tenths of its limit.
func (s *site) near(rule string, tenths ...int) {
	s.t.Helper()
	var counts []logstats.Count
	for i, n := range tenths {
		counts = append(counts, logstats.Count{Slot: s.now(), Name: logstats.OfNear(rule, i), N: n})
	}
	if err := s.store.AddCounts(s.t.Context(), counts); err != nil {
		s.t.Fatal(err)
	}
}

var space = regexp.MustCompile(`\s+`)

// rule returns what the page says about one rule.
func (a answer) rule(t *testing.T, name string) answer {
	t.Helper()
	_, card, found := strings.Cut(a.body, `<section class="card" id="`+name+`"`)
	card, _, _ = strings.Cut(card, "</section>")
	if a.status != http.StatusOK || !found {
		t.Fatalf("nothing about %s: %d %s", name, a.status, a.body)
	}
	return answer{status: a.status, body: space.ReplaceAllString(card, " ")}
}

func TestRulesPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	page := b.get("/rules")
	page.rule(t, rules.BruteForce).says(t, http.StatusOK, []string{
		"guesses passwords", "Failed logins, counted for each account and address", "<strong>5</strong> within 5 minutes",
		"the address is blocked for 1 hour", "built in", "Nothing was counted in the last 7 days", "respond: [log, alert, block_ip: 1h]",
	}, "<form", "from your configuration")
	page.rule(t, rules.GeographicAnomaly).says(t, http.StatusOK, []string{"Judges at once", "It has found nothing yet"}, "<strong>0</strong>")
	page.rule(t, rules.BotActivity).says(t, http.StatusOK, []string{"Off"}) // see newSite

	s.failLogins(5, "ada@example.com", "198.51.100.7")
	s.advance(3 * 24 * time.Hour)
	b = s.as("viewer", accounts.Viewer, true) // the session is over
	s.failLogins(5, "bob@example.com", "198.51.100.8")
	page = b.get("/rules")
	_, glance, _ := strings.Cut(page.body, `<a href="#brute_force">`)
	if glance, _, _ = strings.Cut(glance, "</tr>"); !strings.Contains(glance, `<td class="num">1</td><td class="num">2</td><td class="num">2</td>`) {
		t.Errorf("attacks found: %s", glance)
	}

	set := s.guard.Rules()
	set.BruteForce.Limit = gatehouse.Limit{Threshold: 20, Window: time.Hour}
	set.BruteForce.Respond = rules.Responses{}
	s.guard.SetRules(set)
	b.get("/rules").rule(t, rules.BruteForce).says(t, http.StatusOK, []string{
		"<strong>20</strong> within 1 hour", "from your configuration; built in: 5 failed logins within 5 minutes; written down, people are told, the address is blocked for 1 hour",
	})
}

func TestRulesPageSaysHowNear(t *testing.T) {
	s := newSite(t)
	s.signIn(accounts.Viewer)
	s.near(rules.BruteForce, 0, 0, 9_000, 0, 990, 0, 6, 0, 3, 0, 1)
	s.near(rules.RapidSignup, 100, 40, 0, 0, 0, 7, 0, 0, 0, 2, 0)
	s.near(rules.MultipleDevices, 0, 0, 0, 5, 0, 2 /* while the limit was 2 */, 0, 0, 0, 0, 0)
	s.advance(5 * 24 * time.Hour)
	b := s.as("viewer", accounts.Viewer, true)
	page := b.get("/rules")
	page.rule(t, rules.BruteForce).says(t, http.StatusOK, []string{
		"99.9\u202f% of 10,000 counted failed logins stayed below half of the limit; 3 came within one of it; 1 reached it.",
		`<th scope="row">1</th><td class="num" data-value="9000">9,000</td>`,
		`<tr data-threshold="Limit: 5"><th scope="row">5</th><td class="num" data-value="1">1</td>`,
		`<th scope="row">3</th><td class="num">6 times</td>`, `<th scope="row">4</th><td class="num">3 times</td>`,
	}, "about")
	page.rule(t, rules.RapidSignup).says(t, http.StatusOK, []string{
		"93.9\u202f% of 149 counted signups stayed below half of the limit; 2 came within a tenth of it; 0 reached it.",
		`<th scope="row">1 to 4</th>`, `<th scope="row">45 to 49</th>`, `data-threshold="Limit: 50"`, `<th scope="row">25</th><td class="num">7 times</td>`,
	})
	page.rule(t, rules.MultipleDevices).says(t, http.StatusOK, []string{`<th scope="row">1</th><td class="num" data-value="5">`, `<th scope="row">about 50 %</th><td class="num" data-value="2">`})
	s.advance(5 * 24 * time.Hour)
	b = s.as("viewer", accounts.Viewer, true)
	b.get("/rules").rule(t, rules.BruteForce).says(t, http.StatusOK, []string{"Nothing was counted in the last 7 days"})
}

// Whatever the limit is, every count below it has one place, and the limit the last.
func TestRulesPageOfEveryLimit(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	s.near(rules.BruteForce, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	row := regexp.MustCompile(`<th scope="row">(\d+)(?: to (\d+))?</th><td class="num" data-value`)
	for limit := range 130 {
		if limit == 0 {
			continue
		}
		set := s.guard.Rules()
		set.BruteForce.Limit.Threshold = limit
		s.guard.SetRules(set)
		next := 1
		for _, m := range row.FindAllStringSubmatch(b.get("/rules").rule(t, rules.BruteForce).body, -1) {
			first, last := 0, 0
			fmt.Sscan(m[1], &first)
			if last = first; m[2] != "" {
				fmt.Sscan(m[2], &last)
			}
			if first != next || last < first {
				t.Errorf("limit %d: %d to %d, and should begin with %d", limit, first, last, next)
			}
			next = last + 1
		}
		if next != limit+1 {
			t.Errorf("limit %d: the last place is %d", limit, next-1)
		}
	}
}

func TestRulesPageSaysWhatWasSeen(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for i, agent := range []string{"curl/8.5.0", "sqlmap/1.8", "sqlmap/1.8", "sqlmap/1.8"} {
		e := gatehouse.Event{
			Kind: gatehouse.LoginFailed, Time: s.now(), Subject: gatehouse.Subject{Account: "ada@example.com"},
			Client: gatehouse.Client{IP: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), UserAgent: agent}, Endpoint: "POST /api/auth/login",
		}
		if _, err := s.guard.Observe(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	b.get("/rules").rule(t, rules.SuspiciousUserAgent).says(t, http.StatusOK, []string{
		`sqlmap</span><span class="rank-value">3</span>`, `curl</span><span class="rank-value">1</span>`, "Of the newest 4 findings",
	})
}

func TestShadow(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	put := func(rule, mode string) answer {
		return b.post("/rules/"+rule+"/shadow", url.Values{"shadow": {mode}})
	}
	for _, c := range []struct {
		rule, mode string
		status     int
	}{
		{"brute_forse", "on", http.StatusNotFound},
		{"<script>", "on", http.StatusNotFound},
		{rules.BruteForce, "", http.StatusUnprocessableEntity},
		{rules.BruteForce, "maybe", http.StatusUnprocessableEntity},
	} {
		if a := put(url.PathEscape(c.rule), c.mode); a.status != c.status {
			t.Errorf("%s %s: %d", c.rule, c.mode, a.status)
		}
	}
	b.get("/rules").rule(t, rules.BruteForce).says(t, http.StatusOK, []string{"Put in the shadow", "In force"})
	if a := put(rules.BruteForce, "on"); a.location != "/rules?done=shadow-on" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.failLogins(5, "ada@example.com", "198.51.100.7")
	page := b.get("/rules?done=shadow-on")
	page.says(t, http.StatusOK, []string{"The rule is in the shadow", "+ 1 in the shadow"})
	page.rule(t, rules.BruteForce).says(t, http.StatusOK, []string{"In the shadow", "Put back in force"})
	if a := put(rules.BruteForce, "off"); a.location != "/rules?done=shadow-off" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if want := []string{"brute_force on by administrator@example.com", "brute_force off by administrator@example.com"}; fmt.Sprint(s.shadows) != fmt.Sprint(want) {
		t.Errorf("%q", s.shadows)
	}
}
