// Package cached puts a fast store of blocks in front of a durable one: look-ups
// never leave memory, and a restart forgets no block.
//
// Each process has one Blocks. The fast store may be its own (store/memory) or
// shared by all nodes (store/redis); the durable one may be shared as well, and
// may stand behind store/spool. Only cached.Blocks writes to the fast store. What
// other processes write to the durable one, because they share no fast store or
// because that is down, is seen with the next Sync.
//
// A fast store that is shared must answer Blocked and List from this process, and
// its Place must hold the block in this process even when it returns an error that
// wraps gatehouse.ErrUnavailable, as that of store/redis does.
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
// It is safe for concurrent use.
type Blocks struct {
	fast, durable gatehouse.Blocks
	// One prefix is changed by one caller at a time, so that both stores see
	// its changes in the same order.
	turns [64]sync.Mutex
	seed  maphash.Seed

	syncing sync.Mutex // one Sync at a time
	mu      sync.Mutex
	// seen is the ID of the block of each prefix that the durable store was last
	// known to hold. What it held and holds no more was lifted; of what it never
	// held one cannot tell.
	seen map[netip.Prefix]string
	// touched are the prefixes that were changed here since Sync began; nil
	// while there is none.
	touched map[netip.Prefix]struct{}
}

var _ gatehouse.Blocks = (*Blocks)(nil)

// NewBlocks fills fast with the blocks that durable holds at the instant at. A
// fast store that can hold them in this process only, for now, is no error.
func NewBlocks(ctx context.Context, fast, durable gatehouse.Blocks, at time.Time) (*Blocks, error) {
	b := &Blocks{fast: fast, durable: durable, seed: maphash.MakeSeed(), seen: map[netip.Prefix]string{}}
	if _, err := b.sync(ctx, at); err != nil {
		return nil, err
	}
	return b, nil
}

// begin waits for the turn of a prefix. The function that it returns ends it.
func (b *Blocks) begin(p netip.Prefix) (end func()) {
	p = gatehouse.CleanPrefix(p)
	turn := b.turn(p)
	turn.Lock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.touched != nil {
		b.touched[p] = struct{}{}
	}
	return turn.Unlock
}

func (b *Blocks) turn(p netip.Prefix) *sync.Mutex {
	return &b.turns[maphash.Comparable(b.seed, p)%uint64(len(b.turns))]
}

// Place holds the block at once and then makes it durable. When it returns nil
// the block holds in this process and is durable; where the fast store is shared
// and could not be asked, other nodes see the block with their next Sync. On an
// error the block may hold, and may be gone after a restart.
func (b *Blocks) Place(ctx context.Context, block gatehouse.Block) (gatehouse.Block, error) {
	defer b.begin(block.Prefix)()
	held, fastErr := b.fast.Place(ctx, block)
	if fastErr != nil {
		if !errors.Is(fastErr, gatehouse.ErrUnavailable) {
			return held, fastErr
		}
		if !held.Prefix.IsValid() {
			held = block
		}
	}
	standing, err := b.durable.Place(ctx, held)
	if err != nil {
		return standing, errors.Join(err, fastErr)
	}
	b.saw(standing)
	if !same(held, standing) { // another node has placed one that ends later
		_, fastErr = b.fast.Place(ctx, standing)
	}
	_, err = b.holds(ctx, standing, fastErr)
	return standing, err
}

// same reports whether two blocks of one prefix keep it out alike.
func same(a, b gatehouse.Block) bool { return a.ID == b.ID && a.Until.Equal(b.Until) }

// saw notes that the durable store holds a block.
func (b *Blocks) saw(block gatehouse.Block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[block.Prefix] = block.ID
}

// put places a block in the fast store. Its errors are those of holds.
func (b *Blocks) put(ctx context.Context, block gatehouse.Block) (here, err error) {
	_, err = b.fast.Place(ctx, block)
	return b.holds(ctx, block, err)
}

// holds judges what the fast store said when it was given a block. The first
// error says that it holds in this process only, for now; the second that it may
// not hold.
func (b *Blocks) holds(ctx context.Context, block gatehouse.Block, fastErr error) (here, err error) {
	if fastErr == nil || !errors.Is(fastErr, gatehouse.ErrUnavailable) {
		return nil, fastErr
	}
	held, found, err := b.fast.Blocked(ctx, block.Prefix.Addr(), block.Created)
	if err == nil && found && held.Prefix.Bits() <= block.Prefix.Bits() {
		return fastErr, nil
	}
	return nil, fmt.Errorf("the block of %s does not hold here: %w", block.Prefix, errors.Join(fastErr, err))
}

// Lift removes the block for good before it lets anybody in. If that is done, and
// yet the fast store could not let anybody in, the error says so and comes with
// the block; Sync makes up for it.
func (b *Blocks) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	defer b.begin(prefix)()
	lifted, err := b.durable.Lift(ctx, prefix, at)
	if err != nil && !errors.Is(err, gatehouse.ErrNotFound) {
		return lifted, err
	}
	held, fastErr := b.fast.Lift(ctx, prefix, at)
	if err != nil { // not durable, as after a Place that failed halfway
		return held, fastErr
	}
	if fastErr != nil && !errors.Is(fastErr, gatehouse.ErrNotFound) {
		b.saw(lifted)
		return lifted, fmt.Errorf("the block of %s is lifted for good, and yet holds for now: %w", lifted.Prefix, fastErr)
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
