package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// contender is one way to do the work of a section. make returns a function
// that does it once for each number of seq, which name keys; it may be called
// from several goroutines if the contender is used in a parallel section.
type contender struct {
	name  string
	role  role
	goals []goal
	make  func(config) (run func(seq []uint32), done func())
}

// interleaved measures ns for each operation, the contenders taking turns.
// Every key is used once before.
func interleaved(cfg config, seq []uint32, workers int, all []contender) []result {
	runs := make([]func([]uint32), len(all))
	for i, c := range all {
		run, done := c.make(cfg)
		defer done()
		runs[i] = run
		run(everyKey(slices.Max(seq)))
	}
	times := make([][]float64, len(all))
	mallocs := make([][]float64, len(all))
	for round := range cfg.rounds {
		part := seq[round*cfg.ops%(len(seq)-cfg.ops+1):][:cfg.ops]
		for i := range all {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			inParallel(workers, part, runs[i])
			ns := float64(time.Since(start).Nanoseconds())
			runtime.ReadMemStats(&after)
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

func inParallel(workers int, seq []uint32, run func([]uint32)) {
	if workers == 1 {
		run(seq)
		return
	}
	var wg sync.WaitGroup
	n := len(seq) / workers
	for i := range workers {
		wg.Go(func() { run(seq[i*n : (i+1)*n]) })
	}
	wg.Wait()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// everyKey returns 0 to last, shuffled.
func everyKey(last uint32) []uint32 {
	all := make([]uint32, last+1)
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
	seq[0] = uint32(keys - 1) // so that the largest is in it
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
