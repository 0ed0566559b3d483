package export

import (
	"slices"

	"github.com/fluxstudio/gatehouse"
)

// scrubbed returns a copy of r with f applied to every text in it.
func scrubbed(r gatehouse.Record, f func(string) string) gatehouse.Record {
	apply(f, &r.ID, (*string)(&r.Kind), &r.User, &r.Account, &r.Session, &r.UserAgent, &r.Endpoint, &r.Reason, &r.Actor, &r.CorrelationID)
	scrubDevice(&r.Device, f)
	scrubPlace(&r.Place, f)
	if r.Finding != nil {
		c := *r.Finding
		r.Finding = &c
		apply(f, &c.ID, &c.Rule, (*string)(&c.Kind), &c.KeyedBy)
		scrubEvidence(&c.Evidence, f)
		c.Actions = slices.Clone(c.Actions)
		for i := range c.Actions {
			a := &c.Actions[i]
			apply(f, &a.Response, &a.Undo, &a.Failure)
		}
	}
	if r.Block != nil {
		c := *r.Block
		r.Block = &c
		apply(f, &c.ID, &c.Reason, &c.Rule, &c.By, &c.Finding)
		c.Accounts = slices.Clone(c.Accounts)
		for i := range c.Accounts {
			apply(f, &c.Accounts[i])
		}
	}
	return r
}

func scrubEvidence(e *gatehouse.Evidence, f func(string) string) {
	apply(f, &e.Endpoint, &e.Pattern, &e.UserAgent)
	e.Signs = slices.Clone(e.Signs)
	for i := range e.Signs {
		apply(f, &e.Signs[i])
	}
	e.Devices = slices.Clone(e.Devices)
	for i := range e.Devices {
		scrubSighting(&e.Devices[i], f)
	}
	if e.Travel != nil {
		c := *e.Travel
		e.Travel = &c
		scrubSighting(&c.From, f)
		scrubSighting(&c.To, f)
	}
}

func scrubSighting(s *gatehouse.Sighting, f func(string) string) {
	scrubPlace(&s.Place, f)
	scrubDevice(&s.Device, f)
}

func scrubPlace(p *gatehouse.Place, f func(string) string) {
	apply(f, &p.Country, &p.City, &p.Network)
}

func scrubDevice(d *gatehouse.Device, f func(string) string) { apply(f, &d.ID, &d.Name) }

func apply(f func(string) string, texts ...*string) {
	for _, s := range texts {
		if *s != "" {
			*s = f(*s)
		}
	}
}
