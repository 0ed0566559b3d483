package cached_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/cached"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// shared is a fast store of several nodes that can be cut off: then it behaves as
// store/redis does.
type shared struct {
	gatehouse.Blocks
	down, forgets atomic.Bool
}

var errCut = fmt.Errorf("cut off: %w", gatehouse.ErrUnavailable)

func (s *shared) Place(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	if !s.down.Load() {
		return s.Blocks.Place(ctx, b)
	}
	if s.forgets.Load() {
		return gatehouse.Block{}, errCut
	}
	got, _ := s.Blocks.Place(ctx, b)
	return got, errCut
}

func (s *shared) Lift(ctx context.Context, p netip.Prefix, at time.Time) (gatehouse.Block, error) {
	if s.down.Load() {
		return gatehouse.Block{}, errCut
	}
	return s.Blocks.Lift(ctx, p, at)
}

// node is one process with its own copy of the fast store.
type node struct {
	*cached.Blocks
	fast *shared
}

func openNode(t *testing.T, durable gatehouse.Blocks) node {
	t.Helper()
	fast := &shared{Blocks: memory.NewBlocks()}
	b, err := cached.NewBlocks(t.Context(), fast, durable, at)
	if err != nil {
		t.Fatal(err)
	}
	return node{b, fast}
}

func openDurable(t *testing.T) *sql.Store {
	t.Helper()
	durable, err := sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "blocks.db"), sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { durable.Close() })
	return durable
}

func (n node) mustSync(t *testing.T) {
	t.Helper()
	if err := n.Sync(t.Context(), at); err != nil {
		t.Errorf("Sync: %v", err)
	}
}

func (n node) wantBlocked(t *testing.T, p netip.Prefix, want bool) {
	t.Helper()
	if _, found, err := n.Blocked(t.Context(), p.Addr(), at); found != want || err != nil {
		t.Errorf("%v is blocked: %v, %v; want %v", p, found, err, want)
	}
}

// What the fast store cannot tell the others is durable, and holds here.
func TestPlaceWhileTheFastStoreIsCutOff(t *testing.T) {
	durable := openDurable(t)
	a, b := openNode(t, durable), openNode(t, durable)
	a.fast.down.Store(true)
	if got, err := a.Place(t.Context(), block); err != nil || got.ID != block.ID {
		t.Errorf("Place: %+v, %v", got, err)
	}
	a.wantBlocked(t, block.Prefix, true)
	if _, found, err := durable.Blocked(t.Context(), block.Prefix.Addr(), at); !found || err != nil {
		t.Errorf("the block is not durable: %v, %v", found, err)
	}
	b.wantBlocked(t, block.Prefix, false)
	b.mustSync(t)
	b.wantBlocked(t, block.Prefix, true)

	// One that forgets it is no success.
	a.fast.forgets.Store(true)
	other := block
	other.Prefix = netip.MustParsePrefix("192.0.2.2/32")
	if _, err := a.Place(t.Context(), other); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Place that holds nowhere: %v", err)
	}
	if err := a.Sync(t.Context(), at); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Sync with a store that takes nothing: %v", err)
	}
	if _, err := cached.NewBlocks(t.Context(), a.fast, durable, at); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("a start with a store that takes nothing: %v", err)
	}
	a.fast.forgets.Store(false)
	if err := a.Sync(t.Context(), at); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Sync while the others are not told: %v", err)
	}
	a.wantBlocked(t, other.Prefix, true)
	if _, err := cached.NewBlocks(t.Context(), a.fast, durable, at); err != nil {
		t.Errorf("a start while the fast store is cut off: %v", err)
	}
	a.fast.down.Store(false)
	a.mustSync(t)
}

func TestSyncLiftsWhatAnotherNodeLifted(t *testing.T) {
	durable := openDurable(t)
	a, b := openNode(t, durable), openNode(t, durable)
	if _, err := a.Place(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	b.mustSync(t)
	if _, err := b.Lift(t.Context(), block.Prefix, at); err != nil {
		t.Fatal(err)
	}
	a.wantBlocked(t, block.Prefix, true)
	a.mustSync(t)
	a.wantBlocked(t, block.Prefix, false)
	b.mustSync(t)
	b.wantBlocked(t, block.Prefix, false)
}

// A block that is lifted for good while the fast store is cut off holds on, says
// so, and goes with the next Sync.
func TestLiftWhileTheFastStoreIsCutOff(t *testing.T) {
	a := openNode(t, openDurable(t))
	if _, err := a.Place(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	a.fast.down.Store(true)
	if got, err := a.Lift(t.Context(), block.Prefix, at); got.ID != block.ID || !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Lift: %+v, %v", got, err)
	}
	for range 2 {
		if err := a.Sync(t.Context(), at); !errors.Is(err, gatehouse.ErrUnavailable) {
			t.Errorf("Sync: %v", err)
		}
		a.wantBlocked(t, block.Prefix, true)
	}
	a.fast.down.Store(false)
	a.mustSync(t)
	a.wantBlocked(t, block.Prefix, false)
}

// A block that the durable store has never held may be on its way.
func TestSyncKeepsWhatWasNeverSeenDurable(t *testing.T) {
	a := openNode(t, openDurable(t))
	if _, err := a.fast.Place(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	a.mustSync(t)
	a.mustSync(t)
	a.wantBlocked(t, block.Prefix, true)
}

func TestSyncReplacesABlock(t *testing.T) {
	durable := openDurable(t)
	a := openNode(t, durable)
	if _, err := a.Place(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Lift(t.Context(), block.Prefix, at); err != nil {
		t.Fatal(err)
	}
	shorter := block
	shorter.ID, shorter.Until = "shorter", at.Add(time.Minute)
	if _, err := durable.Place(t.Context(), shorter); err != nil {
		t.Fatal(err)
	}
	a.mustSync(t)
	if got, _, _ := a.Blocked(t.Context(), block.Prefix.Addr(), at); got.ID != "shorter" {
		t.Errorf("held is %+v", got)
	}
	longer := block
	longer.ID, longer.Until = "longer", at.Add(3*time.Hour)
	if _, err := durable.Place(t.Context(), longer); err != nil {
		t.Fatal(err)
	}
	want := block
	want.ID = "wanted"
	if got, err := a.Place(t.Context(), want); err != nil || got.ID != "longer" {
		t.Errorf("Place beneath another node's: %+v, %v", got, err)
	}
	if got, _, _ := a.Blocked(t.Context(), block.Prefix.Addr(), at); got.ID != "longer" {
		t.Errorf("held is %+v", got)
	}
}

// slow lets a test act after a list was read and before it is used.
type slow struct {
	gatehouse.Blocks
	listed func()
}

func (s *slow) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	list, err := s.Blocks.List(ctx, at)
	if s.listed != nil {
		s.listed()
	}
	return list, err
}

// What is placed and lifted while Sync runs stands.
func TestSyncHeedsWhatHappensMeanwhile(t *testing.T) {
	durable := &slow{Blocks: openDurable(t)}
	a := openNode(t, durable)
	old, fresh := block, block
	old.Prefix = netip.MustParsePrefix("192.0.2.7/32")
	fresh.ID, fresh.Created = "fresh", at.Add(time.Second)
	for _, b := range []gatehouse.Block{block, old} {
		if _, err := a.Place(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	// Another node has lifted one; and the fast store has lost the other.
	if _, err := durable.Lift(t.Context(), block.Prefix, at); err != nil {
		t.Fatal(err)
	}
	if _, err := a.fast.Lift(t.Context(), old.Prefix, at); err != nil {
		t.Fatal(err)
	}
	durable.listed = func() {
		durable.listed = nil
		if _, err := a.Place(t.Context(), fresh); err != nil {
			t.Error(err)
		}
		if _, err := a.Lift(t.Context(), old.Prefix, at); err != nil {
			t.Error(err)
		}
	}
	a.mustSync(t)
	a.wantBlocked(t, block.Prefix, true)
	a.wantBlocked(t, old.Prefix, false)
	a.mustSync(t)
	a.wantBlocked(t, block.Prefix, true)
	a.wantBlocked(t, old.Prefix, false)
}

// Both stores agree in the end, whatever was placed, lifted and synchronised at
// the same time.
func TestParallelSync(t *testing.T) {
	durable := openDurable(t)
	a := openNode(t, durable)
	stop := make(chan struct{})
	var syncs, wg sync.WaitGroup
	syncs.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				a.mustSync(t)
			}
		}
	})
	for worker := range 64 {
		wg.Go(func() {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(worker)}), 32)
			for i := range 10 {
				b := block
				b.ID, b.Prefix = fmt.Sprint(worker, "/", i), p
				if _, err := a.Place(t.Context(), b); err != nil {
					t.Errorf("Place: %v", err)
				}
				a.wantBlocked(t, p, true)
				if i == 9 && worker%2 == 0 {
					return
				}
				if got, err := a.Lift(t.Context(), p, at); err != nil || got.ID != b.ID {
					t.Errorf("Lift: %+v, %v", got, err)
				}
				a.wantBlocked(t, p, false)
			}
		})
	}
	wg.Wait()
	close(stop)
	syncs.Wait()
	a.mustSync(t)
	want, _ := durable.List(t.Context(), at)
	got, _ := a.List(t.Context(), at)
	if len(want) != 32 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the fast store holds %d blocks, the durable one %d, want 32", len(got), len(want))
	}
}
