package memory

import (
	"context"
	"sync"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Feed = (*Feed)(nil)

// Feed passes records on within this process. Publish puts them in a queue,
// which costs the same however many watch; a goroutine that lives while there
// is something in the queue hands them to the watchers and waits for none.
type Feed struct {
	buffer int

	queueing sync.Mutex // held for moments only
	queue    []*gatehouse.Record
	room     int
	lost     int // for want of room in the queue, since it was last handed out
	running  bool

	watching sync.Mutex // held while records are handed out
	watchers map[*watcher]struct{}
}

// FeedOptions bounds what a Feed keeps. The zero value is ready to use.
type FeedOptions struct {
	// Buffer is how many records are kept for a watcher that is slow; what is
	// more than that it misses. Zero means 256.
	Buffer int
	// Queue is how many records wait to be handed out; what is more than that
	// all watchers miss. Zero means 8192.
	Queue int
}

type watcher struct {
	messages chan gatehouse.FeedMessage
	missed   int
}

// NewFeed returns a Feed that nobody watches.
func NewFeed(o FeedOptions) *Feed {
	return &Feed{
		buffer:   max(orDefault(o.Buffer, 256), 1),
		room:     max(orDefault(o.Queue, 8192), 1),
		watchers: map[*watcher]struct{}{},
	}
}

// Publish implements gatehouse.Feed.
func (f *Feed) Publish(records ...gatehouse.Record) {
	if len(records) == 0 {
		return
	}
	f.queueing.Lock()
	defer f.queueing.Unlock()
	fit := min(len(records), f.room-len(f.queue))
	for i := range records[:fit] {
		r := records[i]
		f.queue = append(f.queue, &r)
	}
	f.lost += len(records) - fit
	if !f.running {
		f.running = true
		go f.handOut()
	}
}

// Subscribe implements gatehouse.Feed.
func (f *Feed) Subscribe(ctx context.Context) <-chan gatehouse.FeedMessage {
	w := &watcher{messages: make(chan gatehouse.FeedMessage, f.buffer)}
	f.watching.Lock()
	f.watchers[w] = struct{}{}
	f.watching.Unlock()
	context.AfterFunc(ctx, func() {
		f.watching.Lock()
		defer f.watching.Unlock()
		delete(f.watchers, w)
		close(w.messages)
	})
	return w.messages
}

// handOut empties the queue.
func (f *Feed) handOut() {
	for {
		f.queueing.Lock()
		records, lost := f.queue, f.lost
		f.queue, f.lost = nil, 0
		if len(records)+lost == 0 {
			f.running = false
			f.queueing.Unlock()
			return
		}
		f.queueing.Unlock()
		f.watching.Lock()
		for w := range f.watchers {
			w.give(records)
			w.missed += lost // they came after those
		}
		f.watching.Unlock()
	}
}

func (w *watcher) give(records []*gatehouse.Record) {
	for _, r := range records {
		select {
		case w.messages <- gatehouse.FeedMessage{Record: r, Missed: w.missed}:
			w.missed = 0
		default:
			w.missed++
		}
	}
}
