package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// CleanUpCount is how many of one thing were removed, or would be.
type CleanUpCount struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

// chore is one kind of thing that is removed some time after it is over.
type chore struct {
	what   string // one word, a label of the metrics
	keep   time.Duration
	remove func(ctx context.Context, before time.Time, limit int) (int, error)
	count  func(ctx context.Context, before time.Time) (int, error)
}

// keepCounts is how long the log in numbers is kept: a year can be compared with the
// one before.
const keepCounts = 400 * 24 * time.Hour

// chores are what a clean-up does. Each batch may be run again, by another node
// too, and does nothing then.
func chores(s *sqlstore.Store, c CleanUpConfig) []chore {
	list := []chore{
		{"tokens", c.Keep, s.DeleteExpiredTokens, s.CountExpiredTokens},
		{"sessions", c.Keep, s.DeleteExpired, s.CountExpired},
		{"blocks", c.Keep, s.DeleteOldBlocks, s.CountOldBlocks},
		{"links", c.Keep, s.DeleteExpiredLinks, s.CountExpiredLinks},
		{"deliveries", c.Keep, s.PruneDeliveries, s.CountOldDeliveries},
		{"alerts", c.Keep, s.PruneGroups, s.CountOldGroups},
		{"counts", keepCounts, s.DeleteCounts, s.CountOldCounts},
	}
	if c.KeepLog > 0 { // first, as what goes from the beginning leaves no gap
		list = append(list, chore{"records", c.KeepLog, s.DeleteRecords, s.CountOldRecords})
	}
	for _, kind := range slices.Sorted(maps.Keys(c.KeepLogOf)) {
		list = append(list, chore{
			what: "records_" + string(kind), keep: c.KeepLogOf[kind],
			remove: func(ctx context.Context, before time.Time, limit int) (int, error) {
				return s.DeleteRecordsOf(ctx, []gatehouse.Kind{kind}, before, limit)
			},
			count: func(ctx context.Context, before time.Time) (int, error) {
				return s.CountOldRecordsOf(ctx, kind, before)
			},
		})
	}
	return list
}

// sweep does the chores in small batches, each a transaction of its own, and tells
// after each how many were removed by now and by this batch. It ends with ctx, and
// when the turn is over. A chore that fails does not keep the others from being
// done.
func sweep(ctx context.Context, turn *sqlstore.Turn, list []chore, now time.Time, tell func(c CleanUpCount, batch int)) ([]CleanUpCount, error) {
	var errs []error
	counts := make([]CleanUpCount, 0, len(list))
	for _, job := range list {
		p := newPace()
		c := CleanUpCount{What: job.what}
		for {
			if err := turn.Check(ctx); err != nil {
				return append(counts, c), err
			}
			began := time.Now()
			n, err := job.remove(ctx, now.Add(-job.keep), p.size)
			if err != nil {
				errs = append(errs, fmt.Errorf("remove %s: %w", job.what, err))
				break
			}
			if n == 0 {
				break
			}
			c.Count += n
			tell(c, n)
			if err := pause(ctx, p.next(time.Since(began))); err != nil {
				return append(counts, c), err
			}
		}
		counts = append(counts, c)
	}
	return counts, errors.Join(errs...)
}

// tally counts what sweep would remove.
func tally(ctx context.Context, list []chore, now time.Time) ([]CleanUpCount, error) {
	var counts []CleanUpCount
	for _, job := range list {
		n, err := job.count(ctx, now.Add(-job.keep))
		if err != nil {
			return counts, fmt.Errorf("count %s: %w", job.what, err)
		}
		counts = append(counts, CleanUpCount{job.what, n})
	}
	return counts, nil
}

// Logins share the writer with the clean-up: a batch is to take no longer than
// batchTime, and all batches together one part in dutyCycle of the time.
const (
	batchTime = 10 * time.Millisecond
	dutyCycle = 5
	minBatch  = 10
	maxBatch  = 5000
)

// pace fits batches to what the store can do at the moment.
type pace struct{ size int }

func newPace() *pace { return &pace{size: 100} }

// next takes in how long a batch took and returns the pause after it. The size
// doubles at most, as one quick batch says little, and falls as far as it has to.
func (p *pace) next(took time.Duration) time.Duration {
	took = max(took, 100*time.Microsecond)
	fits := int(float64(p.size) * float64(batchTime) / float64(took))
	p.size = max(minBatch, min(fits, 2*p.size, maxBatch))
	return (dutyCycle - 1) * took
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
