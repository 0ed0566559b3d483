package redis

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/redis/rueidis"
)

// listen hears the other nodes until Close, connecting anew whenever the
// connection is lost.
func (f *Feed) listen() {
	for pause := leastPause; f.ctx.Err() == nil; pause = min(2*pause, mostPause) {
		if f.hear() {
			pause = leastPause
		}
		wait(f.ctx, pause/2+rand.N(pause))
	}
}

// hear subscribes on a connection of its own, which a slow reader cannot hold
// up for anybody else. It returns when the connection is lost, and whether
// there was one.
func (f *Feed) hear() (heard bool) {
	r, hangUp, err := f.client.another(f.ctx, func(*rueidis.ClientOption) {})
	if err != nil {
		return false
	}
	defer hangUp()
	defer f.listening.Store(false)
	var confirmed atomic.Bool
	ctx := rueidis.WithOnSubscriptionHook(f.ctx, func(s rueidis.PubSubSubscription) {
		if s.Kind == "subscribe" {
			confirmed.Store(true)
			f.listening.Store(true)
		}
	})
	r.Receive(ctx, r.B().Subscribe().Channel(f.client.feedChannel()).Build(), func(m rueidis.PubSubMessage) { f.take(m.Message) })
	return confirmed.Load()
}

// take hands a message from another node to the watchers of this one.
func (f *Feed) take(text string) {
	m, err := decodeFeed(text)
	switch {
	case err != nil:
		f.ignored.Add(1)
	case m.Node != f.node:
		f.received.Add(uint64(len(m.Records)))
		f.local.Publish(m.Records...)
	}
}
