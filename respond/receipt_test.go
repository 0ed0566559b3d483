package respond_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/respond"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
)

func TestAlertsAreForThoseWhoAsk(t *testing.T) {
	d := newDesk(t, 0)
	d.rule.Respond = rules.Responses{}
	if d.fire(1, 0); len(d.told) != 0 {
		t.Errorf("people were told of %+v", d.told)
	}
}

// The rate is limited for a window after the newest sign of an attack.
func TestRateLimitEndsAfterTheLast(t *testing.T) {
	d := newDesk(t, 0)
	d.rule.Respond = rules.Responses{RateLimit: true}
	d.fire(1, 0)
	f, _ := d.fire(1, time.Minute)
	if got := f.Actions[len(f.Actions)-1]; got.Response != "rate_limit" || !got.Until.Equal(at.Add(time.Minute+d.rule.Limit.Window)) {
		t.Errorf("the receipt: %+v", f.Actions)
	}
}

// A clock that steps back ends no attack and does not age it.
func TestClockStepsBack(t *testing.T) {
	d := newDesk(t, 0)
	first, _ := d.fire(1, 4*time.Minute)
	d.fire(1, 0)
	if f, _ := d.fire(1, 6*time.Minute); f.ID != first.ID || f.Count != 3 {
		t.Errorf("two minutes after the newest sign: %+v", f)
	}
}

func TestImmediateRuleHasOngoingAttacks(t *testing.T) {
	d := newDesk(t, 0)
	d.rule = rules.Default().SuspiciousUserAgent
	first, _ := d.fire(1, 0)
	if f, _ := d.fire(1, 9*time.Minute); f.ID != first.ID {
		t.Error("it is over after nine minutes")
	}
	if f, _ := d.fire(1, 19*time.Minute); f.ID == first.ID {
		t.Error("it goes on after ten quiet minutes")
	}
}

type noBlocks struct{ gatehouse.Blocks }

func (noBlocks) Place(context.Context, gatehouse.Block) (gatehouse.Block, error) {
	return gatehouse.Block{}, gatehouse.ErrUnavailable
}

func TestFailedBlockIsInTheReceipt(t *testing.T) {
	d := newDesk(t, 0)
	d.Responder = respond.New(respond.Options{Blocks: noBlocks{d.blocks}})
	f, records := d.fire(1, 0)
	if len(records) != 1 || f.Actions[1].Response != "block_ip" || f.Actions[1].Failure == "" {
		t.Errorf("the receipt: %+v, %d records", f.Actions, len(records))
	}
}

// Only brute force costs attempts that lifting its block gives back, each
// account once.
func TestAccountsOfABlock(t *testing.T) {
	for _, c := range []struct {
		rule rules.Rule
		want []string
	}{{rules.Default().BruteForce, []string{"ada@example.com"}}, {rules.Default().RapidSignup, nil}} {
		d := newDesk(t, 0)
		d.rule = c.rule
		d.fire(1, 0)
		d.fire(1, time.Minute)
		held, err := d.blocks.List(t.Context(), at.Add(time.Minute))
		if err != nil || len(held) != 1 || !slices.Equal(held[0].Accounts, c.want) {
			t.Errorf("%s: %+v, %v", c.rule.Name, held, err)
		}
	}
}

// The block of an IPv6 address is that of the network it is counted by.
func TestBlockOfANetwork(t *testing.T) {
	blocks := memory.NewBlocks()
	e := gatehouse.Event{Time: at}
	e.IP = netip.MustParseAddr("2001:db8::1")
	respond.New(respond.Options{Blocks: blocks}).Respond(t.Context(), rules.Default().BruteForce, gatehouse.Key{1}, gatehouse.Finding{}, e)
	if _, found, err := blocks.Blocked(t.Context(), netip.MustParseAddr("2001:db8::2"), at); !found || err != nil {
		t.Errorf("a neighbour in the /64: %v, %v", found, err)
	}
}

// held is a store with one block.
type held struct {
	gatehouse.Blocks
	block gatehouse.Block
}

func (h held) Blocked(context.Context, netip.Addr, time.Time) (gatehouse.Block, bool, error) {
	return h.block, true, nil
}

func (h held) Place(_ context.Context, b gatehouse.Block) (gatehouse.Block, error) { return b, nil }

// The accounts of a block belong to its store: readers may hold them.
func TestPlaceLeavesTheOlderBlockAlone(t *testing.T) {
	b := gatehouse.Block{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Accounts: append(make([]string, 0, 2), "bob@example.com")}
	want := b
	want.Accounts = []string{"ada@example.com"}
	got, err := respond.Place(t.Context(), held{block: b}, want)
	if err != nil || !slices.Equal(got.Accounts, []string{"ada@example.com", "bob@example.com"}) || b.Accounts[0] != "bob@example.com" {
		t.Errorf("placed for %v, %v; the older one is for %v", got.Accounts, err, b.Accounts)
	}
}
