package dashboard_test

import (
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// append writes records to the log as they are.
func (s *site) append(records ...gatehouse.Record) {
	s.t.Helper()
	if err := s.store.Append(s.t.Context(), records...); err != nil {
		s.t.Fatal(err)
	}
}

// noon is when the records of these tests are from.
var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// failure is a failed login so many minutes after noon.
func failure(minute int, account, ip string) gatehouse.Record {
	at := noon.Add(time.Duration(minute) * time.Minute)
	return gatehouse.Record{ID: gatehouse.NewID(at), Event: gatehouse.Event{
		Kind: gatehouse.LoginFailed, Time: at, Subject: gatehouse.Subject{Account: account},
		Client: gatehouse.Client{IP: netip.MustParseAddr(ip), UserAgent: firefox}, Reason: "wrong_password",
	}}
}

var shownID = regexp.MustCompile(`id="r-([^"]+)"`)

// shown returns the IDs of the records on a page, in order.
func shown(a answer) []string {
	var ids []string
	for _, m := range shownID.FindAllStringSubmatch(a.body, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

func TestLogSearch(t *testing.T) {
	s := newSite(t)
	user, err := s.service.Signup(t.Context(), "ada@example.com", password, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	ada := failure(1, "ada@example.com", "198.51.100.7")
	ada.User = user.ID
	bob := failure(2, "bob@xn--mnchen-3ya.example.com", "203.0.113.9")
	bob.Kind, bob.CorrelationID = gatehouse.LoginRefused, "correlation-of-bob"
	found := failure(3, "bob@xn--mnchen-3ya.example.com", "2001:db8::7")
	found.Kind, found.Finding = gatehouse.BruteForceDetected, &gatehouse.Finding{ID: "finding-1", Rule: "brute_force", Kind: gatehouse.BruteForceDetected, Window: 5 * time.Minute, Count: 1}
	odd := failure(4, s.service.AccountName("Not An Address"), "192.0.2.1")
	s.append(ada, bob, found, odd)
	all := []string{odd.ID, found.ID, bob.ID, ada.ID}
	b := s.signIn(accounts.Viewer)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"from=2026-10-20&to=2026-10-20", all},
		{"user=" + user.ID + "&kind=login_failed", []string{ada.ID}},
		{"user=+ADA%40Example.COM+&kind=login_failed", []string{ada.ID}},
		{"user=" + url.QueryEscape("bob@München.example.com"), []string{found.ID, bob.ID}},
		{"user=not+an+ADDRESS", []string{odd.ID}},
		{"user=" + s.service.AccountName("Not An Address"), []string{odd.ID}},
		{"user=nobody%40example.com", nil},
		{"ip=203.0.113.9", []string{bob.ID}},
		{"ip=%3A%3Affff%3A203.0.113.9", []string{bob.ID}},
		{"ip=2001:db8::/32", []string{found.ID}},
		{"kind=login_refused", []string{bob.ID}},
		{"kind=login_refused&kind=findings", []string{found.ID, bob.ID}},
		{"kind=login_refused,brute_force_detected", []string{found.ID, bob.ID}},
		{"kind=findings", []string{found.ID}},
		{"correlation=correlation-of-bob", []string{bob.ID}},
		{"finding=finding-1", []string{found.ID}},
		{"from=2026-10-20T12:02&to=2026-10-20T12:04", []string{found.ID, bob.ID}},
		{"from=2026-10-20T12:02:00Z&to=2026-10-20T14:03:00%2B02:00", []string{bob.ID}},
		{"from=2026-10-20T17:47&to=2026-10-20T17:48&tz=Asia/Kathmandu", []string{bob.ID}},
		{"from=2026-10-20T12:02&ip=192.0.2.0/24", []string{odd.ID}},
		{"span=1h&kind=findings", nil},
	} {
		t.Run(c.query, func(t *testing.T) {
			page := b.get("/log?" + c.query)
			if got := shown(page); page.status != http.StatusOK || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%d, records %v, want %v", page.status, got, c.want)
			}
		})
	}
	for _, page := range []struct{ query, want string }{
		{"user=not+an+address", "Searched as <code>" + s.service.AccountName("Not An Address") + "</code>"},
		{"user=nobody%40example.com", "No record fits"},
		{"finding=finding-1", `<a href="/findings/finding-1">finding-1</a>`},
		{"finding=finding-1", "300000000000 (5 minutes)"},
		{"finding=finding-1", "<details open>"},
		{"ip=203.0.113.9", `<a href="/log?correlation=correlation-of-bob">correlation-of-bob</a>`},
		{"user=" + user.ID + "&kind=login_failed", `<a href="/users/` + user.ID + `">` + user.ID + `</a>`},
		{"from=2026-10-20T14:02:00%2B02:00", `value="2026-10-20T12:02:00"`},
		{"kind=login_refused,findings", `<option value="login_refused,findings" selected>Login refused, Findings</option>`},
		{"", "correlation=correlation-of-bob&amp;open=" + bob.ID + "#r-" + bob.ID},
	} {
		if got := b.get("/log?" + page.query); !strings.Contains(got.body, page.want) {
			t.Errorf("/log?%s does not say %s", page.query, page.want)
		}
	}
}

var shownFrom = regexp.MustCompile(`name="from" value="([^"]+)"`)

// An hour that comes twice is not mixed up with the other when the form is sent again.
func TestLogHourThatComesTwice(t *testing.T) {
	s := newSite(t)
	summer, winter := failure(0, "ada@example.com", "192.0.2.1"), failure(0, "ada@example.com", "192.0.2.1")
	summer.Time = time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 02:30 in Berlin
	winter.Time = summer.Time.Add(time.Hour)                     // 02:30 again
	s.append(summer, winter)
	b := s.signIn(accounts.Viewer)
	for from, want := range map[string]int{"2026-10-25T02:30:00+02:00": 2, "2026-10-25T02:30:00+01:00": 1} {
		for range 2 {
			page := b.get("/log?" + url.Values{"kind": {"login_failed"}, "tz": {"Europe/Berlin"}, "from": {from}}.Encode())
			if got := len(shown(page)); got != want {
				t.Errorf("since %s: %d records, want %d", from, got, want)
			}
			m := shownFrom.FindStringSubmatch(page.body)
			if m == nil {
				t.Fatal("no field for the beginning")
			}
			from = html.UnescapeString(m[1])
		}
	}
}

func TestLogBadParameters(t *testing.T) {
	b := newSite(t).signIn(accounts.Viewer)
	for query, want := range map[string]string{
		"ip=somewhere":                           "Write an address like",
		"ip=192.0.2.0/99":                        "Write an address like",
		"kind=login_fialed":                      "There is no such type",
		"kind=login_failed&kind=x":               "There is no such type",
		"span=1y":                                "Choose one of 1h",
		"from=yesterday":                         "Write a time like",
		"to=2026-13-01":                          "Write a time like",
		"from=2026-10-21&to=2026-10-20":          "not after the beginning",
		"size=1000000":                           "50, 100 or 200",
		"size=x":                                 "50, 100 or 200",
		"tz=Mars/Olympus":                        "does not know",
		"from=%3Cscript%3Ealert(1)%3C/script%3E": "&lt;script&gt;",
	} {
		page := b.get("/log?" + query)
		if page.status != http.StatusUnprocessableEntity || query[:2] != "tz" && !strings.Contains(page.body, want) {
			t.Errorf("%s: %d, does it say %q? %t", query, page.status, want, strings.Contains(page.body, want))
		}
	}
	for _, query := range []string{"after=no-such-record", "after=%00%ff", "after=" + strings.Repeat("x", 8000)} {
		page := b.get("/log?" + query)
		if page.status != http.StatusNotFound || !strings.Contains(page.body, "not in the log any more") {
			t.Errorf("%.30s: %d %s", query, page.status, page.body)
		}
	}
	for _, query := range []string{"user=" + strings.Repeat("%F0%9F%98%80", 2000), "correlation=%00", "finding=%ff", "from=0000-01-01", "from=9999-12-31&to=9999-12-31", "ip=::/0", "ip=fe80::1%25eth0"} {
		if page := b.get("/log?" + query); page.status != http.StatusOK {
			t.Errorf("%.40s: %d", query, page.status)
		}
	}
}

var olderLink = regexp.MustCompile(`rel="next" href="([^"]+)"`)

// Who reads from page to page sees each record once, whatever is added meanwhile.
func TestLogPaging(t *testing.T) {
	s := newSite(t)
	var records []gatehouse.Record
	for i := range 230 {
		records = append(records, failure(i/3, "ada@example.com", "198.51.100.7")) // three at a time
	}
	s.append(records...)
	b := s.signIn(accounts.Viewer)
	path, seen, pages := "/log?kind=login_failed&size=100&tz=Europe/Berlin", []string{}, 0
	for path != "" {
		page := b.get(path)
		if page.status != http.StatusOK {
			t.Fatalf("%s: %d", path, page.status)
		}
		if pages++; pages > 1 && !strings.Contains(page.body, `href="/log?kind=login_failed&amp;size=100&amp;tz=Europe%2FBerlin"`) {
			t.Error("there is no way back to the newest")
		}
		seen = append(seen, shown(page)...)
		path = ""
		if m := olderLink.FindStringSubmatch(page.body); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
		s.append(failure(1000+pages, "ada@example.com", "198.51.100.7"))
	}
	if pages != 3 || len(seen) != len(records) {
		t.Fatalf("%d pages with %d records, want 3 with %d", pages, len(seen), len(records))
	}
	for i, r := range records {
		if want := seen[len(seen)-1-i]; r.ID != want {
			t.Fatalf("record %d is %s, want %s", i, r.ID, want)
		}
	}
	if last := b.get("/log?kind=login_failed&after=" + records[0].ID); !strings.Contains(last.body, "No older records") {
		t.Error("behind the last record: no word that this was all")
	}
}

func TestLogShowsTextsAsTexts(t *testing.T) {
	s := newSite(t)
	const attack = `"><script>alert(1)</script>{{.}}<img src=x onerror=alert(1)>`
	r := failure(0, "ada@example.com", "192.0.2.1")
	r.UserAgent, r.Reason, r.Endpoint, r.Device.Name, r.Actor, r.CorrelationID, r.Session, r.Place.City = attack, attack, attack, attack, attack, attack, attack, attack
	r.Finding = &gatehouse.Finding{ID: attack, Rule: attack, Kind: gatehouse.SuspiciousActivity, Evidence: gatehouse.Evidence{Pattern: attack}}
	s.append(r)
	b := s.signIn(accounts.Viewer)
	for _, path := range []string{"/log", "/log?user=" + url.QueryEscape(attack), "/log?correlation=" + url.QueryEscape(attack), "/log?ip=" + url.QueryEscape(attack)} {
		page := b.get(path)
		if strings.Contains(page.body, "<script>alert") || strings.Contains(page.body, "<img src=x") {
			t.Errorf("%s: the attack is in the page as it was sent", path)
		}
	}
	if page := b.get("/log?correlation=" + url.QueryEscape(attack)); !strings.Contains(page.body, "&lt;script&gt;alert(1)") || len(shown(page)) != 1 {
		t.Error("the text is not shown")
	}
}

// Whatever can be in the log can be chosen, once.
func TestLogOffersEachType(t *testing.T) {
	b := newSite(t).signIn(accounts.Viewer)
	page := b.get("/log")
	for _, kind := range gatehouse.Kinds() {
		if n := strings.Count(page.body, fmt.Sprintf(`<option value="%s"`, kind)); n != 1 {
			t.Errorf("%s can be chosen %d times", kind, n)
		}
	}
	if chosen := b.get("/log?kind=findings"); !strings.Contains(chosen.body, `<option value="findings" selected>`) {
		t.Error("a group that was chosen is not the one that is shown")
	}
}
