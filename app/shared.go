package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/cached"
	"github.com/fluxstudio/gatehouse/store/failover"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/fluxstudio/gatehouse/store/spool"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// How long a node that starts waits for Redis before it begins to decide by
// itself, and how often it looks.
const (
	redisPatience = 2 * time.Second
	redisCheck    = 10 * time.Millisecond
)

// openShared connects this node with the others, as far as it has any, and puts
// this process in the place of what fails.
func (a *App) openShared(ctx context.Context, own func() time.Time) error {
	a.clock = &clock{own: own, logger: a.logger}
	a.health = newHealth(a.logger, a.clock.now, a.monitoring.degraded)
	if err := a.openRedis(ctx); err != nil {
		return err
	}
	a.clock.ask = timeOf(a.config, a.records, a.redis)
	if err := a.clock.read(ctx); err != nil {
		a.logger.Warn("this node goes by its own clock until the shared store tells the time", "error", err)
	}
	a.openFeed()
	if err := a.openSpool(); err != nil {
		return err
	}
	return a.openBlocks(ctx)
}

// openRedis connects to the shared Redis, if there is one. One that does not
// answer is no error.
func (a *App) openRedis(ctx context.Context) error {
	c := a.config.Redis
	if c.URL == "" {
		return nil
	}
	client, err := redis.Open(c.URL, redis.Options{Timeout: c.Timeout})
	if err != nil {
		return explained(err, "redis.url")
	}
	a.redis = client
	a.closing(client.Close)
	if err := awaitRedis(ctx, client, redisPatience); err != nil {
		a.logger.Warn("Redis does not answer yet", "error", err)
	}
	return nil
}

// awaitRedis waits until Redis answers, for so long.
func awaitRedis(ctx context.Context, client *redis.Client, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(redisCheck):
		}
	}
}

// timeOf returns what asks the store that nodes share for the time, the database
// rather than Redis, since a Redis that fails over goes by another machine's clock
// afterwards. It returns nil where nothing is shared.
func timeOf(c Config, records *sqlstore.Store, client *redis.Client) func(context.Context) (time.Time, error) {
	switch {
	case c.Postgres.URL != "":
		return records.ClockTime
	case client != nil:
		return client.Time
	}
	return nil
}

// windows are where decisions are counted: in this process, or in Redis with
// this process to fall back on.
func (a *App) windows() gatehouse.Windows {
	local := memory.NewWindows(memory.Options{MaxBytes: a.config.Counters.MaxBytes})
	if a.redis == nil {
		return a.monitoring.windows(local)
	}
	a.health.watch(partCounters)
	shared := redis.NewWindows(a.redis, redis.WindowsOptions{})
	w := failover.NewWindows(shared, local, failover.Options{
		Now:     a.clock.now,
		OnState: func(s failover.State) { a.health.report(partCounters, s.Err) },
	})
	a.closing(func() error { w.Close(); return nil })
	return a.monitoring.windows(w)
}

// openBlocks puts this process's own table of blocks, or that of Redis, in front
// of the durable ones.
func (a *App) openBlocks(ctx context.Context) error {
	var fast gatehouse.Blocks = memory.NewBlocks()
	if a.redis != nil {
		a.health.watch(partBlocks)
		shared := redis.NewBlocks(a.redis, redis.BlocksOptions{OnState: func(err error) {
			a.health.report(partBlocks, err)
			a.compareBlocks()
		}})
		a.closing(shared.Close)
		fast = shared
	}
	blocks, err := cached.NewBlocks(ctx, fast, a.spool, a.clock.now())
	if err != nil {
		return err
	}
	a.blocks = blocks
	return nil
}

// openSpool puts a file in front of the record store, for when that is down.
func (a *App) openSpool() error {
	a.health.watch(partRecords)
	s, err := spool.Open(filepath.Join(a.config.Data, "spool"), a.records, a.records, spool.Options{
		Probe:    a.records.Ping,
		MaxBytes: int64(a.config.Spool.MaxBytes),
		Now:      a.clock.now,
		OnState: func(s spool.State) {
			err := s.Err
			if s.Degraded && err == nil {
				err = errors.New("records in the spool are being handed over")
			}
			a.health.report(partRecords, err)
		},
		OnError: func(err error) { a.logger.Error("the spool", "error", err) },
	})
	if err != nil {
		return err
	}
	a.spool = s
	a.closing(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), spoolGrace)
		defer cancel()
		return s.Close(ctx)
	})
	return nil
}

// spoolGrace is how long the spool may take to hand over what it holds at the
// end. What is left waits for the next start.
const spoolGrace = 3 * time.Second

// How often the blocks of all nodes are compared with the durable ones: while one
// of the stores fails or there is no Redis to tell of changes, and otherwise, in case
// something was missed.
const (
	compareFailing = 2 * time.Second
	compareAlways  = time.Minute
)

// compareBlocks has the blocks compared soon. It does not wait.
func (a *App) compareBlocks() {
	select {
	case a.resync <- struct{}{}:
	default: // it is about to be done
	}
}

// syncBlocksUntil keeps the blocks that decide like the durable ones until ctx
// ends: so what one node has blocked while Redis is down, or there is none, the
// others learn from the database.
func (a *App) syncBlocksUntil(ctx context.Context) error {
	if a.redis == nil && a.config.Postgres.URL == "" {
		return nil
	}
	last := time.Now()
	every(ctx, compareFailing, a.resync, func(asked bool) {
		if _, well := a.health.snapshot(); !asked && well && a.redis != nil && time.Since(last) < compareAlways {
			return
		}
		last = time.Now()
		if err := a.blocks.Sync(ctx, a.clock.now()); err != nil && ctx.Err() == nil {
			a.logger.Debug("could not compare the blocks", "error", err)
		}
	})
	return nil
}
