package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

const (
	connectTimeout = 2 * time.Second
	leastPause     = 50 * time.Millisecond // between attempts to connect
	mostPause      = time.Second
)

// conn returns the client of rueidis, or an error while there is none.
func (c *Client) conn() (rueidis.Client, error) {
	if r := c.current.Load(); r != nil {
		return *r, nil
	}
	if c.ctx.Err() != nil {
		return nil, fmt.Errorf("redis: %w: %w", gatehouse.ErrUnavailable, errClosed)
	}
	if err := c.lastErr.Load(); err != nil {
		return nil, fmt.Errorf("redis: %w: %w: %w", gatehouse.ErrUnavailable, errNoConnection, *err)
	}
	return nil, fmt.Errorf("redis: %w: %w yet", gatehouse.ErrUnavailable, errNoConnection)
}

// keep connects, and then looks after the connections while calls fail: calls
// have little time, which may be too short for a handshake.
func (c *Client) keep() {
	r := c.connect()
	if r == nil {
		return
	}
	c.current.Store(&r)
	defer func() {
		c.current.Store(nil)
		r.Close()
	}()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.failing:
		}
		c.mend(r)
	}
}

// connect tries until it succeeds; it returns nil when the Client is closed.
func (c *Client) connect() rueidis.Client {
	for pause := leastPause; c.ctx.Err() == nil; pause = min(2*pause, mostPause) {
		r, err := rueidis.NewClient(c.option)
		if err == nil {
			return r
		}
		if r != nil {
			r.Close()
		}
		c.lastErr.Store(&err)
		c.pause(pause)
	}
	return nil
}

// mend pings every server for as long as calls have failed lately. It does not
// begin before calls that do not know of the failure have ended: they would wait
// while it dials.
func (c *Client) mend(r rueidis.Client) {
	for pause := leastPause; c.suspect(time.Now()); pause = min(2*pause, mostPause) {
		c.pause(max(pause, 2*c.timeout))
		if c.ctx.Err() != nil {
			return
		}
		var wg sync.WaitGroup
		for _, node := range r.Nodes() {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(c.ctx, connectTimeout)
				defer cancel()
				node.Do(ctx, node.B().Ping().Build()) // for the connection that it makes
			})
		}
		wg.Wait()
	}
}

// pause waits for about d, or until the Client is closed.
func (c *Client) pause(d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
}
