package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Reserve implements gatehouse.Windows. It returns an error that wraps
// gatehouse.ErrBusy also when too many wait for the key, and the context's
// error when that ends first. A caller that waits lets its clock run on by the
// time that passes.
func (w *Windows) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	if err := ctx.Err(); err != nil {
		return gatehouse.Reservation{}, gatehouse.Tally{}, err
	}
	l, err := w.limits.of(limit)
	if err != nil {
		return gatehouse.Reservation{}, gatehouse.Tally{}, err
	}
	shard, tag := w.place(&key)
	s := &w.shards[shard]
	got, queued := s.reserve(tag, at.UnixMilli(), l, wait > 0)
	if queued != nil {
		got = s.await(ctx, tag, queued, wait)
	}
	if got.id == 0 {
		return gatehouse.Reservation{}, got.tally, got.err
	}
	return gatehouse.Reservation{Key: key, Limit: limit, ID: got.id}, got.tally, nil
}

// reserve decides at once, or queues a waiter and returns it.
func (s *shard) reserve(tag uint64, ms int64, l limit, mayWait bool) (grant, *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.gates.open(tag, ms)
	if g == nil {
		return grant{err: fmt.Errorf("memory: too many attempts in flight: %w", gatehouse.ErrBusy)}, nil
	}
	g.last = max(g.last, ms)
	ms = g.last
	s.answer(tag, g) // time has passed: those ahead may go first
	got, decided := s.decide(tag, g, ms, l, len(g.waiters) > 0)
	switch {
	case decided:
	case !mayWait:
		got.err = errWaited
	case len(g.waiters) >= s.gates.maxWaiters:
		got.err = fmt.Errorf("memory: too many wait for one key: %w", gatehouse.ErrBusy)
	default:
		q := &waiter{at: ms, limit: l, done: make(chan struct{})}
		g.waiters = append(g.waiters, q)
		return grant{}, q
	}
	s.tidy(tag, g)
	return got, nil
}

var errWaited = fmt.Errorf("memory: other attempts are in flight: %w", gatehouse.ErrBusy)

// decide answers a Reserve, or says that it has to wait. Behind others, only a
// full window is an answer.
func (s *shard) decide(tag uint64, g *gate, ms int64, l limit, behind bool) (got grant, decided bool) {
	now := s.clock(ms)
	active := g.active(ms)
	i, err := s.room(tag, l, now, active+1)
	if err != nil {
		return grant{err: err}, true
	}
	p := &s.slots[i]
	got.tally = p.tally(now, l)
	if p.count() >= int(l.threshold) {
		got.tally.Over = true
		return got, true
	}
	if behind || p.count()+active >= int(l.threshold) {
		return got, false
	}
	s.gates.lastID++
	got.id = s.gates.lastID
	if g.forget(ms); len(g.held) > 2*int(l.threshold)+64 { // crowded with expired ones
		g.held = append(g.held[:0], g.held[len(g.held)-int(l.threshold):]...)
	}
	g.held = append(g.held, held{id: got.id, expires: ms + ttl})
	return got, true
}

// wake is to be called when something has happened to the counter of a tag, at
// the time ms: it may be the turn of those who wait, and nobody may need the
// gate any more.
func (s *shard) wake(tag uint64, ms int64) {
	if g := s.gates.of[tag]; g != nil {
		g.last = max(g.last, ms)
		s.answer(tag, g)
		s.tidy(tag, g)
	}
}

// answer answers those who wait at a gate, in their order, as far as can be.
func (s *shard) answer(tag uint64, g *gate) {
	for len(g.waiters) > 0 {
		q := g.waiters[0]
		got, decided := s.decide(tag, g, max(q.at, g.last), q.limit, false)
		if !decided {
			break
		}
		g.waiters = g.waiters[1:]
		q.grant = got
		close(q.done)
	}
}

// tidy closes a gate that nobody needs and removes an empty counter.
func (s *shard) tidy(tag uint64, g *gate) {
	if !g.idle() {
		return
	}
	s.gates.close(tag, g)
	if i := s.find(tag); i >= 0 && s.slots[i].count() == 0 && s.slots[i].ring&pinned == 0 {
		s.remove(i)
	}
}

// await waits until q is answered, its time is up, or ctx ends. An answer that
// comes at the same moment counts.
func (s *shard) await(ctx context.Context, tag uint64, q *waiter, wait time.Duration) grant {
	start, at := time.Now(), q.at
	timer := time.NewTimer(min(wait, s.nextChange(tag, q)))
	defer timer.Stop()
	for {
		select {
		case <-q.done:
			return q.grant
		case <-ctx.Done():
			return s.giveUp(tag, q, ctx.Err())
		case <-timer.C:
		}
		passed := time.Since(start)
		s.mu.Lock()
		q.at = at + passed.Milliseconds()
		s.wake(tag, q.at)
		s.mu.Unlock()
		if passed >= wait {
			return s.giveUp(tag, q, errWaited)
		}
		timer.Reset(min(wait-passed, s.nextChange(tag, q)))
	}
}

// giveUp takes q out of the queue with an error, unless it has been answered.
func (s *shard) giveUp(tag uint64, q *waiter, err error) grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.gates.of[tag]
	if g == nil || !g.leave(q) {
		return q.grant
	}
	s.wake(tag, g.last) // the next may have another limit
	return grant{err: err}
}

// nextChange returns how long it takes until a place held for the key of q
// expires or an occurrence leaves its window.
func (s *shard) nextChange(tag uint64, q *waiter) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, i := s.gates.of[tag], s.find(tag)
	if g == nil || i < 0 {
		return 0 // q has been answered
	}
	ms, next := max(q.at, g.last), ttl
	for _, h := range g.held {
		if h.expires > ms {
			next = min(next, h.expires-ms)
		}
	}
	now := s.clock(ms)
	s.settle(i, q.limit, now)
	if p := &s.slots[i]; p.count() > 0 {
		leaves := int64(p.oldest()) + int64(q.limit.window)
		next = min(next, leaves-int64(max(now, p.newest())))
	}
	return time.Duration(next) * time.Millisecond
}

// Settle implements gatehouse.Windows. Settling a second time does nothing. A
// failure is counted until ten minutes after it was reserved, though its place
// was given to others when it expired; in a window filled by them it is Over
// and not counted. A success clears the counter even so late.
func (w *Windows) Settle(_ context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	if r.ID == 0 {
		return gatehouse.Tally{}, nil
	}
	if outcome < gatehouse.Failed || outcome > gatehouse.Abandoned {
		return gatehouse.Tally{}, fmt.Errorf("memory: unknown outcome %d", outcome)
	}
	l, err := w.limits.of(r.Limit)
	if err != nil {
		return gatehouse.Tally{}, err
	}
	shard, tag := w.place(&r.Key)
	s := &w.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(tag, at.UnixMilli(), r.ID, l, outcome)
}

// end ends a reservation, as Settle says.
func (s *shard) end(tag uint64, ms int64, id uint64, l limit, outcome gatehouse.Outcome) (t gatehouse.Tally, err error) {
	now := s.clock(ms)
	g := s.gates.of[tag]
	known := g != nil && g.take(id)
	i := s.find(tag)
	switch {
	case known && outcome == gatehouse.Failed:
		if i, err = s.room(tag, l, now, 1); err == nil {
			t = s.count(i, l, now)
		}
	case known && outcome == gatehouse.Succeeded:
		s.clear(tag)
	case i >= 0:
		s.settle(i, l, now)
		p := &s.slots[i]
		t = p.tally(now, l)
	}
	s.wake(tag, ms)
	return t, err
}
