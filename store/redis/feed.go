package redis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

var _ gatehouse.Feed = (*Feed)(nil)

// Feed passes findings, blocks and changes of settings on to the watchers of every
// node, over one channel of Redis. Other records, such as single logins, reach the watchers of
// this node only.
//
// Redis keeps nothing of what it passes on: what is sent while a node is not
// connected, or while Redis is down, does not reach that node, and no watcher
// is told. FeedStats counts what this node could not send.
//
// The channel is <prefix>:feed, a message {"v":1,"node":...,"records":[...]}. A
// message that cannot be read, is longer than 1 MiB or of another version is
// ignored and counted. Whoever may publish on the channel can show watchers
// what they like, so nothing but showing, and looking for oneself, may follow from it.
type Feed struct {
	client *Client
	local  gatehouse.Feed
	node   string
	queue  chan gatehouse.Record

	sent, dropped, received, ignored atomic.Uint64
	listening                        atomic.Bool

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// FeedOptions are the options of a Feed. The zero value is ready for use.
type FeedOptions struct {
	// Queue is how many records wait to be sent to the other nodes; what is
	// more than that is dropped. Default: 1,024.
	Queue int
}

// FeedStats count the records and messages of a Feed since it was made.
type FeedStats struct {
	Sent     uint64 // records given to Redis
	Dropped  uint64 // records that other nodes did not get: too many, or Redis did not answer
	Received uint64 // records from other nodes
	Ignored  uint64 // messages that could not be read
	// Listening reports whether this node hears what the others send.
	Listening bool
}

// NewFeed returns a Feed that hands what comes from other nodes, and what is
// published here, to local. Close it before c.
func NewFeed(c *Client, local gatehouse.Feed, o FeedOptions) *Feed {
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	f := &Feed{client: c, local: local, node: gatehouse.NewID(time.Now()), queue: make(chan gatehouse.Record, o.Queue)}
	f.ctx, f.cancel = context.WithCancel(c.ctx)
	f.wg.Go(f.send)
	f.wg.Go(func() { c.subscribe(f.ctx, c.feedChannel(), f.listening.Store, f.take) })
	return f
}

// Close ends what runs in the background. What is published later reaches the
// watchers of this node only.
func (f *Feed) Close() error {
	f.cancel()
	f.wg.Wait()
	return nil
}

// Stats returns the counts.
func (f *Feed) Stats() FeedStats {
	return FeedStats{f.sent.Load(), f.dropped.Load(), f.received.Load(), f.ignored.Load(), f.listening.Load()}
}

// Publish implements gatehouse.Feed.
func (f *Feed) Publish(records ...gatehouse.Record) {
	f.local.Publish(records...)
	for i := range records {
		if !forAll(&records[i]) {
			continue
		}
		select {
		case f.queue <- records[i]:
		default:
			f.dropped.Add(1)
		}
	}
}

// Subscribe implements gatehouse.Feed.
func (f *Feed) Subscribe(ctx context.Context) <-chan gatehouse.FeedMessage {
	return f.local.Subscribe(ctx)
}

// forAll reports whether a record is for every node.
func forAll(r *gatehouse.Record) bool {
	switch r.Kind {
	case gatehouse.RuleModeChanged, gatehouse.AllowListExtended, gatehouse.AllowListReduced:
		return true
	}
	return r.Finding != nil || r.Block != nil
}

// send gives Redis what waits in the queue, as much as fits into a message at
// a time.
func (f *Feed) send() {
	for {
		select {
		case <-f.ctx.Done():
			return
		case r := <-f.queue:
			f.publish(f.more([]gatehouse.Record{r}))
		}
	}
}

func (f *Feed) more(records []gatehouse.Record) []gatehouse.Record {
	for len(records) < feedBatch {
		select {
		case r := <-f.queue:
			records = append(records, r)
		default:
			return records
		}
	}
	return records
}

func (f *Feed) publish(records []gatehouse.Record) {
	message, err := encodeFeed(f.node, records)
	if err == errFeedLong && len(records) > 1 {
		half := len(records) / 2
		f.publish(records[:half])
		f.publish(records[half:])
		return
	}
	if err == nil {
		var r rueidis.Client
		if r, err = f.client.conn(); err == nil {
			// Named as a key the channel chooses the server of a Cluster, always the
			// same one: so a message does not overtake the one before.
			_, err = f.client.do(f.ctx, r, r.B().Arbitrary("PUBLISH").Keys(f.client.feedChannel()).Args(message).Build())
		}
	}
	if err != nil {
		f.dropped.Add(uint64(len(records)))
		return
	}
	f.sent.Add(uint64(len(records)))
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

func (c *Client) feedChannel() string { return c.prefix + ":feed" }
