package sql

import (
	"math"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// maxList is to how many entries a list within a record is cut.
const maxList = 64

// cleanRecord returns r as it is kept: whatever a client has sent, it can be
// written in one line and read back. What r points to is copied, not changed.
func cleanRecord(r gatehouse.Record) gatehouse.Record {
	texts(&r.ID, &r.User, &r.Account, &r.Session, &r.Endpoint, &r.Reason, &r.CorrelationID, (*string)(&r.Kind))
	r.Time = cleanTime(r.Time).Truncate(time.Microsecond)
	r.Severity = min(r.Severity, gatehouse.Critical)
	r.Client = cleanClient(r.Client)
	if r.Finding != nil {
		f := cleanFinding(*r.Finding)
		r.Finding = &f
	}
	if r.Block != nil {
		b := cleanBlock(*r.Block)
		r.Block = &b
	}
	return r
}

func cleanFinding(f gatehouse.Finding) gatehouse.Finding {
	texts(&f.ID, &f.Rule, &f.KeyedBy, (*string)(&f.Kind))
	f.Severity = min(f.Severity, gatehouse.Critical)
	f.First, f.Last = cleanTime(f.First), cleanTime(f.Last)
	f.Actions = list(f.Actions, func(a gatehouse.Action) gatehouse.Action {
		texts(&a.Response, &a.Undo, &a.Failure)
		a.Target = cleanPrefix(a.Target)
		a.Until = cleanTime(a.Until)
		return a
	})
	e := &f.Evidence
	texts(&e.Endpoint, &e.Pattern, &e.UserAgent)
	e.Devices = list(e.Devices, cleanSighting)
	e.Signs = list(e.Signs, func(s string) string { return gatehouse.CleanText(s, gatehouse.MaxText) })
	if e.Travel != nil {
		t := *e.Travel
		t.From, t.To = cleanSighting(t.From), cleanSighting(t.To)
		numbers(&t.DistanceKm, &t.SpeedKmh)
		e.Travel = &t
	}
	return f
}

func cleanBlock(b gatehouse.Block) gatehouse.Block {
	texts(&b.ID, &b.Reason, &b.Rule, &b.By, &b.Finding, &b.Account)
	b.Prefix = cleanPrefix(b.Prefix)
	b.Created = cleanTime(b.Created).Truncate(time.Microsecond)
	b.Until = cleanTime(b.Until).Truncate(time.Microsecond)
	return b
}

func cleanSighting(s gatehouse.Sighting) gatehouse.Sighting {
	texts(&s.Device.ID, &s.Device.Name)
	s.Time = cleanTime(s.Time).Truncate(time.Microsecond)
	s.IP = cleanAddr(s.IP)
	s.Place = cleanPlace(s.Place)
	return s
}

func cleanClient(c gatehouse.Client) gatehouse.Client {
	texts(&c.UserAgent, &c.Device.ID, &c.Device.Name)
	c.IP = cleanAddr(c.IP)
	c.Place = cleanPlace(c.Place)
	return c
}

func cleanPlace(p gatehouse.Place) gatehouse.Place {
	texts(&p.Country, &p.City, &p.Network)
	numbers(&p.Lat, &p.Lon, &p.RadiusKm)
	return p
}

func cleanAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// cleanPrefix masks p and writes an IPv4 network that is spelled in IPv6 as
// what it is. An invalid prefix becomes the zero one.
func cleanPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// cleanTime returns t in UTC without its monotonic reading, or the zero time
// where t has no year of four digits, which JSON cannot express.
func cleanTime(t time.Time) time.Time {
	if t = t.UTC().Round(0); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func texts(fields ...*string) {
	for _, s := range fields {
		*s = gatehouse.CleanText(*s, gatehouse.MaxText)
	}
}

// numbers replaces what JSON cannot express by zero.
func numbers(fields ...*float64) {
	for _, f := range fields {
		if math.IsNaN(*f) || math.IsInf(*f, 0) {
			*f = 0
		}
	}
}

func list[T any](in []T, clean func(T) T) []T {
	if in == nil {
		return nil
	}
	out := make([]T, 0, min(len(in), maxList))
	for _, v := range in[:cap(out)] {
		out = append(out, clean(v))
	}
	return out
}
