package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// another connects once more to where c does, with options of its own, until
// ctx ends or it is hung up.
func (c *Client) another(ctx context.Context, change func(*rueidis.ClientOption)) (r rueidis.Client, hangUp func(), err error) {
	o := c.clientOption()
	o.AlwaysRESP2 = false // pushes need RESP3
	o.ClusterOption.ShardsRefreshInterval = time.Second
	change(&o)
	own := &conns{}
	o.DialCtxFn = own.dialer(ctx, o.DialCtxFn)
	stop := context.AfterFunc(ctx, own.shut)
	r, err = rueidis.NewClient(o)
	hangUp = func() {
		stop()
		own.shut() // first, or rueidis would wait for a silent server
		if r != nil {
			r.Close()
		}
	}
	if err != nil {
		hangUp()
		return nil, nil, err
	}
	return r, hangUp, nil
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
