package dashboard_test

import (
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func TestUsersPageByPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	var want []string
	for i := range 120 {
		name := fmt.Sprintf("person%03d@example.com", i)
		s.signUp(name)
		want = append(want, name)
	}
	s.signUp("other@example.com")
	row := regexp.MustCompile(`<a href="/users/[0-9a-f-]{36}">(person\d+@example.com)</a>`)
	var got []string
	path := "/users?q=" + url.QueryEscape(" PERSON")
	for path != "" {
		body := b.must(path)
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		if strings.Contains(body, "other@example.com") {
			t.Fatal("the search finds others")
		}
		path = ""
		if m := older.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d users: %v", len(got), got)
	}
	contains(t, "the page of all", b.must("/users"), "other@example.com", "viewer@example.com")
	if body := b.must("/users?only=operators"); !strings.Contains(body, "viewer@example.com</a>") || strings.Contains(body, "other@example.com") {
		t.Error(body)
	}
}

func TestUsersOfWhatIsNot(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	u := s.signUp("ada@example.com")
	for path, want := range map[string]int{
		"/users?q=" + strings.Repeat("a", 321):                         http.StatusUnprocessableEntity,
		"/users?q=%ff%00":                                              http.StatusOK,
		"/users?q=" + url.QueryEscape("<script>alert(1)</script>"):     http.StatusOK,
		"/users?after=zzzz":                                            http.StatusOK,
		"/users/nobody":                                                http.StatusNotFound,
		"/users/%00":                                                   http.StatusNotFound,
		"/users/" + strings.Repeat("a", 10_000):                        http.StatusNotFound,
		"/users/" + u.ID + "?group=nonsense":                           http.StatusUnprocessableEntity,
		"/users/" + u.ID + "?after=nothing":                            http.StatusNotFound,
		"/users/" + u.ID + "?group=logins":                             http.StatusOK,
		"/users/" + u.ID + "?group=" + string(gatehouse.LoginFailed):   http.StatusOK,
		"/users/" + u.ID + "?group=&after=" + gatehouse.NewID(s.now()): http.StatusNotFound,
	} {
		if a := b.get(path); a.status != want || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%.80s: %d, want %d", path, a.status, want)
		}
	}
}

func TestUser(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	u := s.signUp("ada@example.com")
	path := "/users/" + u.ID
	contains(t, "a user who has done nothing", b.must(path), "Nothing was found about this user", "Signed in nowhere", "Nothing is on record")

	s.at(2 * time.Hour)
	s.logIn(u, "198.51.100.7", firefox)
	s.at(time.Hour)
	session := s.logIn(u, "203.0.113.9", chrome)
	s.at(0)
	// Some records know the account name only, others the ID only.
	s.failLogins(2, "ada@example.com", "198.51.100.8")
	s.record(gatehouse.Event{Kind: gatehouse.TokenRefreshed, Subject: gatehouse.Subject{User: u.ID, Session: session.ID}, Client: session.Client})
	body := b.must(path)
	contains(t, "the page", body,
		"<h1>ada@example.com", "2 findings in 30 days", `data-chart="timeline"`, "2 devices, 2 sessions", "Firefox on Linux", "Chrome on Windows",
		`<svg class="world"`, `class="arc is-bad"`, "Tokyo, Japan", "Utrecht, Netherlands", "Account takeover", "Geographic anomaly",
		"Failed login", "2 times</span>", "Token refreshed", "Signed in")
	for group, want := range map[string][2]string{ // what is there, and what is not
		"logins":                        {"Failed login", "Token refreshed"},
		"refreshes":                     {"Token refreshed", "Failed login"},
		"findings":                      {"Account takeover", "Failed login"},
		string(gatehouse.LoginFailed):   {"Failed login", "Token refreshed"},
		string(gatehouse.AccountLocked): {"Nothing is on record of this kind", "Token refreshed"},
	} {
		_, activity, _ := strings.Cut(b.must(path+"?group="+group), `id="activity"`)
		_, list, _ := strings.Cut(activity, "</form>")
		if !strings.Contains(list, want[0]) || strings.Contains(list, want[1]) {
			t.Errorf("%s: %s", group, list)
		}
	}
}

// Whoever follows the pages sees everything once, in order, whether it is on record
// by the user's ID, by the account name, or by both.
func TestActivityPageByPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	u := s.signUp("ada@example.com")
	var want []string
	for i := range 333 {
		subject := []gatehouse.Subject{{User: u.ID}, {Account: u.Account}, {User: u.ID, Account: u.Account}, {Account: "bob@example.com"}}[i*7/5%4]
		reason := fmt.Sprintf("nr-%03d", i)
		s.record(gatehouse.Event{Kind: gatehouse.PasswordResetRequested, Time: s.now().Add(time.Duration(i-400) * time.Second), Subject: subject, Reason: reason})
		if subject.Account != "bob@example.com" {
			want = append(want, "Nr-"+reason[3:])
		}
	}
	slices.Reverse(want)
	var got []string
	for path := "/users/" + u.ID + "?group=passwords"; path != ""; {
		body := b.must(path)
		got = append(got, regexp.MustCompile(`Nr-\d{3}`).FindAllString(body, -1)...)
		if strings.Contains(body, " times</span>") {
			t.Fatal("a record is shown as if it were two")
		}
		path = ""
		if m := older.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d records: %v", len(got), len(want), got)
	}
}

// Days are those of the viewer's time zone. A finding counts on the day on which it
// began.
func TestFindingsByDay(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	u := s.signUp("ada@example.com")
	zone, err := time.LoadLocation("Pacific/Kiritimati") // UTC+14
	if err != nil {
		t.Fatal(err)
	}
	now := s.now().In(zone)
	noon := time.Date(now.Year(), now.Month(), now.Day()-3, 12, 0, 0, 0, zone)
	s.record(gatehouse.Event{Kind: gatehouse.TokenReused, Time: noon, Subject: gatehouse.Subject{User: u.ID}})
	s.record(gatehouse.Event{Kind: gatehouse.TokenReused, Time: noon.AddDate(0, 0, -40), Subject: gatehouse.Subject{User: u.ID}})
	f := gatehouse.Finding{ID: "f-1", Rule: "brute_force", Kind: gatehouse.BruteForceDetected, Severity: gatehouse.Critical, First: noon, Count: 10}
	for i, at := range []time.Time{noon, noon.AddDate(0, 0, 1), noon.AddDate(0, 0, 2)} {
		f.Last = at
		r := gatehouse.Record{ID: gatehouse.NewID(at), Event: gatehouse.Event{Kind: f.Kind, Time: at, Subject: gatehouse.Subject{Account: u.Account}}, Severity: f.Severity, Finding: &f}
		if err := s.store.Append(t.Context(), r); err != nil {
			t.Fatal(i, err)
		}
	}
	site, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	b.http.Jar.SetCookies(site, []*http.Cookie{{Name: "tz", Value: zone.String()}})
	body := b.must("/users/" + u.ID)
	contains(t, "the page", body, "2 findings in 30 days", `data-zone="Pacific/Kiritimati"`,
		noon.Format("Mon 2 Jan")+`</time></th><td class="num">1</td><td class="num">1</td>`)
	if n := strings.Count(body, `<td class="num">1</td>`); n != 2 {
		t.Errorf("%d findings are shown", n)
	}
}

func TestUserOfHostileText(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	u := s.signUp("ada@example.com")
	s.record(gatehouse.Event{Kind: gatehouse.PasswordReset, Subject: gatehouse.Subject{User: u.ID}, Reason: "état_d’urgence"})
	contains(t, "the page", b.must("/users/"+u.ID), "État d’urgence")
	for _, text := range []string{`<script>alert(1)</script>`, `" onmouseover="alert(1)`, `{{.User}}`, "\u202egnp.exe", strings.Repeat("x", 10_000)} {
		s.logIn(u, "198.51.100.7", "Mozilla/5.0 "+text)
		e := gatehouse.Event{Kind: gatehouse.PasswordReset, Subject: gatehouse.Subject{User: u.ID, Session: text}, Reason: text, Endpoint: text}
		e.Client = gatehouse.Client{IP: netip.MustParseAddr("198.51.100.7"), UserAgent: text, Device: gatehouse.Device{ID: text, Name: text}}
		s.record(e)
		if a := b.post("/users/"+u.ID+"/end-all", url.Values{"reason": {text}}); a.status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.status, a.body)
		}
		body := b.must("/users/" + u.ID)
		for _, bad := range []string{"<script>alert", `" onmouseover=`, "\u202e", strings.Repeat("x", 2000)} {
			if strings.Contains(body, bad) {
				t.Errorf("%.30q is more than text", text)
			}
		}
	}
}
