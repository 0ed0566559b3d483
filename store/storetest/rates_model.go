package storetest

import (
	"context"
	"math/big"
	"sort"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"pgregory.net/rapid"
)

// rateModel is one rate limit as the contract and the literature describe it: a
// list of times, or a theoretical arrival time.
type rateModel struct {
	take   gatehouse.Take
	newest int64   // ms
	times  []int64 // of a sliding window, one for each unit of cost
	tat    *big.Rat
}

func newRateModels(keys []gatehouse.Key) []*rateModel {
	var all []*rateModel
	for i, l := range []gatehouse.Limit{
		limitOf(1, time.Minute), limitOf(2, 2*time.Minute), limitOf(7, time.Minute), limitOf(60, 3*time.Minute),
		limitOf(1, time.Minute), limitOf(3, time.Second), limitOf(7, time.Minute), limitOf(600, 2*time.Minute),
	} {
		m := &rateModel{take: gatehouse.Take{Key: keys[i], Limit: l}, newest: epoch.UnixMilli(), tat: new(big.Rat)}
		if i >= 4 {
			m.take.Algorithm = gatehouse.GCRA
		}
		all = append(all, m)
	}
	return all
}

func (m *rateModel) window() int64 { return m.take.Limit.Window.Milliseconds() }

// each is how long GCRA takes for one.
func (m *rateModel) each(n int) *big.Rat {
	return big.NewRat(int64(n)*m.window(), int64(m.take.Limit.Threshold))
}

func (m *rateModel) now(at time.Time) int64 { return max(at.UnixMilli(), m.newest) }

// live returns what the window holds.
func (m *rateModel) live(now int64) []int64 {
	for i, t := range m.times {
		if t+m.window() > now {
			return m.times[i:]
		}
	}
	return nil
}

// freeAt returns when a cost fits, in ms.
func (m *rateModel) freeAt(at time.Time, cost int) *big.Rat {
	if m.take.Algorithm == gatehouse.GCRA {
		return new(big.Rat).Sub(new(big.Rat).Add(m.tat, m.each(cost)), m.each(m.take.Limit.Threshold))
	}
	times := m.live(m.now(at))
	if k := len(times) + cost - m.take.Limit.Threshold; k > 0 {
		return new(big.Rat).SetInt64(times[k-1] + m.window())
	}
	return new(big.Rat)
}

func (m *rateModel) fits(at time.Time, cost int) bool {
	return cost <= m.take.Limit.Threshold && m.freeAt(at, cost).Cmp(new(big.Rat).SetInt64(m.now(at))) <= 0
}

func (m *rateModel) charge(at time.Time, cost int) {
	m.newest = m.now(at)
	if m.take.Algorithm == gatehouse.GCRA {
		if now := new(big.Rat).SetInt64(m.newest); m.tat.Cmp(now) < 0 {
			m.tat = now
		}
		m.tat = new(big.Rat).Add(m.tat, m.each(cost))
		return
	}
	m.times = m.live(m.newest)
	for range cost {
		m.times = append(m.times, m.newest)
	}
}

func (m *rateModel) quota(at time.Time, cost int, over bool) gatehouse.Quota {
	q := gatehouse.Quota{Over: over, ResetAfter: m.until(at, m.freeAt(at, m.take.Limit.Threshold))}
	q.Remaining = sort.Search(m.take.Limit.Threshold, func(n int) bool { return !m.fits(at, n+1) })
	if over && cost <= m.take.Limit.Threshold {
		q.RetryAfter = m.until(at, m.freeAt(at, cost))
	}
	return q
}

// until returns how long it is from at to then, in ms rounded up.
func (m *rateModel) until(at time.Time, then *big.Rat) time.Duration {
	d := new(big.Rat).Sub(then, new(big.Rat).SetInt64(m.now(at)))
	if d.Sign() <= 0 {
		return 0
	}
	ms := new(big.Int).Add(d.Num(), new(big.Int).Sub(d.Denom(), big.NewInt(1)))
	return time.Duration(ms.Div(ms, d.Denom()).Int64()) * time.Millisecond
}

func ratesMatchModel(t *testing.T, s rates) {
	step := steps(time.Second, time.Minute, 2*time.Minute, 60*time.Second/7)
	back := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, time.Millisecond, time.Second, 9 * time.Second})
	costs := rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3, 7, 30})
	clock := epoch
	rapid.Check(t, func(rt *rapid.T) {
		models := newRateModels(s.keys(8))
		clock = clock.Add(longestWindow)
		for range rapid.IntRange(1, 100).Draw(rt, "operations") {
			clock = clock.Add(step.Draw(rt, "step"))
			at := clock.Add(-back.Draw(rt, "back"))
			asked := rapid.Permutation(models).Draw(rt, "limits")[:rapid.IntRange(1, 8).Draw(rt, "how many")]
			takes := make([]gatehouse.Take, len(asked))
			fit, fits, paid := true, make([]bool, len(asked)), make([]int, len(asked))
			for i, m := range asked {
				takes[i] = m.take
				takes[i].Cost = costs.Draw(rt, "cost")
				paid[i] = max(1, takes[i].Cost)
				fits[i] = m.fits(at, paid[i])
				fit = fit && fits[i]
			}
			if err := s.Take(context.Background(), at, takes); err != nil {
				rt.Fatal(err)
			}
			for i, m := range asked {
				if fit {
					m.charge(at, paid[i])
				}
				if want := m.quota(at, paid[i], !fits[i]); takes[i].Quota != want {
					rt.Fatalf("limit %d of %d, %+v by algorithm %d, cost %d: got %+v, want %+v",
						i+1, len(asked), m.take.Limit, m.take.Algorithm, paid[i], takes[i].Quota, want)
				}
			}
		}
	})
}
