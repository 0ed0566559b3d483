// Package gallery is one page with everything that the stylesheet of internal/web
// has, for those who work on it and for its tests in a browser. It is no part of the
// product. To look at it:
//
//	go run ./internal/web/gallery/serve
package gallery

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

//go:embed templates
var templates embed.FS

// Hostile is a text that no page may take for markup.
const Hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'` + "`"

type row struct {
	Time      time.Time
	Good, Bad int
	Findings  int
}

type finding struct {
	ID       string
	Severity gatehouse.Severity
	Rule     string
	Title    string
	Account  string
	Time     time.Time
}

type view struct {
	Now      time.Time
	Zone     string
	Hostile  string
	Long     string
	Rows     []row
	Findings []finding
	Week     [][]int
	Days     []string
	Near     []int
	World    template.HTML
	Travel   template.HTML
}

// New returns the gallery: the page at /, a stream of findings at /live, and the
// assets. Findings come as fast as every says; zero sends none.
func New(every time.Duration) (http.Handler, error) {
	sub, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	pages, err := web.Parse(sub, web.Funcs(time.Now), "layout.html", "feed_item.html")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/assets/", web.Assets())
	for path, name := range map[string]string{"/{$}": "gallery", "/plain": "plain"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := pages.Render(w, http.StatusOK, name, sample(time.Now(), web.Location(r))); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	mux.HandleFunc("POST /act", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) { stream(w, r, pages, every) })
	return mux, nil
}

func stream(w http.ResponseWriter, r *http.Request, pages *web.Pages, every time.Duration) {
	web.SetHeaders(w.Header())
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	fmt.Fprint(w, ": hello\n\n")
	flush := http.NewResponseController(w).Flush
	flush()
	if every == 0 {
		<-r.Context().Done()
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-r.Context().Done():
			return
		case now := <-ticker.C:
			f := findings(now)[n%4]
			f.ID = fmt.Sprintf("live-%d", n)
			html, err := pages.Part("gallery", "feed_item.html", f)
			if err != nil {
				return
			}
			fmt.Fprintf(w, "event: finding\ndata: %s\n\n", strings.ReplaceAll(strings.TrimSpace(string(html)), "\n", "\ndata: "))
			flush()
		}
	}
}

func findings(now time.Time) []finding {
	return []finding{
		{"f1", gatehouse.Critical, "account_takeover", "Account takeover attempt", "ada@example.com", now.Add(-8 * time.Second)},
		{"f2", gatehouse.High, "brute_force", "Brute force detected", "grace@example.com", now.Add(-3 * time.Minute)},
		{"f3", gatehouse.Warning, "rapid_token_refresh", "Rapid session refresh", Hostile, now.Add(-2 * time.Hour)},
		{"f4", gatehouse.Info, "multiple_devices", "Login on many devices", strings.Repeat("verylongname", 9) + "@example.com", now.Add(-49 * time.Hour)},
	}
}

func sample(now time.Time, zone *time.Location) view {
	v := view{
		Now: now, Zone: zone.String(), Hostile: Hostile, Long: strings.Repeat("x", 300),
		Findings: findings(now), Days: []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
		Near: []int{4200, 1800, 700, 260, 120, 44, 20, 9, 4, 2, 7},
	}
	start := now.UTC().Truncate(time.Hour).Add(-23 * time.Hour)
	for i := range 24 {
		v.Rows = append(v.Rows, row{start.Add(time.Duration(i) * time.Hour), 80 + (i*37)%55 + 9*i, 12 + (i*i*7)%41 + 220/(1+(i-17)*(i-17)), (i * 5 % 7) / 4})
	}
	for day := range 7 {
		hours := make([]int, 24)
		for hour := range hours {
			hours[hour] = (day*31 + hour*17) % 11 * ((hour + 3*day) % 9)
		}
		v.Week = append(v.Week, hours)
	}
	v.Week[5][3] = 412
	v.World = worldmap.Map{Label: "Failed logins by country", One: "failed login", Many: "failed logins",
		Values: map[string]int{"BR": 1204, "US": 830, "RU": 611, "CN": 590, "IN": 320, "SG": 118, "DE": 96, "NL": 90, "VN": 55, "ID": 41, "PT": 7, "NG": 22, "HK": 300, "": 14},
		Link:   func(code string) string { return "/?country=" + code }}.SVG()
	lisbon := worldmap.Point{Lat: 38.72, Lon: -9.14, Label: "Lisbon, Portugal"}
	tokyo := worldmap.Point{Lat: 35.68, Lon: 139.69, Label: "Tokyo, Japan"}
	honolulu := worldmap.Point{Lat: 21.31, Lon: -157.86, Label: "Honolulu " + Hostile, Class: "is-bad"}
	v.Travel = worldmap.Map{Label: "Places of ada@example.com", Points: []worldmap.Point{lisbon, tokyo, honolulu},
		Arcs: []worldmap.Arc{{From: lisbon, To: tokyo, Label: "Lisbon to Tokyo"}, {From: tokyo, To: honolulu, Label: "Tokyo to Honolulu, impossible", Class: "is-bad"}}}.SVG()
	return v
}
