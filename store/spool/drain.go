package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
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
			wait = s.o.MinBackoff
			continue
		}
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

// hand hands over one batch.
func (s *Spool) hand(ctx context.Context) error {
	s.mu.Lock()
	first, end := s.pos, s.size
	s.mu.Unlock()
	var run []piece             // records that follow each other, or one damaged piece
	var standing blocksByPrefix // what the store holds, once it was asked
	handRun := func() error {
		defer func() { run = run[:0] }()
		switch {
		case len(run) == 0:
			return nil
		case run[0].err != nil:
			return s.handDamaged(run[0])
		default:
			return s.handRecords(ctx, run)
		}
	}
	for in := newScanner(s.file, first, end); len(run) < s.o.Batch && in.at-first < batchBytes; {
		p, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		block := p.entry.prefix().IsValid()
		if block || len(run) > 0 && (p.err == nil) != (run[0].err == nil) {
			if err := handRun(); err != nil {
				return err
			}
		}
		switch {
		case block:
			if err := s.handBlock(ctx, p, &standing); err != nil {
				return err
			}
		case p.err != nil && len(run) > 0:
			run[0].end = p.end
		default:
			run = append(run, p)
		}
	}
	return handRun()
}

// handRecords hands over records that follow each other.
func (s *Spool) handRecords(ctx context.Context, batch []piece) error {
	if len(batch) == 0 {
		return nil
	}
	records := make([]gatehouse.Record, len(batch))
	for i, p := range batch {
		records[i] = *p.entry.Record
	}
	err := s.journal.Append(ctx, records...)
	if err == nil {
		s.handed(len(batch), batch[len(batch)-1].end)
		return nil
	}
	if retry(err) {
		return err
	}
	if len(batch) == 1 {
		return s.reject(batch[0], err)
	}
	for i := range batch { // to find the one
		if err := s.handRecords(ctx, batch[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// retry reports whether an error says nothing about what was handed over.
func retry(err error) bool { return down(err) || errors.Is(err, context.Canceled) }

type blocksByPrefix map[netip.Prefix]gatehouse.Block

// handBlock places or lifts one block.
func (s *Spool) handBlock(ctx context.Context, p piece, standing *blocksByPrefix) error {
	if l := p.entry.Lift; l != nil {
		if *standing == nil {
			list, err := s.blocks.List(ctx, l.At)
			if err != nil {
				return err
			}
			*standing = make(blocksByPrefix, len(list))
			for _, b := range list {
				(*standing)[b.Prefix] = b
			}
		}
	}
	s.change(func(v *view) { v.begin() })
	var held gatehouse.Block
	var err error
	lifted := false
	if p.entry.Place != nil {
		held, err = s.blocks.Place(ctx, *p.entry.Place)
	} else if b, ok := (*standing)[p.entry.Lift.Prefix]; ok && p.entry.Lift.lifts(b) {
		_, err = s.blocks.Lift(ctx, b.Prefix, p.entry.Lift.At)
		if errors.Is(err, gatehouse.ErrNotFound) {
			err = nil
		}
		lifted = err == nil
	}
	s.change(func(v *view) {
		v.end()
		if err != nil && retry(err) {
			return
		}
		v.drop(p.entry)
		switch {
		case err != nil:
		case lifted:
			delete(v.known, p.entry.Lift.Prefix)
			delete(*standing, p.entry.Lift.Prefix)
		case held.Prefix.IsValid():
			v.holds(held)
			if *standing != nil {
				(*standing)[held.Prefix] = held
			}
		}
	})
	switch {
	case err == nil:
		s.handed(1, p.end)
		s.syncMark() // a block must not be placed a second time after somebody lifted it
		return nil
	case retry(err):
		return err
	default:
		return s.reject(p, err)
	}
}

// reject puts an entry aside that the store will never take.
func (s *Spool) reject(p piece, because error) error {
	if err := s.aside(p, ".rejected"); err != nil {
		return err
	}
	s.mu.Lock()
	s.state.Rejected++
	s.mu.Unlock()
	s.handed(1, p.end)
	what := "a block"
	if r := p.entry.Record; r != nil {
		what = "record " + r.ID
	}
	s.o.OnError(fmt.Errorf("spool: %s was rejected and put aside in %s.rejected: %w", what, s.path, because))
	return nil
}

// handDamaged puts a piece aside that is no entry.
func (s *Spool) handDamaged(p piece) error {
	if err := s.aside(p, ".damaged"); err != nil {
		return err
	}
	s.mu.Lock()
	s.state.Damaged++
	s.mu.Unlock()
	s.handed(0, p.end)
	s.o.OnError(fmt.Errorf("spool: %s: %d bytes at %d are damaged (%w) and were put aside in %s.damaged", s.path, p.end-p.start, p.start, p.err, s.path))
	return nil
}

func (s *Spool) aside(p piece, suffix string) error {
	if err := putAside(s.path+suffix, io.NewSectionReader(s.file, p.start, p.end-p.start)); err != nil {
		err = fmt.Errorf("spool: put aside: %w", err)
		s.o.OnError(err)
		return err
	}
	return nil
}

// handed notes that the first n entries have been handed over, up to pos. The
// mark need not be durable: records may be handed over a second time.
func (s *Spool) handed(n int, pos int64) {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	s.mu.Lock()
	s.pos = pos
	s.state.Records -= n
	s.mu.Unlock()
	if s.headless {
		return
	}
	if err := writeMark(s.file, pos); err != nil {
		s.o.OnError(fmt.Errorf("spool: %w", err))
	}
}

func (s *Spool) syncMark() {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	if err := s.file.Sync(); err != nil {
		s.o.OnError(fmt.Errorf("spool: %w", err))
	}
}
