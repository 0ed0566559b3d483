package spool

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Options tunes a Spool. The zero value is good for a login server.
type Options struct {
	// Deadline is how long the store may take for one call before it counts as
	// down. Default 2 s.
	Deadline time.Duration
	// Probe asks whether the store is back before anything is handed over to
	// it, for example the Ping of store/sql. Without it, handing over is the
	// question.
	Probe func(ctx context.Context) error
	// MaxBytes is how large the file may grow. Beyond it calls fail with
	// ErrFull. Default 1 GiB.
	MaxBytes int64
	// Batch is how many records are handed over at once, at most. Default 512.
	Batch int
	// Hold is how long calls may wait at the end of handing over, at most, so
	// that none overtakes the last piece. Default 250 ms.
	Hold time.Duration
	// MinBackoff and MaxBackoff are how long to wait before the store is asked
	// again after a failure: the first doubles up to the second. Defaults 50 ms
	// and 1 s.
	MinBackoff, MaxBackoff time.Duration
	// OnState hears of each change of State.Degraded and of whether the file
	// takes entries, in order, from a goroutine of its own. It may be slow.
	OnState func(State)
	// OnError hears of entries that were rejected, of damage to the file, and
	// of failures to write to it. It is called by the spool's goroutines and by
	// Open, and should not wait.
	OnError func(error)
	// Now is the clock of State.Since. Default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	orElse(&o.Deadline, 2*time.Second)
	orElse(&o.MaxBytes, 1<<30)
	orElse(&o.Batch, 512)
	orElse(&o.Hold, 250*time.Millisecond)
	orElse(&o.MinBackoff, 50*time.Millisecond)
	orElse(&o.MaxBackoff, time.Second)
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orElse[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// Errors of a spool. All wrap gatehouse.ErrUnavailable.
var (
	// ErrFull says that the store is down and the file has grown to
	// Options.MaxBytes.
	ErrFull = fmt.Errorf("%w: the spool is full", gatehouse.ErrUnavailable)
	// ErrClosed says that Close was called before.
	ErrClosed = fmt.Errorf("%w: the spool is closed", gatehouse.ErrUnavailable)
)

// State tells how a Spool is doing.
type State struct {
	// Degraded says that calls go to the file, or that not all of it has been
	// handed over yet.
	Degraded bool
	Since    time.Time // of Degraded being as it is
	// Err is why: what the store said last, or what the file said, when that
	// takes no entries either. It is nil when all is well.
	Err error
	// Failing says that the file took no entry when last asked: calls fail.
	Failing bool
	Records int   // entries waiting in the file, blocks placed and lifted included
	Bytes   int64 // what they take up
	// Rejected counts the entries that the store refused for good, Damaged the
	// pieces of the file that were no entries, since Open.
	Rejected, Damaged int
}
