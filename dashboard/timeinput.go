package dashboard

import "time"

// inputTime is what browsers send of and show in <input type="datetime-local">.
const inputTime = "2006-01-02T15:04:05"

var localLayouts = []string{inputTime, "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// parseLocal reads an instant: RFC 3339, or date and time on the viewer's clocks, or
// a date, which is its beginning or, as the end of a span, that of the next day. An
// empty text is the zero time. Anything else is false.
func parseLocal(text string, zone *time.Location, end bool) (t time.Time, ok bool) {
	if text == "" {
		return t, true
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, true
	}
	for _, layout := range localLayouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, false
	}
	if end {
		date = date.AddDate(0, 0, 1)
	}
	return startOfDay(date.Year(), date.Month(), date.Day(), zone), true
}

// startOfDay returns the first instant of a date. Where clocks are changed at
// midnight, that may be 01:00, or the first of two midnights. A date that a zone left
// out begins with the next.
func startOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	const step = 15 * time.Minute
	of := func(t time.Time) time.Time { // as a number of days
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	for range 2 * 24 * 4 { // a day at most, either way
		switch {
		case of(t).Before(date):
			t = t.Add(step)
		case !of(t.Add(-step)).Before(date):
			t = t.Add(-step)
		default:
			return t
		}
	}
	return t
}

// timeInput is a field of a form for an instant.
type timeInput struct {
	given string // the parameter
	Value string // what the field shows
	// Local says that it is a browser's field for a time. That cannot show an hour
	// that comes twice when clocks are put back, nor what was not understood.
	Local bool
}

func newTimeInput(given string, t time.Time, zone *time.Location) timeInput {
	switch {
	case given == "":
		return timeInput{Local: true}
	case t.IsZero(): // not understood
		return timeInput{given: given, Value: given}
	}
	local := t.In(zone).Format(inputTime)
	if back, err := time.ParseInLocation(inputTime, local, zone); err == nil && back.Equal(t) && t.Year() > 0 {
		return timeInput{given, local, true}
	}
	return timeInput{given: given, Value: t.In(zone).Format(time.RFC3339Nano)}
}
