package app

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/rules"
)

// How often what was counted in memory is added to the store, how long that may
// take, and how many counts wait while the store is down: those of some days.
const (
	nearnessFlush    = time.Minute
	nearnessPatience = 5 * time.Second
	nearnessWaiting  = 20_000
)

// nearness is how near traffic comes to the thresholds of rules, on its way to the
// store.
type nearness struct {
	*logstats.Nearness
	waiting []logstats.Count // drained, and not in the store yet
}

// openNearness begins to count, before there is anything to be counted. What is
// left at the end is added to the store when nothing is counted any more.
func (a *App) openNearness() {
	set := rules.Default()
	var names []string
	for _, rule := range set.All() {
		if !rule.Immediate() {
			names = append(names, rule.Name)
		}
	}
	a.nearness = &nearness{Nearness: logstats.NewNearness(names...)}
	a.closing(func() error { a.flushNearness(context.Background()); return nil })
}

// nearnessUntil adds what was counted to the store until ctx ends.
func (a *App) nearnessUntil(ctx context.Context) error {
	every(ctx, nearnessFlush, nil, func(bool) { a.flushNearness(ctx) })
	return nil
}

// flushNearness is for one goroutine at a time. What the store does not take is
// tried again the next time; if its answer was lost it is counted twice, which
// statistics can bear.
func (a *App) flushNearness(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, nearnessPatience)
	defer cancel()
	n := a.nearness
	n.waiting = logstats.Sum(append(n.waiting, n.Drain(a.clock.now())...))
	if len(n.waiting) == 0 {
		return
	}
	if err := a.records.AddCounts(ctx, n.waiting); err != nil {
		a.logger.Debug("could not add to the statistics of rules", "error", err)
		n.waiting = n.waiting[max(0, len(n.waiting)-nearnessWaiting):] // the newest
		return
	}
	n.waiting = nil
}
