package spool

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Place implements gatehouse.Blocks. While the store is down it returns the block
// that stands as far as this process knows.
func (s *Spool) Place(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	b = b.Clean()
	if _, err := prefixOf(b.Prefix); err != nil {
		return gatehouse.Block{}, err
	}
	direct, err := s.enter(ctx)
	if err != nil {
		return gatehouse.Block{}, err
	}
	defer s.flying.Done()
	var failure error
	if direct {
		standing, err := s.placeDirect(ctx, b)
		if err == nil || !down(err) {
			return standing, err
		}
		failure = err
	}
	return s.write(ctx, []entry{{Place: &b}}, failure)
}

func (s *Spool) placeDirect(ctx context.Context, b gatehouse.Block) (gatehouse.Block, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	s.change(func(v *view) { v.begin(b.Prefix) })
	standing, err := s.blocks.Place(ctx, b)
	s.change(func(v *view) {
		v.end(b.Prefix)
		if err == nil {
			v.holds(standing)
		}
	})
	return standing, err
}

func (s *Spool) change(f func(v *view)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.view)
}

// Lift implements gatehouse.Blocks. While the store is down it returns the block as
// far as this process knows; of one that it cannot see it returns
// gatehouse.ErrNotFound, and lifts it all the same when the store is back and
// holds one that was created by then.
func (s *Spool) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	prefix, err := prefixOf(prefix)
	if err != nil {
		return gatehouse.Block{}, err
	}
	direct, err := s.enter(ctx)
	if err != nil {
		return gatehouse.Block{}, err
	}
	defer s.flying.Done()
	var failure error
	if direct {
		lifted, err := s.liftDirect(ctx, prefix, at)
		if err == nil || !down(err) {
			return lifted, err
		}
		failure = err
	}
	s.mu.Lock()
	seen, ok := s.view.get(prefix)
	s.mu.Unlock()
	l := lift{Prefix: prefix, At: at}
	if ok = ok && seen.ActiveAt(at); ok {
		l.ID = seen.ID
	}
	if _, err := s.write(ctx, []entry{{Lift: &l}}, failure); err != nil {
		return gatehouse.Block{}, err
	}
	if !ok {
		return gatehouse.Block{}, fmt.Errorf("spool: block of %v: %w as far as is known here; the store will be asked", prefix, gatehouse.ErrNotFound)
	}
	return seen, nil
}

func (s *Spool) liftDirect(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	s.change(func(v *view) { v.begin(prefix) })
	lifted, err := s.blocks.Lift(ctx, prefix, at)
	s.change(func(v *view) {
		v.end(prefix)
		if err == nil {
			delete(v.known, prefix)
		}
	})
	return lifted, err
}

// List implements gatehouse.Blocks. While the store is down it returns what the
// store held when it was last asked, and what is in the file on top of that. If it
// never answered, List returns what is in the file, and an error.
func (s *Spool) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	s.mu.Lock()
	closed, ask := s.closed, s.answers || !s.view.complete
	ops := s.view.snapshot()
	s.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("spool: %w", ErrClosed)
	}
	var err error
	if ask {
		var list []gatehouse.Block
		if list, err = s.listDirect(ctx, at); err == nil {
			return merge(list, ops, at), nil
		}
		if !down(err) {
			return nil, err
		}
	}
	s.mu.Lock()
	list, complete, ops := s.view.knownList(), s.view.complete, s.view.snapshot()
	s.mu.Unlock()
	if complete {
		err = nil
	}
	return merge(list, ops, at), err
}

func (s *Spool) listDirect(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Deadline)
	defer cancel()
	var since uint64
	s.change(func(v *view) { since = v.read() })
	list, err := s.blocks.List(ctx, at)
	s.change(func(v *view) {
		if err == nil {
			v.learn(list, since)
		}
		v.done()
	})
	return list, err
}

// Blocked implements gatehouse.Blocks. It asks the store while that is up and
// looks through the whole list otherwise: put a cache in front of it where each
// request asks.
func (s *Spool) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	ip = gatehouse.CleanAddr(ip)
	if !ip.IsValid() {
		return gatehouse.Block{}, false, nil
	}
	s.mu.Lock()
	closed, direct := s.closed, !s.degraded
	s.mu.Unlock()
	if closed {
		return gatehouse.Block{}, false, fmt.Errorf("spool: %w", ErrClosed)
	}
	if direct {
		asked, cancel := context.WithTimeout(ctx, s.o.Deadline)
		b, found, err := s.blocks.Blocked(asked, ip, at)
		cancel()
		if err == nil || !down(err) {
			return b, found, err
		}
	}
	list, err := s.List(ctx, at)
	var last gatehouse.Block
	found := false
	for _, b := range list {
		if b.Prefix.Contains(ip) && (!found || endsAfter(b, last)) {
			last, found = b, true
		}
	}
	if found {
		err = nil // whatever else there is
	}
	return last, found, err
}
