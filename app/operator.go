package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
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
	"github.com/fluxstudio/gatehouse/store/cached"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/redis"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// Operator acts on the data directory of a server, running or not, for the
// command line. What it reads is what has been acknowledged so far; what it
// changes holds at once. It is safe for concurrent use.
type Operator struct {
	config Config
	store  *sqlstore.Store
	keys   accounts.Keys
}

// Operate opens the records of the server with this configuration, which must
// exist. Close what it returns.
func Operate(ctx context.Context, c Config) (*Operator, error) {
	if _, err := os.Stat(databasePath(c.Data)); err != nil && c.Postgres.URL == "" {
		return nil, fmt.Errorf("there are no records in %s: %w", c.Data, err)
	}
	keys, err := ownKeys(c)
	if err != nil {
		return nil, err
	}
	store, err := attachRecords(ctx, c, keys)
	if err != nil {
		return nil, err
	}
	return &Operator{config: c, store: store, keys: keys}, nil
}

// Close gives back what Operate opened.
func (o *Operator) Close() error { return o.store.Close() }

// Store is the record store, to read from.
func (o *Operator) Store() *sqlstore.Store { return o.store }

// VerifyLog verifies the security log; see the method of the store.
func (o *Operator) VerifyLog(ctx context.Context, expect []chain.Head, progress func(records int)) (sqlstore.Verified, error) {
	return o.store.VerifyLog(ctx, logKey(o.keys).Public().(ed25519.PublicKey), expect, progress)
}

// Block keeps a network out for so long; 0 means until it is lifted.
func (o *Operator) Block(ctx context.Context, prefix netip.Prefix, d time.Duration, reason, by string) (gatehouse.Block, error) {
	q := blockRequest{Prefix: prefix, For: d, Reason: reason, By: by}
	return o.act(ctx, func() (gatehouse.Block, error) {
		return call(ctx, o.config.Data, http.MethodPost, nil, q)
	}, func(g *guard.Guard, now time.Time) (gatehouse.Block, error) {
		return placeBlock(ctx, g, now, q)
	})
}

// Unblock lifts the block of a network, or returns gatehouse.ErrNotFound.
func (o *Operator) Unblock(ctx context.Context, prefix netip.Prefix, by string) (gatehouse.Block, error) {
	query := url.Values{"prefix": {prefix.String()}, "by": {by}}
	return o.act(ctx, func() (gatehouse.Block, error) {
		return call(ctx, o.config.Data, http.MethodDelete, query, nil)
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

func (o *Operator) act(ctx context.Context, through func() (gatehouse.Block, error), alone func(*guard.Guard, time.Time) (gatehouse.Block, error)) (gatehouse.Block, error) {
	return actOn(ctx, o.config.Data, through, func() (gatehouse.Block, error) { return o.alone(ctx, alone) })
}

// actOn acts through the server that holds the data directory, or without one,
// and then keeps one from starting meanwhile. The lock tells which, not
// control.json: a server that was killed leaves that behind, and whoever listens
// on its port by now knows nothing of us.
func actOn[T any](ctx context.Context, dir string, through, alone func() (T, error)) (T, error) {
	var none T
	for deadline := time.Now().Add(handover); ; {
		lock, err := lockData(dir)
		if err == nil {
			defer lock.Close()
			return alone()
		}
		if !errors.Is(err, ErrInUse) {
			return none, err
		}
		result, callErr := through()
		if !errors.Is(callErr, errNoServer) {
			return result, callErr
		}
		if time.Now().After(deadline) {
			return none, err
		}
		select {
		case <-time.After(handoverCheck):
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

func (o *Operator) alone(ctx context.Context, act func(*guard.Guard, time.Time) (gatehouse.Block, error)) (done gatehouse.Block, err error) {
	err = o.withHands(ctx, func(h hands, now time.Time) error {
		done, err = act(h.guard, now)
		return err
	})
	return done, err
}

// hands are what blocks are changed with.
type hands struct {
	guard  *guard.Guard
	blocks listedBlocks
}

// withHands calls act, where no server runs, with the time of the nodes.
func (o *Operator) withHands(ctx context.Context, act func(hands, time.Time) error) error {
	var windows gatehouse.Windows = memory.NewWindows(memory.Options{})
	var blocks gatehouse.Blocks = o.store
	now := clock{own: time.Now, logger: slog.New(slog.DiscardHandler)}
	var client *redis.Client // nil: there is none
	if o.config.Redis.URL != "" {
		var err error
		if client, err = redis.Open(o.config.Redis.URL, redis.Options{Timeout: operatorPatience}); err != nil {
			return explained(err, "redis.url")
		}
		defer client.Close()
		if err = awaitRedis(ctx, client, operatorPatience); err != nil {
			return explained(err, "the other nodes cannot be told")
		}
		if err = agree(ctx, client, fingerprint(o.keys)); err != nil {
			return err
		}
	}
	now.ask = timeOf(o.config, o.store, client)
	if err := now.read(ctx); err != nil {
		return explained(err, "the time of the nodes")
	}
	if client != nil {
		shared := redis.NewBlocks(client, redis.BlocksOptions{})
		defer shared.Close()
		windows = redis.NewWindows(client, redis.WindowsOptions{})
		var err error
		if blocks, err = cached.NewBlocks(ctx, shared, o.store, now.now()); err != nil {
			return err
		}
	}
	if err := o.store.BeginChain(ctx); err != nil {
		return err
	}
	known, err := openLists(o.config.Lists, now.now, now.logger)
	if err != nil {
		return err
	}
	if err := known.readChosen(ctx, o.store); err != nil {
		return err
	}
	h := hands{blocks: listedBlocks{blocks, known}}
	h.guard, err = guard.New(guard.Options{
		Windows:   windows,
		Blocks:    h.blocks,
		Sightings: o.store,
		Journal:   o.store,
		Secret:    o.keys.Derive("counters"),
	})
	if err != nil {
		return err
	}
	return act(h, now.now())
}

// operatorPatience is how long a command waits for Redis.
const operatorPatience = 5 * time.Second

func placeBlock(ctx context.Context, g *guard.Guard, now time.Time, q blockRequest) (gatehouse.Block, error) {
	reason := scrub.New(scrub.Options{}).Text(q.Reason) // people paste what they have before them
	b := gatehouse.Block{Prefix: q.Prefix, Reason: reason, By: q.By, Created: now}
	if q.For != 0 {
		b.Until = now.Add(q.For)
	}
	return g.BlockIP(ctx, b)
}
