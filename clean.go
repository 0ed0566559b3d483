package gatehouse

import (
	"math"
	"net/netip"
	"time"
)

// MaxList is to how many entries a list within a record is cut.
const MaxList = 64

// Clean returns r as stores keep it: whatever a client has sent, it can be written
// in one line and read back. Texts go through CleanText, lists are cut to
// MaxList, numbers and times that JSON cannot express become zero, and times are
// in UTC to the microsecond. What r points to is copied, not changed.
func (r Record) Clean() Record {
	texts(&r.ID, &r.User, &r.Account, &r.Session, &r.Endpoint, &r.Reason, &r.Actor, &r.CorrelationID, (*string)(&r.Kind))
	r.Time = cleanTime(r.Time)
	r.Severity = min(r.Severity, Critical)
	r.Client = r.Client.Clean()
	if r.Finding != nil {
		f := r.Finding.clean()
		r.Finding = &f
	}
	if r.Block != nil {
		b := r.Block.Clean()
		r.Block = &b
	}
	return r
}

func (f Finding) clean() Finding {
	texts(&f.ID, &f.Rule, &f.KeyedBy, (*string)(&f.Kind))
	f.Severity = min(f.Severity, Critical)
	f.First, f.Last = cleanTime(f.First), cleanTime(f.Last)
	f.Actions = list(f.Actions, func(a Action) Action {
		texts(&a.Response, &a.Undo, &a.Failure)
		a.Target = CleanPrefix(a.Target)
		a.Until = cleanTime(a.Until)
		return a
	})
	e := &f.Evidence
	texts(&e.Endpoint, &e.Pattern, &e.UserAgent)
	e.Devices = list(e.Devices, Sighting.Clean)
	e.Signs = list(e.Signs, func(s string) string { return CleanText(s, MaxText) })
	if e.Travel != nil {
		t := *e.Travel
		t.From, t.To = t.From.Clean(), t.To.Clean()
		numbers(&t.DistanceKm, &t.SpeedKmh)
		e.Travel = &t
	}
	return f
}

// Clean returns b as stores keep it; see Record.Clean.
func (b Block) Clean() Block {
	texts(&b.ID, &b.Reason, &b.Rule, &b.By, &b.Finding)
	b.Accounts = list(b.Accounts, func(s string) string { return CleanText(s, MaxText) })
	b.Prefix = CleanPrefix(b.Prefix)
	b.Created = cleanTime(b.Created)
	b.Until = cleanTime(b.Until)
	return b
}

// Clean returns s as stores keep it; see Record.Clean.
func (s Sighting) Clean() Sighting {
	texts(&s.Device.ID, &s.Device.Name)
	s.Time = cleanTime(s.Time)
	s.IP = CleanAddr(s.IP)
	s.Place = s.Place.clean()
	return s
}

// Clean returns c as stores keep it; see Record.Clean.
func (c Client) Clean() Client {
	texts(&c.UserAgent, &c.Device.ID, &c.Device.Name)
	c.IP = CleanAddr(c.IP)
	c.Place = c.Place.clean()
	return c
}

func (p Place) clean() Place {
	texts(&p.Country, &p.City, &p.Network)
	numbers(&p.Lat, &p.Lon, &p.RadiusKm)
	return p
}

// CleanAddr unmaps an IPv4 address that is spelled in IPv6, and drops the zone.
func CleanAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// CleanPrefix masks p and writes an IPv4 network that is spelled in IPv6 as
// what it is. An invalid prefix becomes the zero one.
func CleanPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// cleanTime returns t in UTC, to the microsecond and without its monotonic
// reading, or the zero time where t has no year of four digits, which JSON cannot
// express.
func cleanTime(t time.Time) time.Time {
	if t = t.UTC().Truncate(time.Microsecond); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func texts(fields ...*string) {
	for _, s := range fields {
		*s = CleanText(*s, MaxText)
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
	out := make([]T, 0, min(len(in), MaxList))
	for _, v := range in[:cap(out)] {
		out = append(out, clean(v))
	}
	return out
}
