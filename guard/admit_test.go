package guard_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/rules"
)

// ask puts a request to Admit.
func (d *desk) ask(kind gatehouse.Kind, endpoint string, ip netip.Addr) gatehouse.Decision {
	e := d.event("", ip)
	e.Kind, e.Endpoint = kind, endpoint
	return d.Admit(d.t.Context(), e)
}

// Signups have their own rule, whatever their endpoint, and the one for all
// requests when that is off.
func TestSignupsHaveTheirOwnRule(t *testing.T) {
	for _, c := range []struct {
		name      string
		enabled   bool
		endpoints int
		want      string
	}{
		{"its own, over all endpoints", true, 2, rules.RapidSignup},
		{"the one for requests", false, 1, rules.BotActivity},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, func(o *guard.Options) {
				o.Rules = rules.Default()
				o.Rules.RapidSignup.Enabled = c.enabled
			})
			for i := range 49 {
				if got := d.ask(gatehouse.SignupRefused, fmt.Sprint(i%c.endpoints), home); !got.Allowed() || got.Findings != nil {
					t.Fatalf("signup %d: %+v", i+1, got)
				}
			}
			got := d.ask(gatehouse.SignupRefused, "0", home)
			if len(got.Findings) != 1 || got.Findings[0].Rule != c.want {
				t.Errorf("signup 50: %+v", got)
			}
		})
	}
}

// noBlocks are blocks that cannot be placed.
type noBlocks struct{ gatehouse.Blocks }

func (noBlocks) Place(context.Context, gatehouse.Block) (gatehouse.Block, error) {
	return gatehouse.Block{}, gatehouse.ErrUnavailable
}

// Beyond the limit a rule that limits or blocks refuses, even while its block
// does not hold; one that only notices lets go on.
func TestResponsesDecideWhoIsRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		respond rules.Responses
		want    gatehouse.Verdict
		retry   time.Duration
	}{
		{"log", rules.Responses{}, gatehouse.Allow, 0},
		{"alert", rules.Responses{Alert: true}, gatehouse.Allow, 0},
		{"rate limit", rules.Responses{RateLimit: true}, gatehouse.Limited, time.Minute},
		{"block", rules.Responses{BlockIP: 30 * time.Minute}, gatehouse.Limited, 30 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, func(o *guard.Options) {
				o.Rules = rules.Default()
				o.Rules.BotActivity.Respond = c.respond
				o.Blocks = noBlocks{o.Blocks}
			})
			for range 50 {
				d.ask(gatehouse.RequestRefused, "GET /a", home)
			}
			if got := d.ask(gatehouse.RequestRefused, "GET /a", home); got.Verdict != c.want || got.RetryAfter != c.retry || got.Findings != nil {
				t.Errorf("request 51: %+v", got)
			}
		})
	}
}

// An exempt address is counted and found as any other, and goes on all the same;
// its logins keep their limit.
func TestExemptAddressesGoOn(t *testing.T) {
	d := newDesk(t, func(o *guard.Options) {
		o.Rules = rules.Default()
		o.Rules.BotActivity.Respond = rules.Responses{RateLimit: true}
		o.Blocks = noBlocks{o.Blocks}
		o.Exempt = func(ip netip.Addr) bool { return ip == home }
	})
	for i := range 120 {
		if got := d.ask(gatehouse.RequestRefused, "GET /a", home); !got.Allowed() || (len(got.Findings) == 1) != (i == 49) {
			t.Fatalf("request %d: %+v", i+1, got)
		}
		if got := d.ask(gatehouse.RequestRefused, "GET /a", away); got.Allowed() != (i < 50) {
			t.Fatalf("request %d from elsewhere: %+v", i+1, got)
		}
	}
	for i := range 6 {
		if got := d.fail("ada@example.com", home); got.Allowed() != (i < 5) {
			t.Errorf("failure %d: %+v", i+1, got)
		}
	}
}

func TestBlockForGoodSaysWhenToAskAgain(t *testing.T) {
	d := newDesk(t, nil)
	if _, err := d.BlockIP(t.Context(), gatehouse.Block{Prefix: guard.CountingPrefix(home), Created: d.now, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if got := d.ask(gatehouse.RequestRefused, "GET /a", home); got.Verdict != gatehouse.Blocked || got.RetryAfter != 24*time.Hour {
		t.Errorf("blocked for good: %+v", got)
	}
}

// The addresses of one /64 share their attempts, and their room on the disk.
func TestIPv6CountsByNetwork(t *testing.T) {
	d := newDesk(t, nil)
	address := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) }
	for i := range 5 {
		if got := d.fail("ada@example.com", address(i)); (len(got.Findings) == 1) != (i == 4) {
			t.Fatalf("failure %d: %+v", i+1, got)
		}
	}
	for i := range 3000 {
		if got := d.ask(gatehouse.RequestRefused, "GET /a", address(i)); got.Verdict != gatehouse.Blocked {
			t.Fatalf("got in: %+v", got)
		}
	}
	if n := d.count(gatehouse.RequestRefused); n > 1010 {
		t.Errorf("%d records", n)
	}
}
