package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// subscribe passes what is published on a channel to hear, on a connection of
// its own that is made anew for ever, until ctx or the Client ends. Before and
// after a connection it calls up with true and false: what is published in
// between is lost. Calls of up and hear come one at a time.
func (c *Client) subscribe(ctx context.Context, channel string, up func(bool), hear func(string)) {
	for pause := leastPause; ctx.Err() == nil && c.ctx.Err() == nil; pause = min(2*pause, mostPause) {
		start := time.Now()
		if r, err := c.conn(); err == nil {
			c.listen(ctx, r, channel, up, hear)
		}
		if time.Since(start) > mostPause {
			pause = leastPause
		}
		c.pause(pause)
	}
}

// listen is one connection's part of subscribe.
func (c *Client) listen(ctx context.Context, r rueidis.Client, channel string, up func(bool), hear func(string)) {
	d, release := r.Dedicate()
	defer release()
	defer d.Close() // or it would be used again, subscribed as it is
	defer up(false)
	ended := d.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { hear(m.Message) },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			if s.Kind == "subscribe" {
				up(true)
			}
		},
	})
	trying, cancel := context.WithTimeout(ctx, connectTimeout)
	err := d.Do(trying, d.B().Subscribe().Channel(channel).Build()).Error()
	cancel()
	if err != nil {
		return
	}
	select {
	case <-ended:
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
}
