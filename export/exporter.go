package export

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Format turns a record into one line without its end: [OCSF] or [ECS].
type Format func(gatehouse.Record) ([]byte, error)

// Line is one record on its way to a target.
type Line struct {
	Record gatehouse.Record // what Text tells, clean (see Record.Clean)
	Text   []byte           // without newline; not to be kept or changed
}

// Target is where lines go. An Exporter calls it from one goroutine.
type Target interface {
	// Write passes on one line, whole or not at all as far as it can tell,
	// and gives up when ctx ends. An error that is ErrUnwritable means that
	// this line never will be; after any other the line is tried again.
	Write(ctx context.Context, l Line) error
	// Close lets go of what the target holds. It is called once, last.
	Close() error
}

// ErrUnwritable says that a line cannot be written at all, for example because
// it is longer than a datagram.
var ErrUnwritable = errors.New("cannot be exported")

// Options says how records are exported.
type Options struct {
	Target Target // required
	// Format defaults to OCSF.
	Format Format
	// Queue is how many records may wait for the target; more are dropped and
	// counted. Default: 4,096, a few MiB.
	Queue int
	// WriteTimeout bounds one attempt to write a line. Default: 5 s.
	WriteTimeout time.Duration
	// Backoff is the pause after a failed attempt. It doubles up to 300 times
	// itself. Default: 100 ms, thus up to 30 s.
	Backoff time.Duration
	// Scrub, if set, takes secrets out of a text. It is applied to every text
	// of a record before it is formatted, so that lines stay well-formed.
	Scrub func(string) string
	// OnState, if set, hears when the target begins to fail and when it
	// recovers. It is called from the exporter's goroutine.
	OnState func(State)
}

// State is a change in how a target fares.
type State struct {
	Err     error  // why it fails; nil once it works again
	Dropped uint64 // records dropped so far
}

// Stats counts what became of the records. Every record that was given to
// Records is written, dropped or pending.
type Stats struct {
	Written uint64
	Dropped uint64 // no room, unwritable, or not written by the end of Close
	Pending int
	Errors  uint64 // failed attempts
	Failing bool   // the latest attempt failed
}

// Exporter passes records on in the background. It is safe for concurrent use.
type Exporter struct {
	o      Options
	queue  chan gatehouse.Record
	done   chan struct{} // closed when the goroutine has ended
	cancel context.CancelFunc

	mu     sync.RWMutex // of closed: held for reading while enqueuing
	closed bool

	pending          atomic.Int64
	written, dropped atomic.Uint64
	errors           atomic.Uint64
	failing          atomic.Bool
}

// New returns an Exporter, which has a goroutine until it is closed.
func New(o Options) (*Exporter, error) {
	if o.Target == nil {
		return nil, errors.New("export: Options.Target is needed")
	}
	if o.Queue < 0 || o.WriteTimeout < 0 || o.Backoff < 0 {
		return nil, errors.New("export: negative Options")
	}
	if o.Format == nil {
		o.Format = OCSF
	}
	if o.Queue == 0 {
		o.Queue = 4096
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 5 * time.Second
	}
	if o.Backoff == 0 {
		o.Backoff = 100 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &Exporter{o: o, queue: make(chan gatehouse.Record, o.Queue), done: make(chan struct{}), cancel: cancel}
	go e.run(ctx)
	return e, nil
}

// Records takes records to be exported; call it when they are durable. It never
// waits: records for which there is no room are dropped and counted. The
// records must not be changed afterwards.
func (e *Exporter) Records(records []gatehouse.Record) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, r := range records {
		if e.closed {
			e.dropped.Add(1)
			continue
		}
		e.pending.Add(1)
		select {
		case e.queue <- r:
		default:
			e.pending.Add(-1)
			e.dropped.Add(1)
		}
	}
}

// Stats returns the counts so far.
func (e *Exporter) Stats() Stats {
	return Stats{e.written.Load(), e.dropped.Load(), int(e.pending.Load()), e.errors.Load(), e.failing.Load()}
}

// Reopen asks a target that writes to a file to open it anew, as a program does
// on SIGHUP. Files notice by themselves when they were moved away; see [File].
func (e *Exporter) Reopen() {
	if t, ok := e.o.Target.(interface{ Reopen() }); ok {
		t.Reopen()
	}
}

// Close stops taking records, waits until those that are pending are written,
// and closes the target. When ctx ends first the rest is dropped, and the error
// says how many and wraps ctx's. A target that does not heed its context keeps
// the goroutine until it does, but never Close. Calling it again is harmless.
func (e *Exporter) Close(ctx context.Context) error {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		close(e.queue)
	}
	e.mu.Unlock()
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
	}
	left := e.pending.Load()
	e.cancel()
	grace := time.NewTimer(100 * time.Millisecond)
	defer grace.Stop()
	select {
	case <-e.done:
		if left == 0 {
			return nil
		}
	case <-grace.C:
	}
	return fmt.Errorf("export: %d records not exported: %w", left, context.Cause(ctx))
}

// Journal returns a journal that appends to next and exports what has become
// durable there.
func (e *Exporter) Journal(next gatehouse.Journal) gatehouse.Journal { return journal{e, next} }

type journal struct {
	e    *Exporter
	next gatehouse.Journal
}

func (j journal) Append(ctx context.Context, records ...gatehouse.Record) error {
	if err := j.next.Append(ctx, records...); err != nil {
		return err
	}
	j.e.Records(records)
	return nil
}
