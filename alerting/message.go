package alerting

import (
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/internal/strictyaml"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// What is told of a group.
type what int

const (
	opened what = iota
	again
	resolved
)

// deliveries writes what is told of a group, for each channel of its route. last
// says that the route's limit is reached with it.
func (d *Dispatcher) deliveries(r Route, g Group, w what, last bool, at time.Time) []outbox.Delivery {
	m := d.message(r, g, w, at)
	if last {
		m.Facts = append(m.Facts, notify.Fact{Name: "Limit", Value: fmt.Sprintf(
			"This is message %d within an hour; what comes now is summed up.", r.Limit)})
	}
	list := make([]outbox.Delivery, len(r.Channels))
	for i, channel := range r.Channels {
		list[i] = outbox.Delivery{ID: m.Key + "@" + channel, Channel: channel, Message: m, Created: at}
	}
	return list
}

func (d *Dispatcher) message(r Route, g Group, w what, at time.Time) notify.Message {
	kind := notify.Opened
	if w == resolved {
		kind = notify.Resolved
	}
	m, _ := notify.ForFinding(kind, g.Record, d.o.Zone) // groups are made of findings
	title := strings.TrimPrefix(m.Title, "Over: ")
	if g.Key == Overflow {
		title = fmt.Sprintf("%d more findings", g.Findings)
		m.Title, m.Subject = title, title
		m.Text = fmt.Sprintf("There was more to tell than %d messages an hour. These findings are told of together; the details are those of the worst.", r.Limit)
	} else if about := common(r, g); g.Findings > 1 && about != "" {
		m.Subject = m.Title + ": " + about
	}
	switch w {
	case opened:
		m.Key = g.ID + "-opened"
	case again:
		m.Key = fmt.Sprintf("%s-again-%d", g.ID, g.Messages)
		m.Subject = "Still going on: " + strings.TrimPrefix(m.Subject, "Over: ")
		m.Title = "Still going on: " + title
	case resolved:
		m.Key = g.ID + "-resolved"
		m.Title = "Over: " + title
		m.Subject = "Over: " + strings.TrimPrefix(m.Subject, "Over: ")
		m.Text = fmt.Sprintf("Nothing more of it was recorded for %s. Nothing is left to do unless the details say so.", strictyaml.FormatDuration(r.ResolveAfter))
		m.Time = at.In(d.o.Zone)
	}
	m.Thread = g.ID
	if g.Findings > 1 {
		m.Facts = append([]notify.Fact{{Name: "Findings", Value: fmt.Sprintf("%d, from %s to %s; the details are of one of them",
			g.Findings, d.shown(g.First), d.shown(g.Last))}}, m.Facts...)
	}
	return m
}

func (d *Dispatcher) shown(t time.Time) string {
	return t.In(d.o.Zone).Format("2 January 15:04:05 MST")
}

// common is what the findings of a group share, for people.
func common(r Route, g Group) string {
	for _, by := range r.GroupBy {
		switch {
		case by == ByNetwork, by == BySubject && subject(g.Record) == network(g.Record):
			return network(g.Record)
		case by == ByUser, by == BySubject:
			if g.Record.Account != "" {
				return g.Record.Account
			}
			return g.Record.User
		}
	}
	return ""
}
