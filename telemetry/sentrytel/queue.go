package sentrytel

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
)

// queue is the SDK's transport: it takes events without waiting and lets a few
// goroutines hand them to the SDK's own synchronous transport.
type queue struct {
	*counts
	inner   *sentry.HTTPSyncTransport
	client  *http.Client
	logger  *slog.Logger
	max     int
	senders int

	asked  *atomic.Bool // Sentry has asked to be left alone, ever
	stop   context.CancelFunc
	ended  sync.WaitGroup
	events chan struct{} // one for each waiting event

	// prepare makes a raw event ready: the SDK completes and scrubs it, and hands
	// it to SendEvent, unless it drops it.
	prepare func(*sentry.Event)

	length  atomic.Int64 // how many wait
	urgents atomic.Int64 // and how many of them are urgent

	mu          sync.Mutex
	raw         map[*sentry.Event]bool // being prepared, and whether they are ready
	urgent      fifo                   // errors, security events, check-ins
	other       fifo                   // transactions, logs, metrics
	busy        int                    // being sent
	unannounced int                    // wait and linger
	timer       *time.Timer            // ends their lingering
	idle        chan struct{}
	closed      bool
	hurry       chan struct{} // closed by Close and Flush: no pauses from then on
	hurried     bool
	health      health
}

func newQueue(c *counts, o Options) *queue {
	q := &queue{
		counts: c, inner: sentry.NewHTTPSyncTransport(), logger: o.Logger,
		max: o.Queue, senders: o.Senders,
		raw: make(map[*sentry.Event]bool), events: make(chan struct{}, o.Queue), hurry: make(chan struct{}), asked: new(atomic.Bool),
	}
	q.client = newHTTPClient(o, q.asked)
	q.inner.Timeout = o.Timeout
	return q
}

// Configure starts the senders. The SDK calls it once.
func (q *queue) Configure(o sentry.ClientOptions) {
	o.HTTPClient = q.client
	q.inner.Configure(o)
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	for range q.senders {
		q.ended.Go(func() { q.send(ctx) })
	}
}

// full reports whether the queue has no room, so that nothing need be built.
func (q *queue) full() bool { return q.length.Load() >= int64(q.max) }

// fullOfUrgent reports whether not even an urgent event has room.
func (q *queue) fullOfUrgent() bool { return q.urgents.Load() >= int64(q.max) }

// SendEvent takes an event that is ready, or drops it. It never waits.
func (q *queue) SendEvent(e *sentry.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, preparing := q.raw[e]; preparing {
		q.raw[e] = true // its sender goes on with it
		return
	}
	q.put(waiting{event: e})
}

// offer takes an event that is still to be prepared, or drops it, so that
// whoever captures one does not spend its time on that. It never waits.
func (q *queue) offer(e *sentry.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(waiting{event: e, raw: true})
}

// put takes an event or drops it. The caller holds the lock.
func (q *queue) put(w waiting) {
	switch {
	case q.closed:
		q.drop(Closed)
		return
	case q.urgent.len()+q.other.len() >= q.max:
		// What is urgent takes the place of what is not.
		q.drop(QueueFull)
		if urgent(w.event) && q.other.len() > 0 {
			q.other.pop()
			q.urgent.push(w) // as many wait as before
			q.urgents.Add(1)
			q.announce()
		}
		return
	case urgent(w.event):
		q.urgent.push(w)
		q.urgents.Add(1)
	default:
		q.other.push(w)
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	q.length.Add(1)
	q.unannounced++
	switch {
	case urgent(w.event) || q.unannounced >= lingerMax:
		q.announce()
	case q.unannounced == 1:
		q.timer = time.AfterFunc(linger, q.announceLate)
	}
}

// What is not urgent waits for company for so long, or until there are so many:
// sent one after the other they cost less than one at a time.
const (
	linger    = time.Second
	lingerMax = 64
)

// announce lets the senders know of what waits. The caller holds the lock.
func (q *queue) announce() {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	for range q.unannounced {
		q.events <- struct{}{} // has room: as many as wait
	}
	q.unannounced = 0
}

func (q *queue) announceLate() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.announce()
}

func urgent(e *sentry.Event) bool { return e.Type == "" || e.Type == "check_in" }

// take takes the next event, after it was announced by events.
func (q *queue) take() waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy++
	q.length.Add(-1)
	if q.urgent.len() > 0 {
		q.urgents.Add(-1)
		return q.urgent.pop()
	}
	return q.other.pop()
}

func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	q.rest()
}

// rest announces that there is nothing left to do, if so.
func (q *queue) rest() {
	if q.idle != nil && q.busy == 0 && q.urgent.len()+q.other.len() == 0 {
		close(q.idle)
		q.idle = nil
	}
}

// FlushWithContext waits until the queue is empty. It returns false when ctx
// ends first.
func (q *queue) FlushWithContext(ctx context.Context) bool {
	q.mu.Lock()
	q.announce()
	idle := q.idle
	if !q.hurried {
		q.hurried = true
		close(q.hurry)
		defer q.calm()
	}
	q.mu.Unlock()
	if idle == nil {
		return true
	}
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}

// calm ends a hurry.
func (q *queue) calm() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.hurried, q.hurry = false, make(chan struct{})
	}
}

// Flush is FlushWithContext with a timeout.
func (q *queue) Flush(timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return q.FlushWithContext(ctx)
}

// Close ends the senders at once, also in the middle of a delivery, and drops
// what still waits.
func (q *queue) Close() {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.closed = true
	q.announce() // no timer is left behind
	q.mu.Unlock()
	q.stop()
	q.ended.Wait()
	q.client.CloseIdleConnections()

	q.mu.Lock()
	defer q.mu.Unlock()
	for range q.urgent.len() + q.other.len() {
		q.drop(Closed)
	}
	q.urgent, q.other = fifo{}, fifo{}
	q.rest()
}

func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.urgent.len() + q.other.len() + q.busy
}
