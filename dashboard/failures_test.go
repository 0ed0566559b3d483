package dashboard_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/logstats"
)

// fail counts so many failed logins at an instant, without records.
func (s *site) fail(at time.Time, country string, n int) {
	s.t.Helper()
	if err := s.store.AddCounts(s.t.Context(), []logstats.Count{{Slot: at, Name: logstats.OfKind(gatehouse.LoginFailed), Country: country, N: n}}); err != nil {
		s.t.Fatal(err)
	}
}

// shownCell is a cell of the heat map.
type shownCell struct {
	n    int
	link string
}

var heatCell = regexp.MustCompile(`<a href="([^"]+)" title="[^"]+" aria-label="([A-Z][a-z]+ \d\d):00 to \d\d:00: ([\d,]+) failed login`)

// heatMap returns the cells that are not zero, by weekday and hour: "Sunday 02".
func heatMap(a answer) map[string]shownCell {
	cells := map[string]shownCell{}
	for _, m := range heatCell.FindAllStringSubmatch(a.body, -1) {
		n, _ := strconv.Atoi(strings.ReplaceAll(m[3], ",", "")) // a number by the pattern
		cells[m[2]] = shownCell{n, html.UnescapeString(m[1])}
	}
	return cells
}

// Whatever clocks do, each failed login is in the hour that they showed, of the day
// that they showed, and a cell leads to exactly its records.
func TestFailuresByTheClocksOfAZone(t *testing.T) {
	for _, c := range []struct{ zone, date, what string }{
		{"UTC", "2026-10-20", "no change"},
		{"Europe/Berlin", "2026-03-29", "forward at 02:00"},
		{"Europe/Berlin", "2026-10-25", "back at 03:00"},
		{"America/New_York", "2025-11-02", "back at 02:00"},
		{"Asia/Kathmandu", "2026-10-20", "+5:45"},
		{"Asia/Kolkata", "2026-10-20", "+5:30"},
		{"Pacific/Chatham", "2026-04-05", "+13:45, back at 03:45"},
		{"Australia/Lord_Howe", "2026-04-05", "back by half an hour at 02:00"},
		{"Australia/Lord_Howe", "2026-10-04", "forward by half an hour at 02:00"},
		{"America/Havana", "2026-11-01", "back at 01:00, so that midnight comes twice"},
		{"Africa/Cairo", "2026-04-24", "forward at midnight, which does not come"},
		{"America/Santiago", "2026-09-06", "forward at midnight, which does not come"},
		{"Asia/Amman", "2021-10-29", "back at 01:00, so that midnight comes twice"},
		{"Asia/Magadan", "2014-10-26", "back by two hours at 02:00"},
		{"America/St_Johns", "2026-11-01", "-3:30, back at 02:00"},
	} {
		t.Run(c.zone+" "+c.date, func(t *testing.T) {
			s := newSite(t)
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			noon, err := time.ParseInLocation(time.DateTime, c.date+" 12:00:00", zone)
			if err != nil {
				t.Fatal(err)
			}
			var counts []logstats.Count
			want := map[string]int{} // what the clocks showed
			slots := map[string][]time.Time{}
			for i := range 3 * 24 * 4 {
				at := noon.UTC().Truncate(logstats.Slot).Add(time.Duration(i-36*4) * logstats.Slot)
				counts = append(counts, logstats.Count{Slot: at, Name: "login_failed", Country: "DE", N: 1 + i%5})
				if local := at.In(zone); local.Format(time.DateOnly) == c.date {
					cell := local.Format("Monday 15")
					want[cell] += 1 + i%5
					slots[cell] = append(slots[cell], at)
				}
			}
			if err := s.store.AddCounts(t.Context(), counts); err != nil {
				t.Fatal(err)
			}
			b := s.signIn(accounts.Viewer)
			page := b.get("/failures?" + url.Values{"from": {c.date}, "to": {c.date}, "tz": {c.zone}}.Encode())
			got := heatMap(page)
			for cell, n := range want {
				if got[cell].n != n {
					t.Errorf("%s: %d, want %d", cell, got[cell].n, n)
				}
				link, err := url.Parse(got[cell].link)
				if err != nil {
					t.Fatal(err)
				}
				all := slots[cell]
				from, to := all[0], all[len(all)-1].Add(logstats.Slot)
				if to.Sub(from) > time.Duration(len(all))*logstats.Slot { // there was another hour between
					if parts := strings.Count(b.get(strings.TrimSuffix(got[cell].link, "#hour")).body, `<a class="rank-name" href="/log?from=`); parts != 2 {
						t.Errorf("%s leads to %d parts, want both", cell, parts)
					}
					continue
				}
				for name, instant := range map[string]time.Time{"from": from, "to": to} {
					if shown, err := time.Parse(time.RFC3339, link.Query().Get(name)); err != nil || !shown.Equal(instant) {
						t.Errorf("%s leads to %s=%s, want %v", cell, name, link.Query().Get(name), instant)
					}
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d cells, want %d", len(got), len(want))
			}
		})
	}
}

func TestFailuresByCountry(t *testing.T) {
	s := newSite(t)
	at := s.now().UTC().Truncate(24 * time.Hour).Add(-36 * time.Hour) // a day ago, at noon
	s.fail(at, "DE", 3)
	s.fail(at, "NL", 1200)
	s.fail(at, "", 1)
	s.fail(at.AddDate(0, 0, -7), "DE", 4)
	s.fail(at.AddDate(0, 0, -200), "JP", 5)
	s.fail(s.now().Add(2*logstats.Slot), "DE", 6) // of a node whose clock is wrong
	b := s.signIn(accounts.Viewer)
	cell := at.Format("Monday 15")
	if got := len(heatMap(b.get("/failures?range=7"))); got != 1 {
		t.Errorf("%d hours in which logins failed, want one that has come", got)
	}
	for path, want := range map[string]int{
		"/failures": 1208, "/failures?range=7": 1204, "/failures?country=DE": 7, "/failures?country=unknown": 1,
		"/failures?country=JP": 0, "/failures?country=XX&range=90": 0,
	} {
		if got := heatMap(b.get(path))[cell].n; got != want {
			t.Errorf("%s: %d failed logins, want %d", path, got, want)
		}
	}
	page := b.get("/failures?country=DE")
	for _, want := range []string{
		"By hour and weekday, Germany", `<a href="/failures?country=NL">Netherlands</a>`, `<a href="/failures?country=unknown">Unknown</a>`,
		`<svg class="world"`, `href="/failures?country=NL"`, "1,200", "99\u202f%", `<a href="/failures">All countries</a>`,
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page about Germany does not say %s", want)
		}
	}
	link := heatMap(page)[cell].link
	days := b.get(strings.TrimSuffix(link, "#hour"))
	for _, want := range []string{"On these days", at.Format("Mon 2 Jan 2006"), at.AddDate(0, 0, -7).Format("Mon 2 Jan 2006"), "None on 2 other days", "kind=login_failed"} {
		if !strings.Contains(days.body, want) {
			t.Errorf("%s does not say %q", link, want)
		}
	}
	if nothing := b.get("/failures?country=JP"); !strings.Contains(nothing.body, "No login failed") || !strings.Contains(nothing.body, "Netherlands") {
		t.Error("a country without failed logins: no word about that, or no other countries")
	}
}

// The way from a cell to its records.
func TestFailuresLeadToRecords(t *testing.T) {
	s := newSite(t)
	s.failLogins(3, "ada@example.com", "198.51.100.7")
	s.observe(gatehouse.LoginSucceeded, "ada@example.com", "198.51.100.7")
	b := s.signIn(accounts.Viewer)
	page := b.get("/failures?range=7&tz=Asia/Kathmandu")
	cells := heatMap(page)
	if len(cells) == 0 || !strings.Contains(page.body, "ada@example.com") || !strings.Contains(page.body, "198.51.100.7") {
		t.Fatalf("cells %v, or no targets", cells)
	}
	records := 0
	for _, c := range cells {
		if !strings.Contains(c.link, "&tz=Asia%2FKathmandu") {
			t.Errorf("%s is not in the zone of this page", c.link)
		}
		records += len(shown(b.get(c.link)))
	}
	if records != 3 {
		t.Errorf("the cells lead to %d records, want 3", records)
	}
}

func TestFailuresEmptyAndBad(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Viewer)
	for _, path := range []string{"/failures", "/failures?range=90&day=7&hour=23", "/failures?from=2000-01-01&to=2000-12-31", "/failures?from=2026-11-01", "/failures?to=2026-11-01&tz=Pacific/Kiritimati"} {
		if page := b.get(path); page.status != http.StatusOK || !strings.Contains(page.body, "No login failed") {
			t.Errorf("%s: %d", path, page.status)
		}
	}
	const attack = `"><script>alert(1)</script>`
	for query, want := range map[string]string{
		"range=14":                           "Choose 7, 28 or 90",
		"range=-7":                           "Choose 7, 28 or 90",
		"from=yesterday":                     "Write a date",
		"from=1999-12-31&to=2000-01-02":      "not before 2000",
		"from=2026-02-30":                    "Write a date",
		"from=2026-10-02&to=2026-10-01":      "before the beginning",
		"from=2025-01-01&to=2026-10-01":      "At most 366 days",
		"from=9999-01-01&to=9999-01-02":      "to come",
		"tz=Mars/Olympus":                    "IANA",
		"tz=../../etc/passwd":                "IANA",
		"tz=Local":                           "IANA",
		"country=de":                         "two capital letters",
		"country=" + url.QueryEscape(attack): "two capital letters",
		"day=8&hour=1":                       "from 1 (Monday)",
		"day=1":                              "from 1 (Monday)",
		"day=1&hour=24":                      "from 1 (Monday)",
		"to=" + url.QueryEscape(attack):      "Write a date",
		"tz=" + url.QueryEscape(attack):      "IANA",
	} {
		page := b.get("/failures?" + query)
		if page.status != http.StatusUnprocessableEntity || !strings.Contains(page.body, html.EscapeString(want)) {
			t.Errorf("%s: %d, does it say %q? %t", query, page.status, want, strings.Contains(page.body, want))
		}
		if strings.Contains(page.body, "<script>alert") {
			t.Errorf("%s: the attack is in the page as it was sent", query)
		}
	}
	if strings.Count(fmt.Sprint(b.get("/failures?tz=Asia/Kathmandu").body), `<option value="Asia/Kathmandu" selected>`) != 1 {
		t.Error("the zone is not the one that is chosen")
	}
	if !strings.Contains(b.get("/failures?tz=America/Argentina/Ushuaia").body, `<option value="America/Argentina/Ushuaia" selected>`) {
		t.Error("a zone that is not in the list is not the one that is chosen")
	}
}
