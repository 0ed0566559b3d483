package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/chain"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/scrub"
	"github.com/fluxstudio/gatehouse/store/memory"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// Operator acts on the data directory of a server, running or not, for the
// command line. What it reads is what has been acknowledged so far; what it
// changes holds at once. It is safe for concurrent use.
type Operator struct {
	dir   string
	store *sqlstore.Store
	sign  ed25519.PrivateKey
}

// Operate opens an existing data directory. Close what it returns.
func Operate(ctx context.Context, dir string) (*Operator, error) {
	if _, err := os.Stat(databasePath(dir)); err != nil {
		return nil, fmt.Errorf("there are no records in %s: %w", dir, err)
	}
	keys, err := accounts.LoadOrCreateKeys(dir)
	if err != nil {
		return nil, err
	}
	sign := logKey(keys)
	store, err := sqlstore.AttachSQLite(ctx, databasePath(dir), sqlstore.Options{Sign: sign})
	if err != nil {
		return nil, fmt.Errorf("open the records in %s: %w", dir, err)
	}
	return &Operator{dir: dir, store: store, sign: sign}, nil
}

// Close gives back what Operate opened.
func (o *Operator) Close() error { return o.store.Close() }

// Store is the record store, to read from.
func (o *Operator) Store() *sqlstore.Store { return o.store }

// VerifyLog verifies the security log; see the method of the store.
func (o *Operator) VerifyLog(ctx context.Context, expect []chain.Head, progress func(records int)) (sqlstore.Verified, error) {
	return o.store.VerifyLog(ctx, o.sign.Public().(ed25519.PublicKey), expect, progress)
}

// Block keeps a network out for so long; 0 means until it is lifted.
func (o *Operator) Block(ctx context.Context, prefix netip.Prefix, d time.Duration, reason, by string) (gatehouse.Block, error) {
	q := blockRequest{Prefix: prefix, For: d, Reason: reason, By: by}
	return o.act(ctx, func() (gatehouse.Block, error) {
		return call(ctx, o.dir, http.MethodPost, nil, q)
	}, func(g *guard.Guard, now time.Time) (gatehouse.Block, error) {
		return placeBlock(ctx, g, now, q)
	})
}

// Unblock lifts the block of a network, or returns gatehouse.ErrNotFound.
func (o *Operator) Unblock(ctx context.Context, prefix netip.Prefix, by string) (gatehouse.Block, error) {
	query := url.Values{"prefix": {prefix.String()}, "by": {by}}
	return o.act(ctx, func() (gatehouse.Block, error) {
		return call(ctx, o.dir, http.MethodDelete, query, nil)
	}, func(g *guard.Guard, now time.Time) (gatehouse.Block, error) {
		return g.UnblockIP(ctx, now, prefix, by)
	})
}

// How long a server that is just starting or ending is waited for, and how often
// it is looked for.
const (
	handover      = 15 * time.Second // more than shutdownGrace
	handoverCheck = 50 * time.Millisecond
)

// act acts through the server that holds the data directory, or without one,
// and then keeps one from starting meanwhile. The lock tells which, not
// control.json: a server that was killed leaves that behind, and whoever listens
// on its port by now knows nothing of blocks.
func (o *Operator) act(ctx context.Context, through func() (gatehouse.Block, error), alone func(*guard.Guard, time.Time) (gatehouse.Block, error)) (gatehouse.Block, error) {
	for deadline := time.Now().Add(handover); ; {
		lock, err := lockData(o.dir)
		if err == nil {
			defer lock.Close()
			return o.alone(alone)
		}
		if !errors.Is(err, ErrInUse) {
			return gatehouse.Block{}, err
		}
		b, callErr := through()
		if !errors.Is(callErr, errNoServer) {
			return b, callErr
		}
		if time.Now().After(deadline) {
			return gatehouse.Block{}, err
		}
		select {
		case <-time.After(handoverCheck):
		case <-ctx.Done():
			return gatehouse.Block{}, ctx.Err()
		}
	}
}

func (o *Operator) alone(act func(*guard.Guard, time.Time) (gatehouse.Block, error)) (gatehouse.Block, error) {
	g, err := guard.New(guard.Options{
		Windows:   memory.NewWindows(memory.Options{}),
		Blocks:    o.store,
		Sightings: o.store,
		Journal:   o.store,
	})
	if err != nil {
		return gatehouse.Block{}, err
	}
	return act(g, time.Now())
}

func placeBlock(ctx context.Context, g *guard.Guard, now time.Time, q blockRequest) (gatehouse.Block, error) {
	reason := scrub.New(scrub.Options{}).Text(q.Reason) // people paste what they have before them
	b := gatehouse.Block{Prefix: q.Prefix, Reason: reason, By: q.By, Created: now}
	if q.For != 0 {
		b.Until = now.Add(q.For)
	}
	return g.BlockIP(ctx, b)
}
