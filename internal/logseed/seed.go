// Package logseed fills a security log with a month in the life of a login server,
// for benchmarks of what reads it.
package logseed

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Options says what the month is like. The zero value is 10,000 records of 1,000
// users over 30 days until the beginning of March 2026.
type Options struct {
	Records int
	Users   int
	Days    int
	End     time.Time
	Seed    uint64 // of what is chosen by chance; equal ones give equal logs, but for the IDs
}

func (o Options) withDefaults() Options {
	o.Records = cmp.Or(o.Records, 10_000)
	o.Users = cmp.Or(o.Users, 1000)
	o.Days = cmp.Or(o.Days, 30)
	if o.End.IsZero() {
		o.End = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	return o
}

// Log is what there is to look for in the log that Fill has written.
type Log struct {
	Since, Until time.Time
	// Busy is the user with a tenth of all records. The others have shares that
	// fall off: Usual has one in a thousand or so.
	Busy, Usual gatehouse.Subject
	// Middle is a record in the middle of the log, and Early one near its
	// beginning: of a failed login of Busy.
	Middle, Early gatehouse.Record
	// Finding is the record of a finding somewhere in the last days, with all
	// that a rule leaves behind.
	Finding gatehouse.Record
}

// batch is how many records are appended at once, and writers how many batches:
// while one is being committed the next ones are prepared.
const (
	batch   = 10_000
	writers = 3
)

// Fill appends records to the end of a journal, oldest first but for neighbours.
func Fill(ctx context.Context, j gatehouse.Journal, o Options) (Log, error) {
	o = o.withDefaults()
	m := newMonth(o)
	out := Log{Since: m.since, Until: o.End, Busy: m.people[0], Usual: m.people[min(50, len(m.people)-1)]}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []gatehouse.Record)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for b := range batches {
				if err := j.Append(ctx, b...); err != nil {
					cancel(err)
				}
			}
		})
	}
	for n := 0; n < o.Records && ctx.Err() == nil; {
		b := make([]gatehouse.Record, 0, batch+4)
		for len(b) < min(batch, o.Records-n) {
			b = append(b, m.next(float64(n+len(b))/float64(o.Records))...)
		}
		b = b[:min(len(b), o.Records-n)]
		out.note(b, n, o.Records)
		n += len(b)
		batches <- b
	}
	close(batches)
	wg.Wait()
	return out, context.Cause(ctx)
}

// note picks out what is worth looking for.
func (l *Log) note(b []gatehouse.Record, n, of int) {
	busy := func(r gatehouse.Record) bool { return r.User == l.Busy.User && r.Kind == gatehouse.LoginFailed }
	early := func(at *gatehouse.Record, from int) {
		if i := slices.IndexFunc(b, busy); at.ID == "" && n >= from && i >= 0 {
			*at = b[i]
		}
	}
	early(&l.Early, of/50)
	early(&l.Middle, of/2)
	if i := slices.IndexFunc(b, func(r gatehouse.Record) bool { return r.Finding != nil }); i >= 0 && (n <= of*29/30 || l.Finding.ID == "") {
		l.Finding = b[i]
	}
}

// pick returns one of list, the first ones far more often.
func pick[T any](r *rand.Rand, list []T) T {
	u := r.Float64()
	return list[int(u*u*u*float64(len(list)))]
}
