package spool

import (
	"context"
	"errors"
	"fmt"

	"github.com/fluxstudio/gatehouse"
)

// group is what is written to the file, and synced, at once.
type group struct {
	buf     []byte
	entries int
	ops     []entry       // the blocks placed and lifted in it, in order
	done    chan struct{} // closed when it is on the disk or has failed
	err     error         // valid once done is closed
}

// write appends entries to the file and waits until they are on the disk. For
// a single block placed it returns the block that stands then. The failure is what
// the store said about them, if it was asked.
func (s *Spool) write(ctx context.Context, entries []entry, failure error) (gatehouse.Block, error) {
	var buf []byte
	for _, e := range entries {
		var err error
		if buf, err = appendEntry(buf, e); err != nil {
			return gatehouse.Block{}, err
		}
	}
	g, err := s.enqueue(buf, entries, failure)
	if err != nil {
		return gatehouse.Block{}, err
	}
	if err := s.await(ctx, g); err != nil {
		return gatehouse.Block{}, err
	}
	if p := entries[0].Place; p != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if standing, ok := s.view.get(p.Prefix); ok {
			return standing, nil
		}
		return *p, nil // lifted, or handed over and replaced, in between
	}
	return gatehouse.Block{}, nil
}

func (s *Spool) enqueue(buf []byte, entries []entry, failure error) (*group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Now, and not before: the drainer finds something to do. And even if the
	// store has come back since the call began: it is asked to take this as well.
	s.degrade(failure)
	size := s.size + int64(len(buf))
	for _, g := range []*group{s.next, s.flushing} {
		if g != nil {
			size += int64(len(g.buf))
		}
	}
	if size > s.o.MaxBytes {
		s.failing(ErrFull)
		return nil, fmt.Errorf("spool: %w", ErrFull)
	}
	if s.next == nil {
		s.next = &group{done: make(chan struct{})}
	}
	g := s.next
	g.buf = append(g.buf, buf...)
	g.entries += len(entries)
	for _, e := range entries {
		if e.Record == nil {
			g.ops = append(g.ops, e)
		}
	}
	wake(s.flush)
	return g, nil
}

// await waits for a group. A deadline of the caller that the store has used up
// does not count against the file, which gets one of its own.
func (s *Spool) await(ctx context.Context, g *group) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Deadline)
		defer cancel()
		ctx = own
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
	}
	select {
	case <-g.done:
		return g.err
	default:
		return fmt.Errorf("spool: %w: %w; the write had begun and may be kept", gatehouse.ErrUnavailable, ctx.Err())
	}
}

func (s *Spool) runFlusher() {
	for {
		select {
		case <-s.flush:
			s.flushGroup()
		case <-s.landed:
			s.flushGroup() // nobody waits for it, and yet it may be kept
			return
		}
	}
}

// flushGroup writes what has gathered. It succeeds for all or for none.
func (s *Spool) flushGroup() {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	s.mu.Lock()
	g, size := s.next, s.size
	s.next, s.flushing = nil, g
	s.mu.Unlock()
	if g == nil {
		return
	}
	err := s.put(g.buf, size)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing = nil
	if err != nil {
		err = fmt.Errorf("spool: %w: %w", gatehouse.ErrUnavailable, err)
		s.failing(err)
		g.err = err
		close(g.done)
		return
	}
	s.size += int64(len(g.buf))
	s.state.Records += g.entries
	for _, e := range g.ops {
		s.view.add(e)
	}
	s.takes()
	close(g.done)
}

// put writes buf at size, durably, or undoes what it wrote. An error of a sync
// leaves it open which of the data are on the disk, and a second sync would hide
// that: so they are cut off and count as never written. fileMu is held.
func (s *Spool) put(buf []byte, size int64) error {
	if s.dirty {
		if err := s.cut(size); err != nil {
			return err
		}
	}
	if s.reset {
		if err := s.head(); err != nil {
			return err
		}
	}
	_, err := s.file.WriteAt(buf, size)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.dirty = true
		if again := s.cut(size); again != nil {
			s.o.OnError(fmt.Errorf("spool: undo a write that failed: %w", again))
		}
	}
	return err
}

// cut removes what is behind size.
func (s *Spool) cut(size int64) error {
	if err := s.file.Truncate(size); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.dirty = false
	return nil
}

// failing notes that the file takes no entries; mu is held.
func (s *Spool) failing(err error) {
	s.fileErr = err
	if !s.state.Failing {
		s.state.Failing = true
		s.told.tell(s.current())
	}
}

// takes notes that it does; mu is held.
func (s *Spool) takes() {
	if s.state.Failing {
		s.state.Failing, s.fileErr = false, nil
		s.told.tell(s.current())
	}
}
