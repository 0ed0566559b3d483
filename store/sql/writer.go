package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// write is one thing that a caller wants done: journal rows to add, or an
// operation to run within the transaction.
type write struct {
	rows  []addition
	op    func(ctx context.Context, h *handle) error
	locks []string // what op decides on; see lockUser and the others

	ctx   context.Context
	state atomic.Int32
	err   error         // valid once done is closed
	done  chan struct{} // closed when the write is durable or has failed
}

const (
	waiting   = iota // in the queue
	begun            // the writer has it
	withdrawn        // its caller went away first
)

// writer owns the one connection that writes. What queues up while a
// transaction is being committed is the next transaction.
type writer struct {
	database *database
	db       *stdsql.DB
	timeout  time.Duration // of a transaction; 0: none
	queue    chan *write
	limit    int // of writes per transaction
	stopped  chan struct{}

	// Only the writer's goroutine uses these.
	conn    *stdsql.Conn // nil before the first transaction and after a failure
	handle  *handle      // on conn
	session session      // on conn
	link    link
	rows    []addition // of the transaction under way
}

func startWriter(d *database, db *stdsql.DB, o Options) *writer {
	w := &writer{
		database: d, db: db, queue: make(chan *write, o.Queue), limit: o.Batch, stopped: make(chan struct{}),
		link: link{node: o.Node, key: o.Sign},
	}
	if d.shared {
		w.timeout = o.Timeout
	}
	go w.run()
	return w
}

// stop ends the writer after what is queued. Nothing may be queued afterwards.
func (w *writer) stop() {
	close(w.queue)
	<-w.stopped
}

// do hands wr to the writer and waits for its outcome.
func (w *writer) do(ctx context.Context, wr *write) error {
	wr.ctx, wr.done = ctx, make(chan struct{})
	if err := ctx.Err(); err != nil {
		return gaveUp(err)
	}
	select {
	case w.queue <- wr:
	case <-ctx.Done():
		return gaveUp(ctx.Err())
	}
	select {
	case <-wr.done:
		return wr.err
	case <-ctx.Done():
	}
	if wr.state.CompareAndSwap(waiting, withdrawn) {
		return gaveUp(ctx.Err())
	}
	select {
	case <-wr.done:
		return wr.err
	default:
		return fmt.Errorf("%w; the write had begun and may be kept", gaveUp(ctx.Err()))
	}
}

func (w *writer) run() {
	defer close(w.stopped)
	defer w.disconnect()
	batch := make([]*write, 0, w.limit)
	for first := range w.queue {
		batch = w.gather(append(batch[:0], first))
		w.serve(batch)
		for i, wr := range batch {
			close(wr.done)
			batch[i] = nil
		}
	}
}

// gather adds to batch what is waiting, and drops what was withdrawn. The
// clients that were answered last are about to ask again: it lets those that can
// run do so, for as long as that brings more, but waits for nobody.
func (w *writer) gather(batch []*write) []*write {
	const passes = 8 // that bring nothing, and it goes to work
	for quiet := 0; quiet < passes && len(batch) < w.limit; quiet++ {
		runtime.Gosched()
		for n := min(len(w.queue), w.limit-len(batch)); n > 0; n-- {
			batch = append(batch, <-w.queue) // there is no other receiver
			quiet = -1
		}
	}
	kept := batch[:0]
	for _, wr := range batch {
		// Where the context has ended, its caller is told so by do.
		if wr.ctx.Err() == nil && wr.state.CompareAndSwap(waiting, begun) {
			kept = append(kept, wr)
		}
	}
	clear(batch[len(kept):])
	return kept
}
