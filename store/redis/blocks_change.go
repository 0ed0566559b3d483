package redis

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/redis/rueidis"
)

// known is what this node knows of a prefix, for the script.
func (s *Blocks) known(p netip.Prefix) blockChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[p]
	if e == nil {
		return blockChange{}
	}
	c, _ := (&blockEntry{state: e.state, gone: e.gone}).change(time.Now())
	return c
}

// handOver gives Redis the block of a prefix that is held here only, if there
// is one.
func (s *Blocks) handOver(ctx context.Context, p netip.Prefix) error {
	s.mu.Lock()
	e := s.entries[p]
	if e == nil || e.own == nil {
		s.mu.Unlock()
		return nil
	}
	c, err := e.change(time.Now())
	s.mu.Unlock()
	if err != nil {
		return err
	}
	_, _, err = s.change(ctx, p, c)
	return err
}

// change runs the script and takes over what it returns: what the prefix has
// now, and what was lifted.
func (s *Blocks) change(ctx context.Context, p netip.Prefix, c blockChange) (now blockState, lifted *gatehouse.Block, err error) {
	r, err := s.client.conn()
	if err != nil {
		return now, nil, err
	}
	asked := time.Now()
	answer, err := s.client.evalScript(ctx, r, blockScript, s.client.blockCall(p, c))
	if err != nil {
		return now, nil, err
	}
	u, liftedRaw, err := readAnswer(p, answer, asked)
	if err != nil {
		return now, nil, fmt.Errorf("redis: %w: block of %v: %w", gatehouse.ErrUnavailable, p, err)
	}
	if liftedRaw != "" {
		was, err := decodeState(p, liftedRaw)
		if err != nil {
			return now, nil, fmt.Errorf("redis: block of %v: %w", p, err)
		}
		lifted = was.Block
	}
	s.apply([]blockUpdate{u})
	return u.state, lifted, nil
}

// readAnswer reads what the script returned.
func readAnswer(p netip.Prefix, answer rueidis.RedisResult, asked time.Time) (u blockUpdate, lifted string, err error) {
	fields, err := answer.AsStrSlice()
	if err != nil {
		return u, "", err
	}
	if len(fields) != 3 {
		return u, "", errBlockValue
	}
	u.prefix = p
	if fields[0] == "" { // there is nothing
		return u, "", nil
	}
	life, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return u, "", err
	}
	u.gone = expiry(asked, life)
	u.state, err = decodeState(p, fields[0])
	return u, fields[2], err
}

// expiry is when a key expires that had so many milliseconds to live at some
// time after asked. It may be early by as long as the answer took, never late.
func expiry(asked time.Time, life int64) time.Time {
	if life < 0 {
		return time.Time{}
	}
	if life > int64(maxLife/time.Millisecond) {
		return asked.Add(maxLife)
	}
	return asked.Add(time.Duration(life) * time.Millisecond)
}

// maxLife is the longest life of a key that this node counts down.
const maxLife = 100 * 365 * 24 * time.Hour

// blockUpdate is what was read about a prefix.
type blockUpdate struct {
	prefix netip.Prefix
	state  blockState // revision 0 is nothing
	gone   time.Time
}

// apply takes over what was read, as far as it is newer than what is known. What
// is older there is owed to Redis from then on.
func (s *Blocks) apply(updates []blockUpdate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed []netip.Prefix
	for _, u := range updates {
		e := s.entries[u.prefix]
		switch {
		case e == nil && u.state.Revision == 0:
			continue
		case e == nil:
			e = &blockEntry{}
			s.entries[u.prefix] = e
		case u.state.Revision < e.state.Revision || u.state.Revision == 0:
			s.owed[u.prefix] = struct{}{}
			continue
		}
		e.gone = u.gone
		if u.state.Revision > e.state.Revision {
			e.state = u.state
			changed = append(changed, u.prefix)
		}
		if e.own != nil && e.state.settled(e.own) {
			e.own = nil
			changed = append(changed, u.prefix)
		}
		if e.own == nil {
			delete(s.owed, u.prefix)
		}
	}
	s.show(changed)
}

// manyBlocks is from how many changes on the table is made anew.
const manyBlocks = 1000

// show brings changes of the entries into the table.
func (s *Blocks) show(changed []netip.Prefix) {
	if len(changed) < manyBlocks || len(changed) < len(s.entries)/16 {
		for _, p := range changed {
			var b *gatehouse.Block
			if e := s.entries[p]; e != nil {
				b = e.inForce()
			}
			s.table.set(p, b)
		}
		return
	}
	s.table.replace(func(yield func(netip.Prefix, *gatehouse.Block) bool) {
		for p, e := range s.entries {
			if b := e.inForce(); b != nil && !yield(p, b) {
				return
			}
		}
	})
}

// hold keeps a block on this node until Redis can be told, and returns the one
// in force here.
func (s *Blocks) hold(b gatehouse.Block) gatehouse.Block {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[b.Prefix]
	if e == nil {
		e = &blockEntry{}
		s.entries[b.Prefix] = e
	}
	if now := e.inForce(); now == nil || endsAfter(&b, now) {
		e.own = &b
		s.owed[b.Prefix] = struct{}{}
		s.table.set(b.Prefix, &b)
	}
	return *e.inForce()
}

// prune forgets what has expired in Redis as well.
func (s *Blocks) prune(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed []netip.Prefix
	for p, e := range s.entries {
		if e.own == nil && !e.gone.IsZero() && !now.Before(e.gone) {
			delete(s.entries, p)
			delete(s.owed, p)
			changed = append(changed, p)
		}
	}
	s.show(changed)
}
