package dashboard

import (
	"time"

	"github.com/fluxstudio/gatehouse/logstats"
)

// localHour is an hour on somebody's clocks: of a certain day, from :00 to :59. When
// clocks are changed it can be shorter or longer than that, or be missing.
type localHour struct {
	begin, end time.Time // in the zone
	n          int
}

// calendar divides a span of time into the hours on somebody's clocks.
type calendar struct {
	since, until time.Time
	hours        []localHour  // in order
	at           []int        // of each slot, its hour
	cells        [7][24][]int // the hours of each weekday, from Monday, at each time of day
}

// newCalendar walks from slot to slot and looks at the clock, so that it needs to know
// nothing of how zones change: slots divide the hours of all of them.
func newCalendar(since, until time.Time, zone *time.Location) *calendar {
	c := &calendar{since: logstats.SlotOf(since), until: until}
	var last time.Time // the hour's beginning as its clock shows it
	for at := c.since; at.Before(until); at = at.Add(logstats.Slot) {
		local := at.In(zone)
		y, m, d := local.Date()
		shown := time.Date(y, m, d, local.Hour(), 0, 0, 0, time.UTC)
		if len(c.hours) == 0 || !shown.Equal(last) {
			cell := &c.cells[(local.Weekday()+6)%7][local.Hour()]
			*cell = append(*cell, len(c.hours))
			c.hours, last = append(c.hours, localHour{begin: local}), shown
		}
		c.hours[len(c.hours)-1].end = local.Add(logstats.Slot)
		c.at = append(c.at, len(c.hours)-1)
	}
	return c
}

// step is the longest span for which counts can be summed up, without one of them
// being of two hours.
func (c *calendar) step() time.Duration {
	step := time.Hour
	for _, h := range c.hours {
		for step > logstats.Slot && !h.begin.Equal(h.begin.Truncate(step)) {
			step /= 2
		}
	}
	return step
}

// add adds what was counted, which may begin with any slot of its hour.
func (c *calendar) add(counts []logstats.Count) {
	for _, count := range counts {
		slot := int(count.Slot.Sub(c.since) / logstats.Slot)
		if !count.Slot.Before(c.since) && slot < len(c.at) {
			c.hours[c.at[slot]].n += count.N
		}
	}
}

// of returns the hours of a weekday, 0 being Monday, at a time of day, in order.
func (c *calendar) of(weekday, hour int) []localHour {
	var hours []localHour
	for _, i := range c.cells[weekday][hour] {
		hours = append(hours, c.hours[i])
	}
	return hours
}
