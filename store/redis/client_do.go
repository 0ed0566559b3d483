package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

const (
	maxGuarded = 256         // calls
	guardFor   = time.Second // after a failure
)

// do sends one command to r, which conn has returned, and waits for the answer
// for as long as Options.Timeout allows. An error is as failed words it; a nil
// answer is none.
func (c *Client) do(ctx context.Context, r rueidis.Client, cmd rueidis.Completed) (rueidis.RedisResult, error) {
	result, err := run(ctx, c, func(ctx context.Context) rueidis.RedisResult { return r.Do(ctx, cmd) })
	if err == nil {
		err = result.Error()
	}
	return result, c.judge(ctx, err)
}

// doMulti sends commands together, to several servers of a Cluster if need be,
// and returns their results and the first failure among them.
func (c *Client) doMulti(ctx context.Context, r rueidis.Client, cmds ...rueidis.Completed) ([]rueidis.RedisResult, error) {
	results, err := run(ctx, c, func(ctx context.Context) []rueidis.RedisResult { return r.DoMulti(ctx, cmds...) })
	for i := range results {
		if err == nil || rueidis.IsRedisNil(err) {
			err = results[i].Error()
		}
	}
	return results, c.judge(ctx, err)
}

// run calls f with the time of one round trip.
//
// A call into rueidis can outlast its context when the server is silent: while
// others dial, or when the ring of a connection is full. So for a while after
// each failure f runs in a goroutine of its own that is left behind when time
// is up, and there is a bound to how many of these there are.
func run[T any](ctx context.Context, c *Client, f func(context.Context) T) (result T, err error) {
	now := time.Now()
	ctx, cancel := context.WithDeadline(ctx, now.Add(c.timeout))
	defer cancel()
	suspect := c.suspect(now)
	select {
	case c.inFlight <- struct{}{}:
	default:
		select {
		case c.inFlight <- struct{}{}:
		case <-ctx.Done():
			if suspect {
				return result, errSilent
			}
			return result, errCrowded
		}
	}
	defer func() { <-c.inFlight }()
	if !suspect {
		return f(ctx), nil
	}
	select {
	case c.guarded <- struct{}{}:
	case <-ctx.Done():
		return result, errSilent
	}
	done := make(chan T, 1)
	go func() {
		defer func() { <-c.guarded }()
		done <- f(ctx)
	}()
	select {
	case result = <-done:
		return result, nil
	case <-ctx.Done():
		return result, ctx.Err()
	}
}

// mayHaveRun reports whether a command that failed may have been carried out
// all the same, now or later.
func mayHaveRun(err error) bool {
	var reply *rueidis.RedisError
	return !errors.As(err, &reply) && !errors.Is(err, errSilent) && !errors.Is(err, errCrowded) && !errors.Is(err, errNoConnection)
}

var (
	errNoConnection = errors.New("not connected")
	errCrowded      = errors.New("too many calls are under way")
	errSilent       = errors.New("too many calls wait for a server that does not answer")
)

// suspect reports whether a call has failed lately.
func (c *Client) suspect(now time.Time) bool { return now.UnixNano() < c.guardUntil.Load() }

// judge takes note of a failure and words it for the caller whose context is
// ctx.
func (c *Client) judge(ctx context.Context, err error) error {
	if err == nil || rueidis.IsRedisNil(err) {
		return nil
	}
	if reply, ok := rueidis.IsRedisErr(err); !ok {
		// A call that was not even sent says nothing about the server.
		if !errors.Is(err, context.Canceled) && !errors.Is(err, errSilent) && !errors.Is(err, errCrowded) {
			c.guardUntil.Store(time.Now().Add(guardFor).UnixNano())
			c.wakeKeeper()
		}
	} else if strings.HasPrefix(reply.Error(), "READONLY") {
		c.leaveReplica(time.Now())
	}
	return failed(ctx, err)
}

// failed turns an error of the server or of the way to it into one that wraps
// gatehouse.ErrUnavailable, unless the reason is that the caller went away.
func failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errCrowded) {
		return fmt.Errorf("redis: %w: %w", gatehouse.ErrBusy, err)
	}
	if ended := ctx.Err(); errors.Is(ended, context.Canceled) {
		return fmt.Errorf("redis: %w", ended)
	}
	return fmt.Errorf("redis: %w: %w", gatehouse.ErrUnavailable, err)
}

// leaveReplica closes the connections, at most once a second: when a server
// turns out to be a replica, another may have taken its place behind its name.
func (c *Client) leaveReplica(now time.Time) {
	left := c.replicaLeft.Load()
	if now.UnixNano()-left > int64(time.Second) && c.replicaLeft.CompareAndSwap(left, now.UnixNano()) {
		c.conns.drop()
	}
}

func (c *Client) wakeKeeper() {
	select {
	case c.failing <- struct{}{}:
	default:
	}
}
