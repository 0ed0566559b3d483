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

// Reason says why something was not sent.
type Reason string

// The reasons.
const (
	QueueFull    Reason = "queue_full"    // Sentry is slower than events come, or down
	Limited      Reason = "limited"       // more than Options allow
	RateLimited  Reason = "rate_limited"  // Sentry asked to be left alone
	NetworkError Reason = "network_error" // no answer in time, or none at all
	Refused      Reason = "refused"       // an answer that is not a success
	TooLarge     Reason = "too_large"     // more than MaxEnvelope bytes
	Closed       Reason = "closed"        // after Close, or still waiting at its deadline
	Failed       Reason = "failed"        // could not be put into JSON
)

var reasons = [...]Reason{QueueFull, Limited, RateLimited, NetworkError, Refused, TooLarge, Closed, Failed}

// Stats are counts since New. Batches of log lines and of metrics count as one.
type Stats struct {
	Sent    uint64
	Dropped map[Reason]uint64 // every reason, also those with zero
	Waiting int               // in the queue, or being sent
}

// counts are Stats while they grow.
type counts struct {
	sent    atomic.Uint64
	dropped [len(reasons)]atomic.Uint64
}

func (c *counts) drop(why Reason) {
	for i, r := range reasons {
		if r == why {
			c.dropped[i].Add(1)
			return
		}
	}
}

func (c *counts) stats() Stats {
	s := Stats{Sent: c.sent.Load(), Dropped: make(map[Reason]uint64, len(reasons))}
	for i, r := range reasons {
		s.Dropped[r] = c.dropped[i].Load()
	}
	return s
}

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

	length atomic.Int64 // how many wait, for full

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
		}
		return
	case urgent(w.event):
		q.urgent.push(w)
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
		return q.urgent.pop()
	}
	return q.other.pop()
}

// ready prepares an event, if that is still to be done. It returns false if the
// event is not to be sent.
func (q *queue) ready(w waiting) bool {
	if !w.raw {
		return true
	}
	q.mu.Lock()
	q.raw[w.event] = false
	q.mu.Unlock()
	q.prepare(w.event)
	q.mu.Lock()
	defer q.mu.Unlock()
	ok := q.raw[w.event]
	delete(q.raw, w.event)
	return ok
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

// send is the life of a sender.
func (q *queue) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.events:
		}
		w := q.take()
		q.pause(ctx)
		if ctx.Err() != nil {
			q.drop(Closed)
		} else if q.ready(w) {
			q.deliver(ctx, w.event)
		}
		q.done()
	}
}

// pause waits while Sentry is thought to be down, unless there is a hurry.
func (q *queue) pause(ctx context.Context) {
	q.mu.Lock()
	wait, hurry := q.health.pause, q.hurry
	q.mu.Unlock()
	if wait == 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-hurry:
	case <-t.C:
	}
}

// deliver hands an event to the SDK's transport and counts what became of it.
func (q *queue) deliver(ctx context.Context, e *sentry.Event) {
	d := &delivery{outcome: Failed} // unless the SDK asks to send it
	if q.asked.Load() {
		d.outcome = RateLimited
	}
	defer func() {
		if recover() != nil {
			d.outcome = Failed
		}
		if d.outcome == "" {
			q.sent.Add(1)
		} else {
			q.drop(d.outcome)
		}
		q.judge(d.outcome)
	}()
	q.inner.SendEventWithContext(context.WithValue(ctx, deliveryKey{}, d), e)
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

// waiting is an event that waits to be sent.
type waiting struct {
	event *sentry.Event
	raw   bool // and first to be prepared
}

// fifo is a queue of events.
type fifo struct {
	events []waiting
	head   int
}

func (f *fifo) len() int { return len(f.events) - f.head }

func (f *fifo) push(w waiting) {
	if f.head > 0 && len(f.events) == cap(f.events) {
		n := copy(f.events, f.events[f.head:])
		clear(f.events[n:])
		f.events, f.head = f.events[:n], 0
	}
	f.events = append(f.events, w)
}

// pop returns the oldest event, or none if there is none.
func (f *fifo) pop() (w waiting) {
	if f.len() == 0 {
		return w
	}
	w, f.events[f.head] = f.events[f.head], waiting{}
	f.head++
	return w
}
