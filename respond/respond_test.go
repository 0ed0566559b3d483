package respond_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/respond"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type desk struct {
	*respond.Responder
	t      *testing.T
	blocks *memory.Blocks
	rule   rules.Rule
	told   []gatehouse.Record
}

func (d *desk) Alert(_ context.Context, r gatehouse.Record) error {
	d.told = append(d.told, r)
	return nil
}

func newDesk(t *testing.T, max int) *desk {
	d := &desk{t: t, blocks: memory.NewBlocks(), rule: rules.Default().BruteForce}
	d.Responder = respond.New(respond.Options{Blocks: d.blocks, Alerts: d, MaxOngoing: max})
	return d
}

// fire lets the rule fire on what key names, so long after the beginning.
func (d *desk) fire(key byte, after time.Duration) (gatehouse.Finding, []gatehouse.Record) {
	d.t.Helper()
	e := gatehouse.Event{Kind: gatehouse.LoginFailed, Time: at.Add(after)}
	e.Account, e.IP = "ada@example.com", netip.MustParseAddr("192.0.2.1")
	f, records := d.Respond(d.t.Context(), d.rule, gatehouse.Key{key}, gatehouse.Finding{Kind: d.rule.Kind}, e)
	if err := d.Responder.Alert(d.t.Context(), records); err != nil {
		d.t.Fatal(err)
	}
	return f, records
}

func TestOngoingAttack(t *testing.T) {
	d := newDesk(t, 0)
	d.rule.Respond.BlockIP = 0
	first, records := d.fire(1, 0)
	if len(records) != 1 || first.Count != 1 {
		t.Fatalf("the first time: %+v, %d records", first, len(records))
	}
	written := 1
	for i := 2; i <= 100; i++ {
		f, records := d.fire(1, time.Duration(i)*time.Minute)
		if f.ID != first.ID || f.Count != i || !f.First.Equal(at) {
			t.Fatalf("the %d. time: %+v", i, f)
		}
		written += len(records)
	}
	if written != 3 || len(d.told) != 1 {
		t.Errorf("%d records and %d alerts of 100 times, want 3 and 1", written, len(d.told))
	}
	if other, _ := d.fire(2, 0); other.ID == first.ID {
		t.Error("two attacks are one finding")
	}
	if again, _ := d.fire(1, 100*time.Minute+d.rule.Limit.Window); again.ID == first.ID || again.Count != 1 {
		t.Errorf("after a pause it is the same attack: %+v", again)
	}
	if len(d.told) != 3 {
		t.Errorf("%d alerts of three attacks", len(d.told))
	}
}

func TestForgetsTheLeastRecentlySeen(t *testing.T) {
	d := newDesk(t, 2)
	a, _ := d.fire('a', 0)
	d.fire('b', 0)
	d.fire('a', time.Second)
	d.fire('c', 2*time.Second) // b is forgotten
	if f, _ := d.fire('a', 3*time.Second); f.ID != a.ID {
		t.Error("the attack seen last but one was forgotten")
	}
	if f, _ := d.fire('b', 4*time.Second); f.Count != 1 {
		t.Error("more attacks are remembered than was allowed")
	}
}

// A new block is written down each time; one that adds nothing is not.
func TestBlock(t *testing.T) {
	d := newDesk(t, 0)
	f, records := d.fire(1, 0)
	if len(records) != 2 || records[1].Kind != gatehouse.IPAddressBlocked || records[1].Block.Finding != f.ID ||
		!records[1].Block.Until.Equal(at.Add(time.Hour)) {
		t.Fatalf("the first time: %+v", records)
	}
	if got := f.Actions[1]; got.Response != "block_ip" || !got.Until.Equal(at.Add(time.Hour)) || got.Undo == "" {
		t.Errorf("the receipt: %+v", f.Actions)
	}
	forGood := gatehouse.Block{ID: "by hand", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Created: at}
	if _, err := respond.Place(t.Context(), d.blocks, forGood); err != nil {
		t.Fatal(err)
	}
	f, records = d.fire(1, time.Minute)
	if len(records) != 0 || !f.Actions[1].Until.IsZero() {
		t.Errorf("while it is blocked for good: %+v, %d records", f.Actions, len(records))
	}
}

func Example() {
	blocks := memory.NewBlocks()
	r := respond.New(respond.Options{Blocks: blocks})
	e := gatehouse.Event{Time: at}
	e.IP = netip.MustParseAddr("192.0.2.1")
	r.Respond(context.Background(), rules.Default().BruteForce, gatehouse.Key{1}, gatehouse.Finding{}, e)
	b, found, _ := blocks.Blocked(context.Background(), e.IP, e.Time)
	fmt.Println(found, b.Rule)
	// Output: true brute_force
}
