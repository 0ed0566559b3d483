package dashboard_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/rules"
)

func TestFindingsAreFiltered(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	s.at(48 * time.Hour)
	s.failLogins(5, "old@example.com", "198.51.100.7")
	s.at(0)
	s.failLogins(5, "ada@example.com", "198.51.100.8")
	s.record(gatehouse.Event{Kind: gatehouse.LoginFailed, Subject: gatehouse.Subject{Account: "bot@example.com"}, Client: gatehouse.Client{UserAgent: "sqlmap/1.8"}})
	s.observe(gatehouse.TokenReused, "eve@example.com", "203.0.113.9")
	for _, c := range []struct {
		query string
		want  string // who is named, of old, ada, bot and eve
	}{
		{"", "old ada bot eve"},
		{"?span=24h", "ada bot eve"},
		{"?span=all&severity=high", "old ada eve"},
		{"?severity=warning", "bot"},
		{"?severity=critical", ""},
		{"?rule=brute_force", "old ada"},
		{"?rule=brute_force&span=24h", "ada"},
		{"?rule=rapid_signup", ""},
		{"?rule=token_reuse_detected", "eve"},
	} {
		body := b.must("/findings" + c.query)
		var got []string
		for _, name := range []string{"old", "ada", "bot", "eve"} {
			if strings.Contains(body, name+"@example.com") {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.query, got, c.want)
		}
	}
	body := b.must("/findings")
	contains(t, "the choice of rules", body, "Any (4)", "Brute force (2)", "Suspicious user agent (1)", "Geographic anomaly (0)")
}

func TestFindingsOfWhatIsNot(t *testing.T) {
	b := newSite(t).signIn(accounts.Viewer)
	for query, want := range map[string]int{
		"severity=severe": http.StatusUnprocessableEntity,
		"rule=nonsense":   http.StatusUnprocessableEntity,
		"rule=" + url.QueryEscape(`"><script>alert(1)</script>`): http.StatusUnprocessableEntity,
		"span=century":         http.StatusUnprocessableEntity,
		"after=nothing":        http.StatusNotFound,
		"after=%00&severity=":  http.StatusNotFound,
		"span=7d&span=century": http.StatusOK,
	} {
		if a := b.get("/findings?" + query); a.status != want || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s: %d, want %d\n%s", query, a.status, want, a.body)
		}
	}
	contains(t, "the answer", b.get("/findings?span=x").body, "The spans are 24h, 7d, 30d and all.")
}

// Whoever follows the pages sees every finding once, at its newest record, however
// its records are spread over the pages.
func TestFindingsPageByPage(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	const n = 77
	start := s.now().Add(-24 * time.Hour)
	for i := range 3 * n { // a finding's records lie n apart
		at := start.Add(time.Duration(i) * time.Minute)
		f := gatehouse.Finding{ID: fmt.Sprintf("f-%02d", i%n), Rule: rules.BruteForce, Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High, First: start, Last: at, Count: i/n + 1}
		r := gatehouse.Record{ID: gatehouse.NewID(at), Event: gatehouse.Event{Kind: f.Kind, Time: at}, Severity: f.Severity, Finding: &f}
		if err := s.store.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	item := regexp.MustCompile(`class="feed-item" id="f-(f-\d\d)"`)
	var got []string
	path := "/findings?span=all&severity=high"
	for pages := 0; path != ""; pages++ {
		if pages > n {
			t.Fatal("the pages do not end")
		}
		body := b.must(path)
		for _, m := range item.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		path = ""
		if m := older.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	var want []string
	for i := n - 1; i >= 0; i-- {
		want = append(want, fmt.Sprintf("f-%02d", i))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
