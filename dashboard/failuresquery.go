package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse/logstats"
)

// The bounds of the range of the page of failed logins.
const (
	usualDays = 28
	mostDays  = 366
	firstYear = 2000
	noCountry = "unknown" // stands for addresses of which no country is known
)

// dayRanges are the ranges up to today that can be chosen, in days.
var dayRanges = []int{7, 28, 90}

// failuresQuery is which failed logins are looked at, by the parameters of the page.
type failuresQuery struct {
	Days     int    // up to today; 0: From and To say it
	From, To string // dates, To included
	Country  string // ISO 3166-1 alpha-2, noCountry, or empty for all
	Day      int    // of the hour that was chosen: 1 is Monday; 0: none was
	Hour     int
	Zone     viewerZone
	Problems map[string]string

	since, until time.Time
}

func readFailuresQuery(r *http.Request, now time.Time) failuresQuery {
	params := r.URL.Query()
	q := failuresQuery{From: params.Get("from"), To: params.Get("to"), Country: params.Get("country"), Problems: map[string]string{}}
	var known bool
	if q.Zone, known = zoneOf(r, params); !known {
		q.Problems["tz"] = "This server does not know that zone. Use a name of the IANA database, such as Europe/Berlin."
	}
	if q.Country != "" && q.Country != noCountry && !isCountry(q.Country) {
		q.Problems["country"] = "A country has two capital letters, such as DE, or is unknown."
		q.Country = ""
	}
	q.readRange(params.Get("range"), now.In(q.Zone.Location))
	q.readHour(params)
	return q
}

func isCountry(code string) bool {
	return len(code) == 2 && 'A' <= code[0] && code[0] <= 'Z' && 'A' <= code[1] && code[1] <= 'Z'
}

// readRange reads which days are looked at: so many up to today, or between two
// dates. What has not come yet is left out.
func (q *failuresQuery) readRange(days string, now time.Time) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC) // a date, which has no zone
	var first time.Time
	last := today
	date := func(name, text string, otherwise time.Time) time.Time {
		if text == "" {
			return otherwise
		}
		t, err := time.Parse(time.DateOnly, text)
		if err != nil || t.Year() < firstYear {
			q.Problems[name] = fmt.Sprintf("Write a date like 2026-11-23, not before %d.", firstYear)
			return otherwise
		}
		return t
	}
	if q.From == "" && q.To == "" {
		q.Days = usualDays
		if days != "" {
			n, err := strconv.Atoi(days)
			if err != nil || !isRange(n) {
				q.Problems["range"] = "Choose 7, 28 or 90 days, or two dates."
			} else {
				q.Days = n
			}
		}
		first = today.AddDate(0, 0, 1-q.Days)
	} else {
		last = date("to", q.To, today)
		first = date("from", q.From, last.AddDate(0, 0, 1-usualDays))
		switch {
		case last.Before(first):
			q.Problems["to"] = "This is before the beginning."
		case first.After(today):
			q.Problems["from"] = "This is to come."
		case first.Before(last.AddDate(0, 0, 1-mostDays)):
			q.Problems["from"] = fmt.Sprintf("At most %d days can be shown at once.", mostDays)
		}
	}
	if len(q.Problems) > 0 {
		return
	}
	q.From, q.To = first.Format(time.DateOnly), last.Format(time.DateOnly)
	end := last.AddDate(0, 0, 1)
	q.since = startOfDay(first.Year(), first.Month(), first.Day(), q.Zone.Location)
	q.until = startOfDay(end.Year(), end.Month(), end.Day(), q.Zone.Location)
	if next := now.Truncate(logstats.Slot).Add(logstats.Slot); q.until.After(next) {
		q.until = next
	}
}

func isRange(days int) bool {
	for _, n := range dayRanges {
		if n == days {
			return true
		}
	}
	return false
}

func (q *failuresQuery) readHour(params url.Values) {
	day, hour := params.Get("day"), params.Get("hour")
	if day == "" && hour == "" {
		return
	}
	d, dayErr := strconv.Atoi(day)
	h, hourErr := strconv.Atoi(hour)
	if dayErr != nil || hourErr != nil || d < 1 || d > 7 || h < 0 || h > 23 {
		q.Problems["day"] = "An hour is a day from 1 (Monday) to 7 with an hour from 0 to 23."
		return
	}
	q.Day, q.Hour = d, h
}

// values is the query as parameters, without the hour.
func (q failuresQuery) values() url.Values {
	values := url.Values{}
	if q.Days == 0 {
		values.Set("from", q.From)
		values.Set("to", q.To)
	} else if q.Days != usualDays {
		values.Set("range", strconv.Itoa(q.Days))
	}
	if q.Country != "" {
		values.Set("country", q.Country)
	}
	if q.Zone.Named {
		values.Set("tz", q.Zone.String())
	}
	return values
}

// path is where q is shown.
func (q failuresQuery) path() string {
	values := q.values()
	if q.Day > 0 {
		values.Set("day", strconv.Itoa(q.Day))
		values.Set("hour", strconv.Itoa(q.Hour))
	}
	if len(values) == 0 {
		return "/failures"
	}
	return "/failures?" + values.Encode()
}

func (q failuresQuery) inDays(n int) string {
	q.Days = n
	return q.path()
}

func (q failuresQuery) in(country string) string {
	q.Country = country
	return q.path()
}

func (q failuresQuery) at(weekday, hour int) string {
	q.Day, q.Hour = weekday+1, hour
	return q.path() + "#hour"
}
