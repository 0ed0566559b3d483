package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// maxBackoff is the longest pause, in multiples of the shortest.
const maxBackoff = 300

// run writes what is queued until the queue is closed and empty, or ctx ends.
func (e *Exporter) run(ctx context.Context) {
	defer close(e.done)
	defer e.cancel()
	defer func() {
		if err := guarded(e.o.Target.Close); err != nil {
			e.report(err)
		}
	}()
	for r := range e.queue {
		if ctx.Err() == nil && e.export(ctx, r) {
			e.written.Add(1)
		} else {
			e.dropped.Add(1)
		}
		e.pending.Add(-1)
	}
}

// export reports whether r was written.
func (e *Exporter) export(ctx context.Context, r gatehouse.Record) bool {
	if e.o.Scrub != nil {
		if err := guarded(func() error { r = scrubbed(r, e.o.Scrub); return nil }); err != nil {
			e.failed(err)
			return false
		}
	}
	r = r.Clean()
	l := Line{Record: r}
	err := guarded(func() (err error) { l.Text, err = e.o.Format(r); return err })
	if err != nil {
		e.failed(err)
		return false
	}
	for pause := e.o.Backoff; ; pause = min(2*pause, maxBackoff*e.o.Backoff) {
		err := e.attempt(ctx, l)
		if err == nil {
			if e.failing.CompareAndSwap(true, false) {
				e.report(nil)
			}
			return true
		}
		e.failed(err)
		if errors.Is(err, ErrUnwritable) || !sleep(ctx, pause) {
			return false
		}
	}
}

func (e *Exporter) attempt(ctx context.Context, l Line) error {
	ctx, cancel := context.WithTimeout(ctx, e.o.WriteTimeout)
	defer cancel()
	return guarded(func() error { return e.o.Target.Write(ctx, l) })
}

// failed counts an error and reports it if it is the first of its row.
func (e *Exporter) failed(err error) {
	e.errors.Add(1)
	if e.failing.CompareAndSwap(false, true) {
		e.report(err)
	}
}

func (e *Exporter) report(err error) {
	if e.o.OnState != nil {
		guarded(func() error { e.o.OnState(State{err, e.dropped.Load()}); return nil })
	}
}

// guarded calls f and makes an error of a panic: a target, format or hook that
// somebody plugged in must not bring down a login server.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("export: panic: %v", p)
		}
	}()
	return f()
}

// sleep reports whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
