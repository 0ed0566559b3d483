package guard_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
)

// deadJournal is a security log that nothing can be written to.
type deadJournal struct{}

func (deadJournal) Append(context.Context, ...gatehouse.Record) error {
	return gatehouse.ErrUnavailable
}

// pager keeps what people were told.
type pager struct {
	mu   sync.Mutex
	told []gatehouse.Record
}

func (p *pager) Alert(_ context.Context, r gatehouse.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, r)
	return nil
}

// An attack while the log cannot be written is refused, blocked and told of; it
// is the only trace of it that people get.
func TestAttackOnADeadLog(t *testing.T) {
	people := new(pager)
	d := newDesk(t, func(o *guard.Options) { o.Journal, o.Alerts, o.OnError = deadJournal{}, people, nil })
	for i := range 5 {
		a, decision := d.Begin(t.Context(), d.event("ada@example.com", home))
		if a == nil {
			t.Fatalf("attempt %d: %+v", i+1, decision)
		}
		if _, err := a.Fail(t.Context(), d.now, "password"); !errors.Is(err, gatehouse.ErrUnavailable) {
			t.Errorf("attempt %d: error %v", i+1, err)
		}
	}
	if a, got := d.Begin(t.Context(), d.event("ada@example.com", home)); a != nil || got.Verdict != gatehouse.Busy {
		t.Errorf("the sixth attempt: %+v", got)
	}
	if _, found, err := d.IsIPBlocked(t.Context(), d.now, home); !found || err != nil {
		t.Errorf("blocked: %v, %v", found, err)
	}
	if len(people.told) != 1 || people.told[0].Kind != gatehouse.BruteForceDetected {
		t.Errorf("people were told %+v, want of one brute force", people.told)
	}
}

// deadBlocks and deadWindows are stores that do not answer.
type deadBlocks struct{ gatehouse.Blocks }

func (deadBlocks) Blocked(context.Context, netip.Addr, time.Time) (gatehouse.Block, bool, error) {
	return gatehouse.Block{}, false, gatehouse.ErrUnavailable
}

type deadWindows struct{ gatehouse.Windows }

func (deadWindows) Hit(context.Context, time.Time, []gatehouse.Hit) error {
	return gatehouse.ErrUnavailable
}

func (deadWindows) Reserve(context.Context, time.Time, gatehouse.Key, gatehouse.Limit, time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	return gatehouse.Reservation{}, gatehouse.Tally{}, gatehouse.ErrUnavailable
}

// A store that does not answer lets nobody in.
func TestDeadStoresLetNobodyIn(t *testing.T) {
	for name, kill := range map[string]func(*guard.Options){
		"blocks":  func(o *guard.Options) { o.Blocks = deadBlocks{o.Blocks} },
		"windows": func(o *guard.Options) { o.Windows = deadWindows{o.Windows} },
	} {
		d := newDesk(t, func(o *guard.Options) { o.OnError = nil; kill(o) })
		if got := d.ask(gatehouse.RequestRefused, "GET /a", home); got.Verdict != gatehouse.Busy {
			t.Errorf("%s are dead, a request: %+v", name, got)
		}
		if a, got := d.Begin(t.Context(), d.event("ada@example.com", home)); a != nil || got.Verdict != gatehouse.Busy {
			t.Errorf("%s are dead, a login: %+v", name, got)
		}
	}
}

// A client that hangs up while it waits for its turn is nobody's failure.
func TestHangingUpInTheQueueIsNoError(t *testing.T) {
	d := newDesk(t, nil) // whose OnError fails the test
	for range 5 {
		if a, got := d.Begin(t.Context(), d.event("ada@example.com", home)); a == nil {
			t.Fatalf("refused: %+v", got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, got := d.Begin(ctx, d.event("ada@example.com", home)); a != nil || got.Verdict != gatehouse.Busy {
		t.Errorf("a client that is gone: %+v", got)
	}
}

// 0.0.0.0/0 has another spelling.
func TestNobodyKeepsEverybodyOut(t *testing.T) {
	d := newDesk(t, nil)
	for _, s := range []string{"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "::ffff:192.0.2.0/96"} {
		b := gatehouse.Block{Prefix: netip.MustParsePrefix(s), Created: d.now, Reason: "test"}
		if _, err := d.BlockIP(t.Context(), b); !errors.Is(err, guard.ErrInvalidBlock) {
			t.Errorf("a block of %s: error %v", s, err)
		}
	}
	if b, found, _ := d.IsIPBlocked(t.Context(), d.now, away); found {
		t.Errorf("kept out by %+v", b)
	}
}

// halfLifted is blocks that lift for good, and cannot tell the other nodes.
type halfLifted struct{ gatehouse.Blocks }

func (h halfLifted) Lift(ctx context.Context, p netip.Prefix, at time.Time) (gatehouse.Block, error) {
	b, err := h.Blocks.Lift(ctx, p, at)
	return b, errors.Join(err, gatehouse.ErrUnavailable)
}

// A lift that took, and yet is not known everywhere, is on record.
func TestHalfLiftedBlockIsRecorded(t *testing.T) {
	d := newDesk(t, func(o *guard.Options) { o.Blocks = halfLifted{o.Blocks} })
	b := gatehouse.Block{Prefix: netip.PrefixFrom(home, 32), Created: d.now, Reason: "test"}
	if _, err := d.BlockIP(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := d.UnblockIP(t.Context(), d.now, b.Prefix, "ada"); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("the error %v does not say so", err)
	}
	if n := len(d.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.IPAddressUnblocked}})); n != 1 {
		t.Errorf("%d records of the lift", n)
	}
	if _, err := d.UnblockIP(t.Context(), d.now, b.Prefix, "ada"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("lifted again: %v", err)
	}
	if n := len(d.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.IPAddressUnblocked}})); n != 1 {
		t.Errorf("%d records after a lift of nothing", n)
	}
}
