// Package cached puts a fast store of blocks in front of a durable one: look-ups
// never leave memory, and a restart forgets no block.
package cached

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Blocks answers look-ups from one store of blocks and keeps them in another.
// It is safe for concurrent use. Nothing else may write to the fast store; what
// another process writes to the durable one is not seen before the next start.
type Blocks struct {
	fast, durable gatehouse.Blocks
	// One prefix is changed by one caller at a time, so that both stores see
	// its changes in the same order.
	turns [64]sync.Mutex
	seed  maphash.Seed
}

var _ gatehouse.Blocks = (*Blocks)(nil)

// NewBlocks fills fast with the blocks that durable holds at the instant at.
func NewBlocks(ctx context.Context, fast, durable gatehouse.Blocks, at time.Time) (*Blocks, error) {
	held, err := durable.List(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("read the blocks in force: %w", err)
	}
	for _, b := range held {
		if _, err := fast.Place(ctx, b); err != nil {
			return nil, fmt.Errorf("load the block of %s: %w", b.Prefix, err)
		}
	}
	return &Blocks{fast: fast, durable: durable, seed: maphash.MakeSeed()}, nil
}

func (b *Blocks) turn(p netip.Prefix) *sync.Mutex {
	return &b.turns[maphash.Comparable(b.seed, p.Masked())%uint64(len(b.turns))]
}

// Place holds the block at once and then makes it durable. On an error it holds
// until the next start.
func (b *Blocks) Place(ctx context.Context, block gatehouse.Block) (gatehouse.Block, error) {
	turn := b.turn(block.Prefix)
	turn.Lock()
	defer turn.Unlock()
	got, err := b.fast.Place(ctx, block)
	if err != nil {
		return got, err
	}
	return b.durable.Place(ctx, got)
}

// Lift removes the block for good before it lets anybody in.
func (b *Blocks) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	turn := b.turn(prefix)
	turn.Lock()
	defer turn.Unlock()
	lifted, err := b.durable.Lift(ctx, prefix, at)
	if err != nil && !errors.Is(err, gatehouse.ErrNotFound) {
		return lifted, err
	}
	held, fastErr := b.fast.Lift(ctx, prefix, at)
	if err != nil { // not durable, as after a Place that failed halfway
		return held, fastErr
	}
	return lifted, nil
}

// Blocked asks the fast store.
func (b *Blocks) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	return b.fast.Blocked(ctx, ip, at)
}

// List asks the fast store, which holds all.
func (b *Blocks) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	return b.fast.List(ctx, at)
}
