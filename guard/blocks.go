package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/respond"
)

// ErrInvalidBlock is wrapped by the error of BlockIP for a block that cannot be.
var ErrInvalidBlock = errors.New("not a block that can be placed")

// BlockIP keeps an address or network out and records ip_address_blocked. Of b
// the Prefix, Created and Reason are required; a zero Until holds until it is
// lifted. Where the prefix is blocked already the later end wins; the block in
// force is returned. By is the actor of the record, unless it is Gatehouse itself.
func (g *Guard) BlockIP(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	ctx = context.WithoutCancel(ctx) // what is done is recorded, whoever hangs up
	// 0.0.0.0/0 by its other name, ::ffff:0:0/96, is still everybody.
	b.Prefix = gatehouse.CleanPrefix(b.Prefix)
	if err := validate(b); err != nil {
		return gatehouse.Block{}, fmt.Errorf("%w: %w", ErrInvalidBlock, err)
	}
	if b.ID == "" {
		b.ID = gatehouse.NewID(b.Created)
	}
	if b.By == "" {
		b.By = respond.System
	}
	b.Reason = gatehouse.CleanText(b.Reason, gatehouse.MaxText)
	b.By = gatehouse.CleanText(b.By, gatehouse.MaxText)
	got, err := respond.Place(ctx, g.blocks, b)
	if err != nil {
		return gatehouse.Block{}, err
	}
	return got, g.recordBlock(ctx, gatehouse.IPAddressBlocked, got, b.Created, b.By)
}

// longestBlock keeps ends within what can be written.
const longestBlock = 100 * 365 * 24 * time.Hour

func validate(b gatehouse.Block) error {
	switch {
	case !b.Prefix.IsValid():
		return errors.New("it needs an address or a network")
	case b.Prefix.Bits() == 0:
		return fmt.Errorf("%s would keep everybody out", b.Prefix)
	case b.Created.IsZero():
		return errors.New("it needs the time of its creation")
	case !b.Until.IsZero() && !b.Until.After(b.Created):
		return errors.New("it must end after it begins")
	case b.Until.Sub(b.Created) > longestBlock:
		return errors.New("it ends in more than 100 years: leave the end out")
	}
	return nil
}

// UnblockIP lifts the block of exactly this prefix, records that by did it, and
// gives the accounts whose failed logins led to it their attempts back. It returns
// gatehouse.ErrNotFound when there is no such block. An error that comes with a
// block says that it is lifted, and yet holds for now somewhere.
func (g *Guard) UnblockIP(ctx context.Context, at time.Time, prefix netip.Prefix, by string) (gatehouse.Block, error) {
	ctx = context.WithoutCancel(ctx) // as in BlockIP
	b, lifted := g.blocks.Lift(ctx, prefix, at)
	if lifted != nil && !b.Prefix.IsValid() {
		return b, lifted
	}
	for _, account := range b.Accounts {
		key := g.keys.failedLogins(account, b.Prefix.Addr())
		if err := g.windows.Forget(ctx, key); err != nil {
			g.onError(ctx, "reset failed logins", err)
		}
	}
	b.By = gatehouse.CleanText(by, gatehouse.MaxText)
	return b, errors.Join(g.recordBlock(ctx, gatehouse.IPAddressUnblocked, b, at, b.By), lifted)
}

func (g *Guard) recordBlock(ctx context.Context, kind gatehouse.Kind, b gatehouse.Block, at time.Time, by string) error {
	e := gatehouse.Event{Kind: kind, Time: at, Reason: b.Reason}
	if by != respond.System {
		e.Actor = by
	}
	e.IP = b.Prefix.Addr()
	if len(b.Accounts) == 1 {
		e.Account = b.Accounts[0]
	}
	r := newRecord(e)
	r.Block = &b
	return g.write(ctx, []gatehouse.Record{r})
}

// IsIPBlocked returns the block that keeps ip out at the instant at, if one
// does.
func (g *Guard) IsIPBlocked(ctx context.Context, at time.Time, ip netip.Addr) (gatehouse.Block, bool, error) {
	return g.blocks.Blocked(ctx, gatehouse.CleanAddr(ip), at)
}

// CountingPrefix is the network by which an address is counted and blocked:
// the address itself for IPv4, its /64 for IPv6.
func CountingPrefix(ip netip.Addr) netip.Prefix { return clientip.CountingPrefix(ip) }

// UserStats counts the findings about a user over the last days before at, by
// type and severity.
func (g *Guard) UserStats(ctx context.Context, at time.Time, user string, days int) ([]gatehouse.FindingCount, error) {
	if g.log == nil {
		return nil, errors.New("guard: Options.Log is needed for statistics")
	}
	if days < 1 {
		return nil, fmt.Errorf("guard: statistics over %d days: use 1 or more", days)
	}
	return g.log.CountFindings(ctx, user, at.AddDate(0, 0, -days))
}
