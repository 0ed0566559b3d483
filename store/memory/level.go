package memory

import "github.com/fluxstudio/gatehouse"

// A rate limit by GCRA is kept in a slot as one occurrence, its newest charge,
// so that all else takes it for a counter of the same window; and it has drained
// when that has left. What is outstanding then lies in the next two stamps.
//
// It is counted in units of which threshold drain in a millisecond and window
// make a cost of 1. So all is whole numbers, at most 10,000 times the
// milliseconds of 7 days.
const (
	levelLow  = 1
	levelHigh = 2
)

// level returns what is outstanding at now, which is not before the newest
// charge.
func (p *slot) level(now uint32, l limit) uint64 {
	if p.n == 0 {
		return 0
	}
	then := uint64(p.stamps[levelHigh])<<32 | uint64(p.stamps[levelLow])
	drained := uint64(now-p.stamps[0]) * uint64(l.threshold)
	return then - min(then, drained)
}

// setLevel notes what is outstanding at now.
func (p *slot) setLevel(now uint32, level uint64) {
	p.stamps[0], p.stamps[levelLow], p.stamps[levelHigh] = now, uint32(level), uint32(level>>32)
	p.n = 1
}

// most is the level of a limit that is used up.
func (l limit) most() uint64 { return uint64(l.threshold) * uint64(l.window) }

// drains returns how long a level takes to drain, in ms rounded up.
func (l limit) drains(level uint64) uint64 {
	return (level + uint64(l.threshold) - 1) / uint64(l.threshold)
}

// levelWarmth is coldness for GCRA: as a window, it is full if no cost fits.
func (p *slot) levelWarmth(now uint32, l limit) warmth {
	level := p.level(max(now, p.newest()), l)
	switch {
	case level == 0:
		return expired
	case level+uint64(l.window) > l.most():
		return warmest
	}
	return warmth{full: max(1, uint32(level<<16/l.most())), newest: p.newest()}
}

// levelQuota is quota for GCRA.
func (p *slot) levelQuota(now uint32, l limit, cost int, over bool) gatehouse.Quota {
	level := p.level(max(now, p.newest()), l)
	q := gatehouse.Quota{
		Remaining:  int((l.most() - level) / uint64(l.window)),
		ResetAfter: milliseconds(l.drains(level)),
		Over:       over,
	}
	if need := level + uint64(cost)*uint64(l.window); over && cost <= int(l.threshold) {
		q.RetryAfter = milliseconds(l.drains(need - l.most()))
	}
	return q
}
