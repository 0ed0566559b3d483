package demo

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/rules"
)

const (
	attackerIP = "203.0.113.5"
	ordinaryIP = "192.0.2.5"
	visitorIP  = "127.0.0.1"
)

func noted(ip, finding string) gatehouse.Record {
	r := gatehouse.Record{Event: gatehouse.Event{Kind: gatehouse.BruteForceDetected, Time: time.Unix(1000, 0), Client: gatehouse.Client{IP: netip.MustParseAddr(ip)}}}
	r.Finding = &gatehouse.Finding{ID: finding, Rule: rules.BruteForce}
	return r
}

func block(ip string) gatehouse.Record {
	r := noted(ip, "")
	r.Kind, r.Finding, r.Block = gatehouse.IPAddressBlocked, nil, &gatehouse.Block{}
	return r
}

func refusal(ip string) gatehouse.Record {
	r := noted(ip, "")
	r.Kind, r.Finding = gatehouse.LoginRefused, nil
	return r
}

// The tally of a day with one attack that ends in a block.
func TestTally(t *testing.T) {
	attack := []gatehouse.Record{noted(attackerIP, "a"), block(attackerIP), refusal(attackerIP)}
	for _, c := range []struct {
		name    string
		records []gatehouse.Record
		want    string // in the error; empty: none
	}{
		{"as expected", attack, ""},
		{"one finding is updated", append([]gatehouse.Record{noted(attackerIP, "a")}, attack...), ""},
		{"a visitor is found too", append([]gatehouse.Record{noted(visitorIP, "v"), block(visitorIP), refusal(visitorIP)}, attack...), ""},
		{"nothing", nil, "brute_force_detected brute_force: 0 found, 1 expected (and 1 more)"},
		{"no block", attack[:1], "ip_address_blocked : 0 found, 1 expected"},
		{"found twice", append([]gatehouse.Record{noted(attackerIP, "b")}, attack...), "brute_force: 2 found, 1 expected"},
		{"reported", append([]gatehouse.Record{noted(ordinaryIP, "o")}, attack...), "brute_force_detected was reported about 192.0.2.5"},
		{"blocked", append([]gatehouse.Record{block(ordinaryIP)}, attack...), "ip_address_blocked was reported about 192.0.2.5"},
		{"refused", append([]gatehouse.Record{refusal(ordinaryIP)}, attack...), "refused to people who belong here: 1 request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tally := newTally()
			tally.expect(&scene{finds: map[string]int{rules.BruteForce: 1}, blocks: 1})
			for _, r := range c.records {
				tally.note(r)
			}
			_, err := tally.close()
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrUnexpected) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A wrong answer to anybody is told, and nothing counts after the day.
func TestTallyComplains(t *testing.T) {
	tally := newTally()
	tally.complain("sam@example.com was answered 429")
	if _, err := tally.close(); !errors.Is(err, ErrUnexpected) || !strings.Contains(err.Error(), "sam@example.com") {
		t.Errorf("got %v", err)
	}
	tally.note(refusal(ordinaryIP))
	if refused, _ := tally.hurt(); refused != 0 {
		t.Error("it counts after the day")
	}
}

// The clock stands still, never goes back, and shows the real time in the end.
func TestClock(t *testing.T) {
	at := time.Now().Add(-length)
	c := newClock(at)
	c.advance(at.Add(time.Hour))
	c.advance(at)
	if got := c.Now(); !got.Equal(at.Add(time.Hour)) {
		t.Errorf("it shows %v", got)
	}
	c.release()
	if got := c.Now(); time.Since(got) > time.Minute {
		t.Errorf("released, it shows %v", got)
	}
}

// What is heard while nobody tells is bounded, and the rest is owned up to.
func TestFeedNeverWaits(t *testing.T) {
	var out strings.Builder
	f := newFeed(Options{Out: &out}, time.Now)
	for range heardMost + 7 {
		f.hear(noted(visitorIP, "v"))
	}
	for f.drain() {
	}
	if got := strings.Count(out.String(), "brute_force_detected"); got != heardMost {
		t.Errorf("%d told", got)
	}
	if !strings.Contains(out.String(), "7 more that came too fast") {
		t.Error("what was missed is not told")
	}
}

// Whatever a record carries, a terminal gets one clean line for each.
func TestFeedCleans(t *testing.T) {
	const hostile = "\x1b[2J\r\n\u202eevil\x00"
	var out strings.Builder
	f := newFeed(Options{Out: &out}, time.Now)
	r := noted(visitorIP, "v")
	r.Account, r.Place = hostile, gatehouse.Place{Country: hostile, City: hostile}
	r.Finding.Evidence = gatehouse.Evidence{Pattern: hostile, Endpoint: hostile}
	r.Finding.Actions = []gatehouse.Action{{Response: hostile}, {Response: "block_ip", Failure: hostile}}
	r.Finding.Evidence.Devices = []gatehouse.Sighting{{Device: gatehouse.Device{Name: hostile}}}
	f.record(r)
	b := block(visitorIP)
	b.Block.By, b.Block.Reason = hostile, hostile
	f.record(b)
	b.Kind = gatehouse.IPAddressUnblocked
	f.record(b)
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSuffix(line, "\n"); gatehouse.CleanText(line, 1000) != line {
			t.Errorf("%q", line)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 5, ""},
		{"a bb ccc", 4, "a bb|ccc"},
		{"Zoë Ångström", 12, "Zoë Ångström"},
		{"toolongtobreak a", 5, "toolongtobreak|a"},
	} {
		if got := strings.Join(wrap(c.in, c.n), "|"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q", c.in, c.n, got)
		}
	}
}

// An address that was asked for is not exchanged; the usual one is, if taken.
func TestFree(t *testing.T) {
	if got, notes := free("127.0.0.1:1", "127.0.0.1:0"); got != "127.0.0.1:1" || notes != nil {
		t.Errorf("got %s, %v", got, notes)
	}
	taken := occupy(t)
	if got, notes := free("", taken); got != "127.0.0.1:0" || len(notes) != 1 || !strings.Contains(notes[0], taken) {
		t.Errorf("got %s, %v", got, notes)
	}
	if got, notes := free("", "127.0.0.1:0"); got != "127.0.0.1:0" || notes != nil {
		t.Errorf("got %s, %v", got, notes)
	}
}

func occupy(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
