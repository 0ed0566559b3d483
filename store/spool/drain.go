package spool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// batchBytes is how much of the file is handed over at once, about, at most.
const batchBytes = 4 << 20

// runDrainer hands over what is in the file whenever there is something.
func (s *Spool) runDrainer() {
	for {
		select {
		case <-s.drain:
			s.drainAll()
		case <-s.quit.Done():
			return
		}
	}
}

// drainAll returns when the store is up and has everything, or with Close.
func (s *Spool) drainAll() {
	wait := s.o.MinBackoff
	for s.quit.Err() == nil {
		done, err := s.round()
		if done {
			return
		}
		s.mu.Lock()
		s.answers = err == nil
		if err != nil {
			s.storeErr = err
		}
		s.mu.Unlock()
		if err == nil {
			s.batch.grow(s.o.Batch)
			wait = s.o.MinBackoff
			continue
		}
		s.batch.shrink()
		s.pause(wait/2 + rand.N(wait/2+1))
		wait = min(2*wait, s.o.MaxBackoff)
	}
}

func (s *Spool) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.quit.Done():
	}
}

// round asks the store, or hands over one batch to one that answers. It reports
// done when that was the last and calls go to the store again.
func (s *Spool) round() (done bool, err error) {
	s.mu.Lock()
	answers, g := s.answers, s.pending()
	s.mu.Unlock()
	if !answers {
		if s.o.Probe != nil {
			ctx, cancel := context.WithTimeout(s.quit, s.o.Deadline)
			defer cancel()
			return false, s.o.Probe(ctx)
		}
		if g != nil {
			s.settled(s.quit, g)
		}
		if !s.waiting() { // the file takes nothing: the next call has to try
			s.pause(s.o.MaxBackoff)
			return false, nil
		}
	} else if s.shut() {
		defer s.reopen()
		return s.finish()
	}
	// A batch may take longer than one record, and nobody waits for it.
	ctx, cancel := context.WithTimeout(s.quit, 5*s.o.Deadline)
	defer cancel()
	return false, s.hand(ctx)
}

// pending is what waits to be written, if anything; mu is held.
func (s *Spool) pending() *group {
	if s.next != nil {
		return s.next
	}
	return s.flushing
}

// settled waits until a group is on the disk or has failed.
func (s *Spool) settled(ctx context.Context, g *group) bool {
	select {
	case <-g.done:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Spool) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size > s.pos
}

// shut shuts the gate if what is left is little: calls wait until it is open again.
func (s *Spool) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size-s.pos > batchBytes/2 || s.state.Records > s.o.Batch/2 {
		return false
	}
	s.gate = make(chan struct{})
	return true
}

func (s *Spool) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.gate)
	s.gate = nil
}

// finish hands over the rest while the gate is shut, and ends the degraded state.
func (s *Spool) finish() (done bool, err error) {
	ctx, cancel := context.WithTimeout(s.quit, s.o.Hold)
	defer cancel()
	for {
		s.mu.Lock()
		g, left := s.pending(), s.size > s.pos
		s.mu.Unlock()
		switch {
		case g != nil: // of calls that came before the gate was shut
			if !s.settled(ctx, g) {
				return false, nil
			}
		case left:
			if err := s.hand(ctx); err != nil {
				return false, err
			}
		default:
			s.empty()
			if s.restore() {
				return true, nil
			}
		}
	}
}

// restore sends calls to the store again, unless something has come in.
func (s *Spool) restore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending() != nil || s.size > s.pos {
		return false
	}
	s.degraded, s.state.Degraded, s.state.Since = false, false, s.o.Now()
	s.storeErr, s.fileErr, s.state.Failing = nil, nil, false
	s.told.tell(s.current())
	return true
}

// empty empties the file, of which everything has been handed over.
func (s *Spool) empty() {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	s.mu.Lock()
	keep := s.size != s.pos || s.size == headerSize
	s.mu.Unlock()
	if keep {
		return
	}
	if err := s.truncate(); err != nil {
		s.o.OnError(fmt.Errorf("spool: empty the file: %w", err))
	}
}

// truncate leaves nothing but the header; fileMu is held. Where it cannot, the file
// stays as it is, which does no harm.
func (s *Spool) truncate() error {
	size := headerSize
	if s.headless {
		size = 0
	}
	if err := s.file.Truncate(size); err != nil {
		return err
	}
	s.mu.Lock()
	s.pos, s.size = headerSize, headerSize
	s.mu.Unlock()
	s.dirty, s.headless, s.reset = false, false, true
	return s.head()
}

// head writes the header of the empty file; fileMu is held.
func (s *Spool) head() error {
	if err := writeHeader(s.file); err != nil {
		return err
	}
	s.reset = false
	return nil
}
