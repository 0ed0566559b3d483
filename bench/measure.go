package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// contender is one way to do the work of a section, which is one operation for
// each T. make returns a function that does it for all of them; it may be
// called from several goroutines if the contender is used in a parallel
// section.
type contender[T any] struct {
	name  string
	role  role
	goals []goal
	make  func(config) (run func([]T), done func())
}

// interleaved measures ns for each operation, the contenders taking turns, on
// the items that seq names. They are laid out in that order beforehand: who
// asks about a login has its key at hand. Every item is used once before.
func interleaved[T any](cfg config, items []T, seq []uint32, workers int, all []contender[T]) []result {
	runs := make([]func([]T), len(all))
	each := gather(items, everyKey(len(items)))
	for i, c := range all {
		run, done := c.make(cfg)
		defer done()
		runs[i] = run
		run(each)
	}
	times := make([][]float64, len(all))
	mallocs := make([][]float64, len(all))
	for round := -1; round < cfg.rounds; round++ { // one to get warm
		part := gather(items, seq[(round+1)*cfg.ops%(len(seq)-cfg.ops+1):][:cfg.ops])
		for i := range all {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			inParallel(workers, part, runs[i])
			ns := float64(time.Since(start).Nanoseconds())
			runtime.ReadMemStats(&after)
			if round < 0 {
				continue
			}
			times[i] = append(times[i], ns/float64(len(part)))
			mallocs[i] = append(mallocs[i], float64(after.Mallocs-before.Mallocs)/float64(len(part)))
		}
	}
	rows := make([]result, len(all))
	for i, c := range all {
		rows[i] = result{Name: c.name, Role: c.role, goals: c.goals, Unit: "ns", Value: median(times[i]), Allocs: median(mallocs[i])}
	}
	return rows
}

func gather[T any](items []T, seq []uint32) []T {
	part := make([]T, len(seq))
	for i, n := range seq {
		part[i] = items[n]
	}
	return part
}

func inParallel[T any](workers int, part []T, run func([]T)) {
	if workers == 1 {
		run(part)
		return
	}
	var wg sync.WaitGroup
	n := len(part) / workers
	for i := range workers {
		wg.Go(func() { run(part[i*n : (i+1)*n]) })
	}
	wg.Wait()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// everyKey returns the numbers below n, shuffled.
func everyKey(n int) []uint32 {
	all := make([]uint32, n)
	for i := range all {
		all[i] = uint32(i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// zipf draws n numbers below keys, the smaller far more often: s = 1.01.
func zipf(keys, n int) []uint32 {
	r := rand.New(rand.NewPCG(3, 4))
	z := rand.NewZipf(r, 1.01, 1, uint64(keys-1))
	seq := make([]uint32, n)
	for i := range seq {
		seq[i] = uint32(z.Uint64())
	}
	return seq
}

// clock is a coarse one: it is read once in a thousand calls.
type clock struct {
	at time.Time
	n  int
}

func (c *clock) now() time.Time {
	if c.n--; c.n < 0 {
		c.n, c.at = 1000, time.Now()
	}
	return c.at
}
