package sql

import (
	"cmp"
	"context"
	"crypto/ed25519"
	stdsql "database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Options tunes a Store. The zero value is good for a login server.
type Options struct {
	// Queue is how many writes may wait for their transaction; a further one
	// waits for room, as long as its context allows. Default 1024.
	Queue int
	// Batch is how many waiting writes share one transaction at most. Default
	// 512.
	Batch int
	// Readers is how many queries may run at the same time. Default 4.
	Readers int
	// BusyTimeout is how long to wait for another process that writes to the
	// same SQLite file. Default 5 s.
	BusyTimeout time.Duration
	// Timeout is how long PostgreSQL may take for a query, or for a transaction
	// of the writer with all that is done again in it, before its connection is
	// given up. Default 10 s.
	Timeout time.Duration
	// Node names the chain that the records of this process belong to; see
	// package chain. Nodes that share a database have different names, and a
	// process beside one that serves the same. Default "local".
	Node string
	// Sign signs how far the chain has come, with each transaction. Without it
	// the log cannot be verified. It is an Ed25519 key, the same for all nodes.
	Sign ed25519.PrivateKey
}

func (o Options) withDefaults() Options {
	set := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	set(&o.Queue, 1024)
	set(&o.Batch, 512)
	set(&o.Readers, 4)
	o.Node = cmp.Or(o.Node, "local")
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	return o
}

// ErrClosed is the error of a store that has been closed. It wraps
// gatehouse.ErrUnavailable.
var ErrClosed = fmt.Errorf("%w: closed", gatehouse.ErrUnavailable)

// Store keeps records in a database. It is safe for concurrent use.
type Store struct {
	database *database
	retries  int           // of a query whose connection was lost
	timeout  time.Duration // of a query; 0: none

	reads  *stdsql.DB
	reader *handle
	writes *stdsql.DB
	writer *writer

	mu     sync.Mutex // guards closed, and inFlight.Add against Wait
	closed bool
	flying sync.WaitGroup

	turns sync.Map // names of those under way in this process
}

func newStore(d *database, reads, writes *stdsql.DB, o Options) *Store {
	s := &Store{
		database: d,
		reads:    reads,
		reader:   newHandle(reads),
		writes:   writes,
		writer:   startWriter(d, writes, o),
	}
	if d.shared { // SQLite has nothing to wait for but a disk
		s.timeout, s.retries = o.Timeout, o.Readers
	}
	return s
}

// Close waits for the calls in flight and closes the database. Calls made
// later return ErrClosed. Closing twice does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.flying.Wait()
	s.writer.stop()
	return errors.Join(s.reader.close(), s.reads.Close(), s.writes.Close())
}

// enter registers a call, so that Close waits for it. When it returns nil,
// leave must follow.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("sql: %w", ErrClosed)
	}
	s.flying.Add(1)
	return nil
}

func (s *Store) leave() { s.flying.Done() }

// ClockTime returns the time of the database server's clock, by which the nodes
// that share it can keep to one clock. SQLite's is that of the process.
func (s *Store) ClockTime(ctx context.Context) (time.Time, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (time.Time, error) {
		if s.database.clock == "" {
			return time.Now(), nil
		}
		return one(ctx, h, func(read scan) (at time.Time, err error) {
			var us int64
			err = read(&us)
			return fromMicros(us), err
		}, s.database.clock)
	})
}

// Ping reports whether records can be written, by writing once more how far the
// log has come: a full disk fails it as it would fail a record.
func (s *Store) Ping(ctx context.Context) error {
	_, err := change(ctx, s, lockNothing, func(ctx context.Context, h *handle) (int, error) {
		return h.exec(ctx, "UPDATE log_heads SET seq = seq WHERE node = $1", s.writer.link.node)
	})
	return err
}
