package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/internal/worldmap"
	"github.com/fluxstudio/gatehouse/logstats"
)

func (s *Server) failuresRoutes() []route {
	return []route{{"GET /failures", accounts.Viewer, s.failures}}
}

// failuresView is when, from where and against whom logins failed.
type failuresView struct {
	Query     failuresQuery
	Ranges    []failuresRange
	Zones     []zoneChoice
	Total     int // of the country
	Busiest   string
	Most      int // in a cell
	Week      []heatRow
	AllHours  []int // of the day
	Chosen    *chosenHour
	Days      []failuresDay
	Countries []failuresCountry
	World     worldmap.Map
	Worldwide int // failed logins of all countries
	AllLink   string
	Targets   logstats.Targets
}

type failuresRange struct {
	Days int
	Link string
}

// heatRow is a weekday of the heat map.
type heatRow struct {
	Name  string
	Cells []heatCell
	Total int
}

// heatCell is an hour of a weekday.
type heatCell struct {
	Name string // for a screen reader
	N    int
	Link string // to what was counted
	None bool   // the range has no such hour
}

// chosenHour is the hours that a cell of the heat map is made of.
type chosenHour struct {
	Name  string
	Hours []failuresHour // in which a login failed, newest first
	Most  int
	None  int // how many other days had that hour, too
}

type failuresHour struct {
	Name, Length string // the length is given where it is not an hour
	N            int
	Link         string
}

type failuresDay struct {
	Name string
	N    int
	Link string
}

type failuresCountry struct {
	Code, Link string
	N          int
	Chosen     bool
}

var weekdays = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

func (s *Server) failures(w http.ResponseWriter, r *http.Request, v visitor) error {
	view := failuresView{Query: readFailuresQuery(r, s.Now())}
	for _, n := range dayRanges {
		view.Ranges = append(view.Ranges, failuresRange{n, view.Query.inDays(n)})
	}
	view.AllLink = view.Query.in("")
	view.Zones = zoneChoices(view.Query.Zone, s.Now())
	p := page{Title: "Failed logins", Section: "/failures"}
	status := http.StatusOK
	if len(view.Query.Problems) > 0 {
		status, p.Alert = http.StatusUnprocessableEntity, "Some of what to show could not be understood."
	} else if err := s.countFailures(r.Context(), &view); err != nil {
		return err
	}
	p.Data = view
	return s.show(w, r, v, status, "failures", p)
}

// countFailures fills in the numbers.
func (s *Server) countFailures(ctx context.Context, view *failuresView) error {
	q := view.Query
	c := newCalendar(q.since, q.until, q.Zone.Location)
	in := logstats.Query{Names: []string{logstats.OfKind(gatehouse.LoginFailed)}, Since: c.since, Until: q.until, Step: c.step(), Worldwide: true}
	switch q.Country {
	case "":
	case noCountry:
		in.Countries = []string{""}
	default:
		in.Countries = []string{q.Country}
	}
	counts, err := s.Stats.Counts(ctx, in)
	if err != nil {
		return err
	}
	c.add(counts)
	view.week(c)
	view.days(c)
	if q.Day > 0 {
		view.choose(c)
	}
	in.Countries, in.Worldwide, in.Step = nil, false, wholeRange
	if counts, err = s.Stats.Counts(ctx, in); err != nil {
		return err
	}
	view.countries(counts)
	view.Targets, err = s.Stats.Targets(ctx, q.since, q.until, 10)
	return err
}

// wholeRange is a step that is longer than any range.
const wholeRange = 100 * 365 * 24 * time.Hour

// week fills in the heat map.
func (view *failuresView) week(c *calendar) {
	view.AllHours = make([]int, 24)
	busiest := ""
	for day, name := range weekdays {
		row := heatRow{Name: name}
		for hour := range 24 {
			hours := c.of(day, hour)
			cell := heatCell{None: len(hours) == 0}
			for _, h := range hours {
				cell.N += h.n
			}
			cell.Name = fmt.Sprintf("%s %02d:00 to %02d:00", name, hour, hour+1)
			switch {
			case len(hours) == 1:
				cell.Link = view.Query.records(hours[0].begin, hours[0].end)
			case len(hours) > 1:
				cell.Link = view.Query.at(day, hour)
			}
			if cell.N > view.Most {
				view.Most, busiest = cell.N, cell.Name
			}
			row.Total += cell.N
			view.AllHours[hour] += cell.N
			row.Cells = append(row.Cells, cell)
		}
		view.Total += row.Total
		view.Week = append(view.Week, row)
	}
	view.Busiest = busiest
}

// days fills in the sums of each day.
func (view *failuresView) days(c *calendar) {
	var begin time.Time
	for i, h := range c.hours {
		if i == 0 || h.begin.Day() != begin.Day() {
			begin = h.begin
			view.Days = append(view.Days, failuresDay{Name: begin.Format("Mon 2 Jan 2006")})
		}
		d := &view.Days[len(view.Days)-1]
		d.N += h.n
		d.Link = view.Query.records(begin, h.end)
	}
}

// choose fills in the hours of the cell that was chosen.
func (view *failuresView) choose(c *calendar) {
	q := view.Query
	chosen := &chosenHour{Name: fmt.Sprintf("%s %02d:00 to %02d:00", weekdays[q.Day-1], q.Hour, q.Hour+1)}
	hours := c.of(q.Day-1, q.Hour)
	slices.Reverse(hours)
	for _, h := range hours {
		if h.n == 0 {
			chosen.None++
			continue
		}
		f := failuresHour{Name: h.begin.Format("Mon 2 Jan 2006"), N: h.n, Link: q.records(h.begin, h.end)}
		if length := h.end.Sub(h.begin); length != time.Hour {
			f.Length = web.Duration(length) + " from " + h.begin.Format("15:04 -07:00")
		}
		chosen.Most = max(chosen.Most, h.n)
		chosen.Hours = append(chosen.Hours, f)
	}
	view.Chosen = chosen
}

// countries fills in the map and the table behind it.
func (view *failuresView) countries(counts []logstats.Count) {
	values := map[string]int{}
	for _, c := range counts {
		values[cmp.Or(c.Country, noCountry)] += c.N
		view.Worldwide += c.N
	}
	for code, n := range values {
		view.Countries = append(view.Countries, failuresCountry{code, view.Query.in(code), n, code == view.Query.Country})
	}
	slices.SortFunc(view.Countries, func(a, b failuresCountry) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Code, b.Code)) })
	link := func(country string) string {
		if values[country] == 0 {
			return ""
		}
		return view.Query.in(country)
	}
	view.World = worldmap.Map{Label: "Failed logins by country", One: "failed login", Many: "failed logins", Values: values, Link: link}
}

// records returns where the failed logins between two instants are.
func (q failuresQuery) records(from, to time.Time) string {
	values := url.Values{"kind": {string(gatehouse.LoginFailed)}, "from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	if q.Zone.Named {
		values.Set("tz", q.Zone.String())
	}
	return "/log?" + values.Encode()
}

// TargetLink returns where the records about an account or an address are, of the
// range.
func (view failuresView) TargetLink(t logstats.Target) string {
	values := url.Values{"kind": {"login_failed,login_refused"}, "from": {view.Query.From}, "to": {view.Query.To}}
	if t.Account != "" {
		values.Set("user", t.Account)
	} else {
		values.Set("ip", t.IP.String())
	}
	if view.Query.Zone.Named {
		values.Set("tz", view.Query.Zone.String())
	}
	return "/log?" + values.Encode()
}
