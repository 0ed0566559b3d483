package sentrytel_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

var (
	noon     = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	attacker = netip.MustParseAddr("203.0.113.77")
)

const correlation = "0af7651916cd43dd8448eb211c80319c"

func failed(ip netip.Addr, account string) gatehouse.Record {
	return gatehouse.Record{ID: gatehouse.NewID(noon), Event: gatehouse.Event{
		Kind: gatehouse.LoginFailed, Time: noon, Subject: gatehouse.Subject{Account: account},
		Client:   gatehouse.Client{IP: ip, UserAgent: "curl/8.5", Place: gatehouse.Place{Country: "NL", City: "Utrecht"}},
		Endpoint: "POST /api/auth/login", Reason: "wrong_password", CorrelationID: correlation,
	}}
}

func bruteForce(ip netip.Addr, id string, count int) gatehouse.Record {
	r := failed(ip, "victim@example.com")
	r.Kind, r.Severity = gatehouse.BruteForceDetected, gatehouse.High
	r.Finding = &gatehouse.Finding{
		ID: id, Rule: "brute_force", Kind: r.Kind, Severity: gatehouse.High, KeyedBy: "account+ip",
		Observed: 5, Threshold: 5, Window: 5 * time.Minute, First: noon, Last: noon, Count: count,
		Evidence: gatehouse.Evidence{
			Endpoint: r.Endpoint, UserAgent: "curl/8.5", Signs: []string{"new_device"},
			Devices: []gatehouse.Sighting{{Time: noon, IP: ip, Device: gatehouse.Device{Name: "Firefox on Linux"}}},
		},
		Actions: []gatehouse.Action{{
			Response: "block_ip", Target: netip.PrefixFrom(ip, ip.BitLen()), Until: noon.Add(time.Hour),
			Undo: "gatehouse blocks remove " + ip.String(),
		}},
	}
	return r
}

func TestFindingBecomesEvent(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.Senders = 1 }) // in order
	other := failed(netip.MustParseAddr("192.0.2.1"), "other@example.com")
	other.CorrelationID = "another"
	m.Records([]gatehouse.Record{failed(attacker, "victim@example.com"), other})
	m.Records([]gatehouse.Record{bruteForce(attacker, "attack-1", 1)})
	m.Records([]gatehouse.Record{bruteForce(attacker, "attack-1", 2)})
	flush(t, m)

	var events []item
	for _, e := range s.of("event") {
		if e.at("logger") == "gatehouse.security" {
			events = append(events, e)
		}
	}
	if len(events) != 2 {
		t.Fatalf("%d security events, want 2", len(events))
	}
	if a, b := fmt.Sprint(events[0].at("fingerprint")), fmt.Sprint(events[1].at("fingerprint")); a != b || a != "[gatehouse brute_force attack-1]" {
		t.Errorf("fingerprints %s and %s", a, b)
	}
	events[0].want(t, map[string]any{
		"message": "brute_force_detected", "level": "error",
		"tags.rule": "brute_force", "tags.event_type": "brute_force_detected", "tags.severity": "high",
		"tags.correlation_id": correlation, "contexts.trace.trace_id": correlation, "tags.country": "NL",
		"contexts.finding.observed": 5, "contexts.finding.counted_by": "account+ip", "contexts.finding.window": "5m0s", "contexts.finding.actions.0.response": "block_ip",
		"contexts.evidence.signs": "[new_device]", "contexts.evidence.devices.0.device": "Firefox on Linux",
		"breadcrumbs.0.message": "login_failed", "breadcrumbs.0.category": "security",
		"breadcrumbs.1": nil, // the other's is his
		"user.email":    nil, "user.ip_address": nil, "contexts.client.ip": nil,
	})
	for _, personal := range []string{"victim", "203.0.113", "Utrecht", "other@"} {
		if strings.Contains(s.raw.String(), personal) {
			t.Errorf("%q left the process", personal)
		}
	}
}

func TestLevels(t *testing.T) {
	for severity, want := range map[gatehouse.Severity]string{
		gatehouse.Info: "info", gatehouse.Warning: "warning", gatehouse.High: "error", gatehouse.Critical: "fatal", 99: "fatal",
	} {
		s := newIngest(t)
		m := newMonitor(t, s, nil)
		r := bruteForce(attacker, "a", 1)
		r.Finding.Severity = severity
		m.Records([]gatehouse.Record{r})
		flush(t, m)
		if got := s.only(t, "event").at("level"); got != want {
			t.Errorf("severity %v became %v, want %s", severity, got, want)
		}
	}
}

// A grave record without a finding is an event, a block is none: its finding
// tells of it. A finding of a rule in the shadow is nothing to tell of.
func TestRecordsWithoutFinding(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, nil)
	reused := failed(attacker, "a@example.com")
	reused.Kind, reused.Severity = gatehouse.TokenReused, gatehouse.High
	block := failed(attacker, "a@example.com")
	block.Kind, block.Severity, block.Block = gatehouse.IPAddressBlocked, gatehouse.High, &gatehouse.Block{}
	good := failed(attacker, "a@example.com")
	good.Kind = gatehouse.LoginSucceeded
	onTrial := bruteForce(attacker, "on trial", 1)
	onTrial.Finding.Shadow = true
	m.Records([]gatehouse.Record{reused, block, good, onTrial})
	flush(t, m)
	s.only(t, "event").want(t, map[string]any{"message": "token_reuse_detected", "level": "error"})
}

func TestIPPolicy(t *testing.T) {
	six := netip.MustParseAddr("2001:db8:1:2::3")
	for policy, want := range map[sentrytel.IPPolicy][2]string{
		sentrytel.OmitIPs:     {"<nil>", "<nil>"},
		sentrytel.TruncateIPs: {"203.0.113.0", "2001:db8:1::"},
		sentrytel.SendIPs:     {"203.0.113.77", "2001:db8:1:2::3"},
	} {
		for i, ip := range []netip.Addr{attacker, six} {
			s := newIngest(t)
			m := newMonitor(t, s, func(o *sentrytel.Options) { o.IPs = policy })
			m.Records([]gatehouse.Record{bruteForce(ip, "a", 1)})
			flush(t, m)
			e := s.only(t, "event")
			e.want(t, map[string]any{"user.ip_address": want[i], "contexts.client.ip": want[i], "contexts.evidence.devices.0.ip": want[i]})
			if policy != sentrytel.SendIPs && strings.Contains(s.raw.String(), ip.String()) {
				t.Errorf("policy %d: %v left the process", policy, ip)
			}
		}
	}
}

// One user is one pseudonym under one key, and another under another.
func TestPseudonyms(t *testing.T) {
	seen := map[string]int{}
	for _, key := range []string{"a", "a", "b"} {
		s := newIngest(t)
		m := newMonitor(t, s, func(o *sentrytel.Options) { o.UserKey = []byte(key) })
		m.Records([]gatehouse.Record{bruteForce(attacker, "a", 1)})
		flush(t, m)
		seen[fmt.Sprint(s.only(t, "event").at("user.id"))]++
	}
	if len(seen) != 2 {
		t.Errorf("pseudonyms %v", seen)
	}
}

// clock is a clock that is set by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// A storm of failed logins is a handful of events that count all of it.
func TestStormIsSummedUp(t *testing.T) {
	s := newIngest(t)
	c := &clock{noon}
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.Now = c.Now })
	const failures = 3000
	for i := range failures {
		c.now = c.now.Add(50 * time.Millisecond)
		m.Records([]gatehouse.Record{failed(attacker, fmt.Sprintf("user%d@example.com", i%3))})
	}
	flush(t, m)
	events, sum := s.of("event"), 0.0
	for _, e := range events {
		sum += e.at("contexts.failures.count").(float64)
		e.want(t, map[string]any{
			"message": "login_failed", "level": "info", "logger": "gatehouse.authentication", "tags.reason": "wrong_password",
			"tags.endpoint": "POST /api/auth/login", "fingerprint.1": "authentication",
		})
	}
	// 150 s: at once, after one minute, after two, and the rest at Flush.
	if len(events) != 4 || sum != failures {
		t.Errorf("%d events for %v failures, want 4 for %d", len(events), sum, failures)
	}
}

// However many attacks begin at once, Sentry is not flooded, and errors are not
// crowded out by findings nor the other way round.
func TestFloodsAreLimited(t *testing.T) {
	s := newIngest(t)
	c := &clock{noon}
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.Now, o.EventsPerMinute, o.TracesSampleRate = c.Now, 40, rate(0) })
	for i := range 1000 {
		m.Records([]gatehouse.Record{bruteForce(attacker, fmt.Sprint(i), 1)})
	}
	h := site(m, map[string]http.HandlerFunc{"GET /": httpguard.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("broken")
	}).ServeHTTP})
	for range 100 {
		request(t, h, "GET", "/")
	}
	flush(t, m)
	kinds := map[any]int{}
	for _, e := range s.of("event") {
		kinds[e.at("logger")]++
	}
	if kinds["gatehouse.security"] != 10 || kinds[nil] != 5 {
		t.Errorf("events %v, want 10 findings and 5 errors", kinds)
	}
	if got := m.Stats().Dropped[sentrytel.Limited]; got != 990+95 {
		t.Errorf("%d counted as limited, want %d", got, 990+95)
	}
	c.now = c.now.Add(time.Minute)
	m.Records([]gatehouse.Record{bruteForce(attacker, "later", 1)})
	flush(t, m)
	if n := len(s.of("event")); n != 16 {
		t.Errorf("%d events, want one more a minute later", n)
	}
}

// A clock that is set back neither opens the limits nor closes them for good.
func TestClockStepsBack(t *testing.T) {
	s := newIngest(t)
	c := &clock{noon}
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.Now, o.EventsPerMinute = c.Now, 4 })
	for i, step := range []struct {
		by   time.Duration
		want int
	}{{0, 1}, {-time.Second, 1}, {-24 * time.Hour, 1}, {15 * time.Second, 2}, {time.Hour, 3}} {
		c.now = c.now.Add(step.by)
		m.Records([]gatehouse.Record{bruteForce(attacker, "a", 1), bruteForce(attacker, "b", 1)})
		flush(t, m)
		if n := len(s.of("event")); n != step.want {
			t.Errorf("step %d: %d events, want %d", i, n, step.want)
		}
	}
}
