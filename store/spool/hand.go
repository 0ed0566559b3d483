package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"

	"github.com/fluxstudio/gatehouse"
)

// batch is what is handed over at once. Only the drainer uses it. The blocks go
// first, those of one prefix in order, the records follow, in order; when all are
// there, the mark moves on. A batch that fails halfway is handed over again from
// its beginning, which does no harm.
type batch struct {
	records, ops, damaged []piece
	end                   int64
	// aside are the pieces that were put aside before it failed.
	aside map[int64]bool
	limit int // how many entries, at most
}

// grow and shrink follow what the store can take in one deadline.
func (b *batch) grow(most int) { b.limit = min(2*b.limit, most) }

func (b *batch) shrink() { b.limit = max(b.limit/2, 1) }

// read reads the next batch of a file between two offsets.
func (b *batch) read(r io.ReaderAt, from, to int64) error {
	b.records, b.ops, b.damaged, b.end = b.records[:0], b.ops[:0], b.damaged[:0], from
	for in := newScanner(r, from, to); len(b.records)+len(b.ops)+len(b.damaged) < b.limit && in.at-from < batchBytes; {
		p, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		b.end = p.end
		last := len(b.damaged) - 1
		switch {
		case p.err != nil && last >= 0 && b.damaged[last].end == p.start:
			b.damaged[last].end = p.end
		case p.err != nil:
			b.damaged = append(b.damaged, p)
		case p.entry.Record != nil:
			b.records = append(b.records, p)
		default:
			b.ops = append(b.ops, p)
		}
	}
	return nil
}

// hand hands over one batch.
func (s *Spool) hand(ctx context.Context) error {
	s.mu.Lock()
	from, to := s.pos, s.size
	s.mu.Unlock()
	b := &s.batch
	if err := b.read(s.file, from, to); err != nil {
		return err
	}
	for _, p := range b.damaged {
		if err := s.putAside(p, ".damaged", p.err); err != nil {
			return err
		}
	}
	if err := s.handBlocks(ctx, b.ops); err != nil {
		return err
	}
	if err := s.handRecords(ctx, b.records); err != nil {
		return err
	}
	s.handed(b)
	return nil
}

// handed notes that a batch has been handed over. The mark need not be durable:
// records may be handed over a second time. But a block should not be placed a
// second time, after somebody has lifted it.
func (s *Spool) handed(b *batch) {
	clear(b.aside)
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	s.mu.Lock()
	s.pos = b.end
	s.state.Records -= len(b.records) + len(b.ops)
	for _, p := range b.ops {
		s.view.drop(p.entry)
	}
	s.mu.Unlock()
	if s.headless {
		return
	}
	err := writeMark(s.file, b.end)
	if err == nil && len(b.ops) > 0 {
		err = s.file.Sync()
	}
	if err != nil {
		s.o.OnError(fmt.Errorf("spool: %w", err))
	}
}

// handRecords hands over records that follow each other. Where the store refuses
// them, it looks for the one that is refused.
func (s *Spool) handRecords(ctx context.Context, pieces []piece) error {
	if len(pieces) == 0 {
		return nil
	}
	records := make([]gatehouse.Record, len(pieces))
	for i, p := range pieces {
		records[i] = *p.entry.Record
	}
	err := s.journal.Append(ctx, records...)
	if err == nil || retry(err) {
		return err
	}
	if len(pieces) == 1 {
		return s.putAside(pieces[0], ".rejected", err)
	}
	half := len(pieces) / 2
	if err := s.handRecords(ctx, pieces[:half]); err != nil {
		return err
	}
	return s.handRecords(ctx, pieces[half:])
}

// retry reports whether an error says nothing about what was handed over.
func retry(err error) bool { return down(err) || errors.Is(err, context.Canceled) }

// handBlocks places and lifts blocks, those of different prefixes at the same time,
// so that they share the cost of being durable.
func (s *Spool) handBlocks(ctx context.Context, ops []piece) error {
	byPrefix := map[netip.Prefix][]piece{}
	var first *lift // the one that was earliest, to which most blocks are in force
	for _, p := range ops {
		byPrefix[p.entry.prefix()] = append(byPrefix[p.entry.prefix()], p)
		if l := p.entry.Lift; l != nil && (first == nil || l.At.Before(first.At)) {
			first = l
		}
	}
	standing := map[netip.Prefix]gatehouse.Block{}
	if first != nil {
		list, err := s.blocks.List(ctx, first.At)
		if err != nil {
			return err
		}
		for _, b := range list {
			standing[b.Prefix] = b
		}
	}
	const atOnce = 64
	places := make(chan struct{}, atOnce)
	failures := make(chan error, len(byPrefix))
	var wg sync.WaitGroup
	for prefix, pieces := range byPrefix {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			stands, ok := standing[prefix]
			for _, p := range pieces {
				var err error
				if stands, ok, err = s.handBlock(ctx, p, stands, ok); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	return <-failures
}

// handBlock places or lifts one block, and returns what stands then if it stood
// before.
func (s *Spool) handBlock(ctx context.Context, p piece, stands gatehouse.Block, ok bool) (gatehouse.Block, bool, error) {
	l := p.entry.Lift
	if l != nil && !(ok && l.lifts(stands)) {
		return stands, ok, nil
	}
	prefix := p.entry.prefix()
	s.change(func(v *view) { v.begin(prefix) })
	var err error
	if l == nil {
		var held gatehouse.Block
		if held, err = s.blocks.Place(ctx, *p.entry.Place); err == nil {
			stands, ok = held, true
		}
	} else if _, err = s.blocks.Lift(ctx, l.Prefix, l.At); err == nil || errors.Is(err, gatehouse.ErrNotFound) {
		stands, ok, err = gatehouse.Block{}, false, nil
	}
	s.change(func(v *view) {
		v.end(prefix)
		switch {
		case err != nil:
		case ok:
			v.holds(stands)
		default:
			delete(v.known, prefix)
		}
	})
	if err != nil && !retry(err) {
		err = s.putAside(p, ".rejected", err)
	}
	return stands, ok, err
}

// putAside keeps a piece that cannot be handed over in a file beside the spool.
func (s *Spool) putAside(p piece, suffix string, because error) error {
	s.asideMu.Lock()
	defer s.asideMu.Unlock()
	if s.batch.aside[p.start] {
		return nil
	}
	if err := putAside(s.path+suffix, io.NewSectionReader(s.file, p.start, p.end-p.start)); err != nil {
		err = fmt.Errorf("spool: put aside: %w", err)
		s.o.OnError(err)
		return err
	}
	s.batch.aside[p.start] = true
	what := fmt.Sprintf("%d bytes at %d", p.end-p.start, p.start)
	if r := p.entry.Record; r != nil {
		what = "record " + r.ID
	} else if prefix := p.entry.prefix(); prefix.IsValid() {
		what = "a block of " + prefix.String()
	}
	s.mu.Lock()
	if p.err != nil {
		s.state.Damaged++
	} else {
		s.state.Rejected++
	}
	s.mu.Unlock()
	s.o.OnError(fmt.Errorf("spool: %s was put aside in %s: %w", what, s.path+suffix, because))
	return nil
}
