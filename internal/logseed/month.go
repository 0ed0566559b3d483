package logseed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/rules"
)

// month makes up what happens, in order of time.
type month struct {
	rand   *rand.Rand
	since  time.Time
	days   float64
	at     time.Time // now
	people []gatehouse.Subject
	rules  []rules.Rule
}

func newMonth(o Options) *month {
	m := &month{rand: rand.New(rand.NewPCG(o.Seed, 1)), since: o.End.AddDate(0, 0, -o.Days), days: float64(o.Days)}
	for i := range o.Users {
		m.people = append(m.people, Person(i))
	}
	set := rules.Default()
	for _, r := range set.All() {
		m.rules = append(m.rules, *r)
	}
	return m
}

// Person returns the account of user number i.
func Person(i int) gatehouse.Subject {
	return gatehouse.Subject{
		User:    fmt.Sprintf("0195f0c0-0000-7000-8000-%012d", i),
		Account: fmt.Sprintf("person%d@example.com", i),
	}
}

var (
	countries = []string{"NL", "DE", "US", "GB", "FR", "BE", "PL", "ES", "IT", "BR", "IN", "CN", "RU", "VN", "ID", "TR", "UA", "JP", "KR", "ZA", "NG", "MX", "CA", "AU", "SE"}
	devices   = []string{"Firefox on Linux", "Chrome on Windows", "Safari on iPhone", "Chrome on Android", "Edge on Windows"}
	// Each stands as often as it is to happen.
	quiet = []gatehouse.Kind{
		gatehouse.LoginSucceeded, gatehouse.LoginSucceeded, gatehouse.LoginSucceeded, gatehouse.LoginSucceeded, gatehouse.TokenRefreshed,
		gatehouse.TokenRefreshed, gatehouse.TokenRefreshed, gatehouse.TokenRefreshed, gatehouse.LoginFailed, gatehouse.LoggedOut,
	}
	rare = []gatehouse.Kind{
		gatehouse.SignupSucceeded, gatehouse.PasswordChanged, gatehouse.PasswordReset, gatehouse.SessionEnded, gatehouse.TokenReused,
		gatehouse.LoggedOutEverywhere, gatehouse.SignupFailed, gatehouse.TokenRefreshFailed, gatehouse.LoginDisowned, gatehouse.StepUpRequired,
	}
	attack = []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.LoginFailed, gatehouse.LoginFailed, gatehouse.LoginRefused, gatehouse.RequestRefused}
)

// next returns what happens when a part of the month, less than one, is over: of 100
// times 64 something usual, 1 something rare, and 35 a guess of an attack, one in
// fifty of which is found out.
func (m *month) next(part float64) []gatehouse.Record {
	// At night, from 22 to 6 o'clock, it is half as busy as by day.
	days := part * m.days
	day := math.Floor(days)
	var hour float64
	if u := (days - day) * 20; u < 3 {
		hour = 2 * u
	} else if u < 19 {
		hour = 6 + (u - 3)
	} else {
		hour = 22 + 2*(u-19)
	}
	m.at = m.since.Add(time.Duration((24*day + hour) * float64(time.Hour)))
	switch n := m.rand.IntN(100); {
	case n < 64:
		return []gatehouse.Record{m.record(quiet[m.rand.IntN(len(quiet))], false)}
	case n < 65:
		return []gatehouse.Record{m.record(rare[m.rand.IntN(len(rare))], false)}
	}
	r := m.record(attack[m.rand.IntN(len(attack))], true)
	if m.rand.IntN(50) == 0 {
		return append([]gatehouse.Record{r}, m.found(r)...)
	}
	return []gatehouse.Record{r}
}

func (m *month) record(kind gatehouse.Kind, hostile bool) gatehouse.Record {
	who := m.people[0]
	if m.rand.IntN(10) > 0 {
		who = pick(m.rand, m.people)
	}
	r := gatehouse.Record{ID: gatehouse.NewID(m.at), Event: gatehouse.Event{
		Kind: kind, Time: m.at, Subject: who, Endpoint: "/api/auth/login", CorrelationID: gatehouse.NewID(m.at),
		Client: gatehouse.Client{
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
			Device:    gatehouse.Device{ID: fmt.Sprintf("%016x", m.rand.IntN(1<<20)), Name: devices[m.rand.IntN(len(devices))]},
			Place:     gatehouse.Place{Country: pick(m.rand, countries), Lat: 52, Lon: 5, RadiusKm: 100},
		},
	}}
	r.IP = netip.AddrFrom4([4]byte{192, 0, 2, byte(m.rand.IntN(256))})
	switch {
	case hostile && m.rand.IntN(4) == 0: // somebody who is nobody here
		r.User, r.Account = "", fmt.Sprintf("guess%d@example.com", m.rand.IntN(50_000))
		fallthrough
	case hostile:
		var ip [16]byte
		copy(ip[:], []byte{0x20, 0x01, 0x0d, 0xb8})
		n := int(m.rand.ExpFloat64() * 500)
		ip[5], ip[6], ip[7], ip[15] = byte(n>>16), byte(n>>8), byte(n), 1
		r.IP = netip.AddrFrom16(ip)
		r.UserAgent = "python-requests/2.32.3"
	}
	if kind == gatehouse.LoginFailed {
		r.Reason = "password"
	}
	return r
}

// found returns the records of a finding, and of the block that it led to as a rule.
func (m *month) found(cause gatehouse.Record) []gatehouse.Record {
	rule := m.rules[m.rand.IntN(len(m.rules))]
	r := cause
	r.ID, r.Kind, r.Severity = gatehouse.NewID(m.at), rule.Kind, rule.Severity
	f := &gatehouse.Finding{
		ID: gatehouse.NewID(m.at), Rule: rule.Name, Kind: rule.Kind, Severity: rule.Severity, KeyedBy: rule.KeyedBy,
		Observed: rule.Limit.Threshold, Threshold: rule.Limit.Threshold, Window: rule.Limit.Window,
		First: m.at.Add(-time.Minute), Last: m.at, Count: 1, Actions: []gatehouse.Action{{Response: "log"}},
	}
	r.Finding = f
	records := []gatehouse.Record{r}
	if rule.Respond.BlockIP > 0 {
		until := m.at.Add(rule.Respond.BlockIP)
		prefix := netip.PrefixFrom(r.IP, r.IP.BitLen())
		f.Actions = append(f.Actions, gatehouse.Action{Response: "block_ip", Target: prefix, Until: until})
		b := cause
		b.ID, b.Kind, b.Severity = gatehouse.NewID(m.at), gatehouse.IPAddressBlocked, rule.Severity
		b.Block = &gatehouse.Block{
			ID: gatehouse.NewID(m.at), Prefix: prefix, Reason: string(rule.Kind), Rule: rule.Name, By: "gatehouse",
			Finding: f.ID, Created: m.at, Until: until,
		}
		records = append(records, b)
	}
	if m.rand.IntN(3) == 0 { // it went on
		again := *f
		again.Count = 10
		on := r
		on.ID, on.Finding = gatehouse.NewID(m.at), &again
		records = append(records, on)
	}
	return records
}
