package cached

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Sync makes the fast store hold what the durable one holds at the instant at:
// it places what is missing, and lifts what the durable store is known to have
// held and holds no more. A block that the durable store was never seen to hold
// stays: it may be on its way there, from this node or another.
//
// Call it every few seconds while the fast store or the news from other nodes are
// disturbed, once when they have recovered, and now and then otherwise. It reads
// both lists; look-ups do not wait for it, and what is placed and lifted meanwhile
// stands. An error that wraps gatehouse.ErrUnavailable says that not everything
// could be done; the next call does the rest.
//
// A block that another node lifted while that node could not reach the durable
// store is placed again until it could: a block that holds too long is better than
// one that is lost.
func (b *Blocks) Sync(ctx context.Context, at time.Time) error {
	here, err := b.sync(ctx, at)
	return errors.Join(err, here)
}

// sync is Sync. The first error says that all holds in this process, though not
// elsewhere.
func (b *Blocks) sync(ctx context.Context, at time.Time) (here, err error) {
	b.syncing.Lock()
	defer b.syncing.Unlock()
	seen := b.watch()
	defer b.unwatch()
	durable, err := byPrefix(b.durable.List(ctx, at))
	if err != nil {
		return nil, fmt.Errorf("read the blocks in force: %w", err)
	}
	fast, err := byPrefix(b.fast.List(ctx, at))
	if err != nil && !errors.Is(err, gatehouse.ErrUnavailable) {
		return nil, fmt.Errorf("read the blocks of the fast store: %w", err)
	}
	var elsewhere, failures failure
	for p, block := range fast {
		if d, ok := durable[p]; seen[p] == block.ID && !(ok && same(d, block)) {
			failures.add(b.drop(ctx, block, at))
		}
	}
	for p, block := range durable {
		if f, ok := fast[p]; !ok || !same(f, block) {
			here, err := b.fill(ctx, block)
			elsewhere.add(here)
			failures.add(err)
		}
	}
	b.learn(seen, durable, fast)
	return elsewhere.err("only hold on this node"), failures.err("could not be brought in line")
}

func byPrefix(list []gatehouse.Block, err error) (map[netip.Prefix]gatehouse.Block, error) {
	blocks := make(map[netip.Prefix]gatehouse.Block, len(list))
	for _, b := range list {
		blocks[b.Prefix] = b
	}
	return blocks, err
}

// watch begins to note what is changed, and returns what the durable store held
// so far. Changes that had begun before are over when it returns, so that both
// lists will show them.
func (b *Blocks) watch() (seen map[netip.Prefix]string) {
	b.mu.Lock()
	b.touched = map[netip.Prefix]struct{}{}
	b.mu.Unlock()
	for i := range b.turns {
		b.turns[i].Lock()
		b.turns[i].Unlock() //lint:ignore SA2001 to wait for who has it
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.seen)
}

func (b *Blocks) unwatch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touched = nil
}

// settled waits for the turn of a prefix. It reports false where the lists say
// nothing about it any more.
func (b *Blocks) settled(p netip.Prefix) (end func(), ok bool) {
	turn := b.turn(p)
	turn.Lock()
	b.mu.Lock()
	defer b.mu.Unlock()
	_, touched := b.touched[p]
	return turn.Unlock, !touched
}

// drop lifts a block in the fast store, unless another has taken its place.
func (b *Blocks) drop(ctx context.Context, block gatehouse.Block, at time.Time) error {
	end, ok := b.settled(block.Prefix)
	defer end()
	if !ok {
		return nil
	}
	lifted, err := b.fast.Lift(ctx, block.Prefix, at)
	switch {
	case errors.Is(err, gatehouse.ErrNotFound):
		return nil
	case err != nil:
		return err
	case lifted.ID != block.ID: // placed by another node, a moment ago
		_, err = b.put(ctx, lifted)
	}
	return err
}

// fill places a block in the fast store.
func (b *Blocks) fill(ctx context.Context, block gatehouse.Block) (here, err error) {
	end, ok := b.settled(block.Prefix)
	defer end()
	if !ok {
		return nil, nil
	}
	return b.put(ctx, block)
}

// learn notes what the durable store holds. What it held before is remembered for
// as long as the fast store holds it. What was changed meanwhile is newer.
func (b *Blocks) learn(seen map[netip.Prefix]string, durable, fast map[netip.Prefix]gatehouse.Block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p, id := range seen {
		_, inDurable := durable[p]
		if !inDurable && fast[p].ID != id && b.seen[p] == id {
			delete(b.seen, p)
		}
	}
	for p, block := range durable {
		if b.seen[p] == seen[p] {
			b.seen[p] = block.ID
		}
	}
}

// failure counts errors and keeps the first.
type failure struct {
	n     int
	first error
}

func (f *failure) add(err error) {
	if err == nil {
		return
	}
	if f.n++; f.n == 1 {
		f.first = err
	}
}

func (f *failure) err(what string) error {
	if f.n == 0 {
		return nil
	}
	return fmt.Errorf("%d blocks %s: %w", f.n, what, f.first)
}
