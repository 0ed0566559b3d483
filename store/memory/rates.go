package memory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Rates = (*Rates)(nil)

var errTwice = errors.New("memory: a key comes up twice in one call")

// Rates limits rates in this process, by sliding windows and by GCRA. It is
// built as Windows is, and what is said there of its memory, of what it evicts
// and of keys holds here, too: a rate limit that is used up is never evicted. A
// sliding window keeps a timestamp, 4 bytes, for each unit of cost; GCRA takes 32
// bytes whatever the threshold.
//
// All methods are safe for concurrent use. None waits or takes notice of its
// context.
type Rates struct{ counters }

// NewRates returns an empty store that reads MaxBytes.
func NewRates(o Options) *Rates {
	o.MaxWaiters = -1 // nobody waits here
	return &Rates{newCounters(o)}
}

// Take implements gatehouse.Rates.
func (r *Rates) Take(_ context.Context, at time.Time, takes []gatehouse.Take) error {
	if len(takes) == 1 {
		return r.takeOne(at.UnixMilli(), &takes[0])
	}
	return r.takeAll(at.UnixMilli(), takes)
}

// asked returns the limit and the cost of a Take.
func (r *Rates) asked(t *gatehouse.Take) (l limit, cost int, err error) {
	if t.Cost < 0 {
		return l, 0, fmt.Errorf("memory: a cost of %d is negative", t.Cost)
	}
	cost = min(max(t.Cost, 1), maxThreshold+1) // which is too much for any limit
	l, err = r.limits.find(limitKey{t.Limit, t.Algorithm})
	return l, cost, err
}

func (r *Rates) takeOne(ms int64, t *gatehouse.Take) error {
	l, cost, err := r.asked(t)
	if err != nil {
		return err
	}
	shard, tag := r.place(&t.Key)
	s := &r.shards[shard]
	s.mu.Lock()
	now := s.clock(ms)
	i := s.find(tag)
	fits, left := s.fits(i, l, now, cost)
	if fits {
		if s.lacks(i, l, cost-left) {
			if i, err = s.room(tag, l, now, l.occurrences(cost)); err != nil {
				s.mu.Unlock()
				return err
			}
		}
		s.charge(i, l, now, cost)
		left = 0
	}
	t.Quota = s.quota(i, l, now, cost, left, !fits)
	s.mu.Unlock()
	return nil
}

// order is what a visit of takeAll is about.
type order struct {
	cost int
	fits bool
	left int // how many have left the window, and are not dropped yet
}

// takeAll locks every shard concerned, in order, so that all happens at one
// instant; charges only if everything fits and there is room to note it.
func (r *Rates) takeAll(ms int64, takes []gatehouse.Take) error {
	var fewTurns [few]turn
	var fewVisits [few]visit
	var fewOrders [few]order
	turns, visits, orders := fewTurns[:], fewVisits[:], fewOrders[:]
	if len(takes) > few {
		turns, visits, orders = make([]turn, len(takes)), make([]visit, len(takes)), make([]order, len(takes))
	}
	turns, visits = turns[:len(takes)], visits[:len(takes)]
	for i := range takes {
		turns[i].shard, turns[i].tag = r.place(&takes[i].Key)
	}
	setPlaces(turns)
	for i := range turns {
		t := &turns[i]
		v := &visits[t.place]
		v.tag, v.s, v.hit = t.tag, &r.shards[t.shard], i
		var err error
		if v.limit, orders[t.place].cost, err = r.asked(&takes[i]); err != nil {
			return err
		}
		v.cost = v.limit.occurrences(orders[t.place].cost)
	}
	for i := range visits[min(1, len(visits)):] {
		if visits[i].tag == visits[i+1].tag && visits[i].s == visits[i+1].s {
			return errTwice
		}
	}
	lock(visits)
	defer unlock(visits)

	fit, ready := true, true
	for i := range visits {
		v, o := &visits[i], &orders[i]
		v.slot = v.s.find(v.tag)
		o.fits, o.left = v.s.fits(v.slot, v.limit, v.s.clock(ms), o.cost)
		v.short = v.s.lacks(v.slot, v.limit, o.cost-o.left)
		fit, ready = fit && o.fits, ready && !v.short
	}
	if fit && !ready {
		if err := makeRoom(ms, visits); err != nil {
			return err
		}
	}
	for i := range visits {
		v, o := &visits[i], &orders[i]
		now := v.s.clock(ms)
		if fit {
			v.s.charge(v.slot, v.limit, now, o.cost)
			o.left = 0
		}
		takes[v.hit].Quota = v.s.quota(v.slot, v.limit, now, o.cost, o.left, !o.fits)
	}
	return nil
}

// occurrences returns how many a cost is to be kept as, besides a slot.
func (l limit) occurrences(cost int) int {
	if l.gcra {
		return 0
	}
	return cost
}

// fits reports whether slot i, if there is one, has room for a cost, and how
// many of its occurrences have left the window. These stay where they are until
// something is charged: who is refused must not free anything for a clock that
// steps back.
func (s *shard) fits(i int, l limit, now uint32, cost int) (fits bool, left int) {
	if i < 0 {
		return cost <= int(l.threshold), 0
	}
	p := &s.slots[i]
	if p.limit != l.number {
		s.adopt(p, l, now)
	}
	now = max(now, p.newest())
	if l.gcra {
		return p.level(now, l)+uint64(cost)*uint64(l.window) <= l.most(), 0
	}
	left = p.left(now, l.window, &s.rings)
	return p.count()-left+cost <= int(l.threshold), left
}

// adopt changes the limit of a slot.
func (s *shard) adopt(p *slot, l limit, now uint32) {
	was := s.limits.known.Load().list[p.limit]
	switch {
	case was.gcra != l.gcra:
		s.rings.release(p)
		*p = slot{tag: p.tag}
	case l.gcra && p.n > 0:
		now = max(now, p.newest())
		taken := (p.level(now, was) + uint64(was.window) - 1) / uint64(was.window)
		p.setLevel(now, min(taken, uint64(l.threshold))*uint64(l.window))
	case p.count() > int(l.threshold):
		p.drop(p.count()-int(l.threshold), &s.rings)
	}
	p.limit = l.number
}

// lacks reports whether there is no slot, or it has too small a ring for so many
// more.
func (s *shard) lacks(i int, l limit, more int) bool {
	return i < 0 || !l.gcra && s.slots[i].count()+more > s.capacity(i)
}

// charge notes a cost in slot i, which has room for it.
func (s *shard) charge(i int, l limit, now uint32, cost int) {
	p := &s.slots[i]
	now = max(now, p.newest())
	p.limit = l.number
	if l.gcra {
		p.setLevel(now, p.level(now, l)+uint64(cost)*uint64(l.window))
		return
	}
	p.expire(now, l.window, &s.rings)
	for range cost {
		p.add(now, &s.rings)
	}
}

// quota tells how slot i stands, if there is one, without the occurrences that
// have left.
func (s *shard) quota(i int, l limit, now uint32, cost, left int, over bool) gatehouse.Quota {
	if i < 0 { // unused, and refused for the sake of another or for its cost
		return gatehouse.Quota{Remaining: int(l.threshold), Over: over}
	}
	p := &s.slots[i]
	if l.gcra {
		return p.levelQuota(now, l, cost, over)
	}
	n := p.count() - left
	q := gatehouse.Quota{Remaining: int(l.threshold) - n, Over: over}
	if n == 0 {
		return q
	}
	now = max(now, p.newest())
	leaves := func(stamp uint32) time.Duration {
		return milliseconds(uint64(stamp) + uint64(l.window) - uint64(now))
	}
	q.ResetAfter = leaves(p.newest())
	if over && cost <= int(l.threshold) {
		q.RetryAfter = leaves(p.stamp(left+n+cost-int(l.threshold)-1, &s.rings))
	}
	return q
}

// stamp returns the time of the occurrence before which there are k.
func (p *slot) stamp(k int, rs *rings) uint32 {
	if p.class() == 0 {
		return p.stamps[k]
	}
	if k == 0 {
		return p.stamps[ringOldest]
	}
	r := rs.of(p)
	if k += int(p.stamps[ringHead]); k >= len(r) {
		k -= len(r)
	}
	return r[k]
}

func milliseconds(n uint64) time.Duration { return time.Duration(n) * time.Millisecond }
