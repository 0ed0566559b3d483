package cached_test

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/cached"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func open(t *testing.T, path string) (*cached.Blocks, *sql.Store) {
	t.Helper()
	durable, err := sql.OpenSQLite(t.Context(), path, sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { durable.Close() })
	b, err := cached.NewBlocks(t.Context(), memory.NewBlocks(), durable, at)
	if err != nil {
		t.Fatal(err)
	}
	return b, durable
}

var (
	at    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	block = gatehouse.Block{ID: "1", Prefix: netip.MustParsePrefix("192.0.2.1/32"), By: "test", Created: at, Until: at.Add(time.Hour)}
)

func TestBlocks(t *testing.T) {
	storetest.Blocks(t, func(t *testing.T) gatehouse.Blocks {
		b, _ := open(t, filepath.Join(t.TempDir(), "blocks.db"))
		return b
	})
}

func TestBlocksOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blocks.db")
	b, durable := open(t, path)
	if _, err := b.Place(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	durable.Close()
	b, _ = open(t, path)
	if _, found, err := b.Blocked(t.Context(), block.Prefix.Addr(), at); !found || err != nil {
		t.Errorf("after a restart: %v, %v", found, err)
	}
}

// failing is a durable store that is down.
type failing struct{ gatehouse.Blocks }

func (failing) List(context.Context, time.Time) ([]gatehouse.Block, error) { return nil, nil }

func (failing) Place(context.Context, gatehouse.Block) (gatehouse.Block, error) {
	return gatehouse.Block{}, gatehouse.ErrUnavailable
}

func (failing) Lift(context.Context, netip.Prefix, time.Time) (gatehouse.Block, error) {
	return gatehouse.Block{}, gatehouse.ErrUnavailable
}

// A dead store keeps nobody in: what could not be made durable holds all the
// same, and what could not be lifted for good holds on.
func TestDeadStoreOpensNothing(t *testing.T) {
	b, err := cached.NewBlocks(t.Context(), memory.NewBlocks(), failing{}, at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Place(t.Context(), block); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Place: %v", err)
	}
	if _, err := b.Lift(t.Context(), block.Prefix, at); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Lift: %v", err)
	}
	if _, found, _ := b.Blocked(t.Context(), block.Prefix.Addr(), at); !found {
		t.Error("a dead store let a blocked address in")
	}
}

// halfway is a durable store that was down when a block was placed and is up
// again: it has none.
type halfway struct{ failing }

func (halfway) Lift(context.Context, netip.Prefix, time.Time) (gatehouse.Block, error) {
	return gatehouse.Block{}, gatehouse.ErrNotFound
}

// A block that never became durable can be lifted all the same.
func TestLiftAfterAPlaceThatFailedHalfway(t *testing.T) {
	b, err := cached.NewBlocks(t.Context(), memory.NewBlocks(), halfway{}, at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Place(t.Context(), block); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Place: %v", err)
	}
	if got, err := b.Lift(t.Context(), block.Prefix, at); err != nil || got.ID != block.ID {
		t.Errorf("Lift: %+v, %v", got, err)
	}
	if _, err := b.Lift(t.Context(), block.Prefix, at); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("Lift of none: %v", err)
	}
}
