package main

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// callers is how many ask at the same time.
const callers = 64

// redisContenders are the ways to count four rules in Redis, after the floor.
// Each counts under names of its own, for the same clients.
func redisContenders(floors []redisWay, ofFloor, ofPeer goal) []redisWay {
	all := append(floors, gatehouseInRedis([]goal{ofFloor}), oneInRedis, attemptInRedis, gcraInRedis(ofPeer), slidingInRedis(ofPeer))
	if peers == nil {
		return all
	}
	return append(append(all, byHandInRedis...), redisPeers...)
}

// redisLatency: four counters in Redis, for one caller: how long a decision
// takes, and what the server does for it. Server and client have cores of their
// own: most of a round trip on loopback is the time that a sleeping core takes to
// wake, which depends on who else is awake.
func redisLatency(cfg config) []result {
	const perTurn = 200
	turns := 10 * cfg.rounds
	s := startRedis()
	defer s.stop()
	defer pinApart(s.cmd.Process.Pid)()
	return inRedis(s, turns*perTurn/4, redisContenders([]redisWay{pingRedis}, goal{maxOfFloor: 1.2}, goal{maxOfPeer: 1}), turns, func(count func(*client) error, next func() *client) (turn, error) {
		var t turn
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range perTurn {
			who := next()
			start := time.Now()
			if err := count(who); err != nil {
				return t, err
			}
			t.took = append(t.took, float64(time.Since(start).Nanoseconds())/1000)
		}
		runtime.ReadMemStats(&after)
		t.done, t.mallocs = perTurn, float64(after.Mallocs-before.Mallocs)
		return t, nil
	}, func(t turn, w work) (float64, string, []figure) {
		slices.Sort(t.took)
		return median(t.took), "us", []figure{
			{"p99 us", t.took[len(t.took)*99/100]},
			{"commands", w.commands / t.done},
			{"trips", w.reads / t.done},
			{"bytes", w.bytes / t.done},
		}
	})
}

// redisThroughput: the same from 64 callers: decisions a second, and how many
// the server could do if it had a core to itself and nothing to wait for.
func redisThroughput(cfg config) []result {
	const span = 150 * time.Millisecond
	s := startRedis()
	defer s.stop()
	return inRedis(s, cfg.keys/10, redisContenders([]redisWay{pingEach, pingPiped}, goal{minOfFloor: 0.8}, goal{minOfPeer: 1}), 3*cfg.rounds, func(count func(*client) error, next func() *client) (turn, error) {
		var t turn
		var wg sync.WaitGroup
		var done atomic.Int64
		var failed atomic.Pointer[error]
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range callers {
			wg.Go(func() {
				n := 0
				for ; time.Since(start) < span; n++ {
					if err := count(next()); err != nil {
						failed.Store(&err)
						break
					}
				}
				done.Add(int64(n))
			})
		}
		wg.Wait()
		t.done = float64(done.Load())
		t.took = []float64{t.done / time.Since(start).Seconds()}
		runtime.ReadMemStats(&after)
		t.mallocs = float64(after.Mallocs - before.Mallocs)
		return t, *cmp.Or(failed.Load(), new(error))
	}, func(t turn, w work) (float64, string, []figure) {
		return median(t.took), perSecond, []figure{
			{"commands", w.commands / t.done},
			{"reads", w.reads / t.done},
			{"server us", 1e6 * w.cpu / t.done},
			{"per core and s", t.done / w.cpu},
		}
	})
}

// turn is what a contender did when it was its turn, or in all of them.
type turn struct {
	done    float64 // decisions
	took    []float64
	mallocs float64
}

// inRedis lets the ways take turns, all on one server, and sums up. Clients come
// one after the other, so that nearly all decisions count: what refuses is
// cheaper.
func inRedis(s *redisServer, clientele int, all []redisWay, turns int,
	run func(count func(*client) error, next func() *client) (turn, error),
	sum func(turn, work) (float64, string, []figure),
) []result {
	clients, _ := newWorld(clientele, 0)
	counts := make([]func(*client) error, len(all))
	places := make([]atomic.Uint32, len(all))
	for i, way := range all {
		count, done := way.open(s)
		counts[i] = count
		defer done()
	}
	totals, works := make([]turn, len(all)), make([]work, len(all))
	for round := -1; round < turns; round++ { // one to get warm
		for i := range all {
			next := func() *client { return &clients[int(places[i].Add(1))%len(clients)] }
			before := s.work()
			t := must(run(counts[i], next))
			if round < 0 {
				continue
			}
			works[i].add(s.work().since(before))
			totals[i].done += t.done
			totals[i].mallocs += t.mallocs
			totals[i].took = append(totals[i].took, t.took...)
		}
	}
	rows := make([]result, len(all))
	for i, way := range all {
		value, unit, more := sum(totals[i], works[i])
		rows[i] = result{Name: way.name, Role: way.role, goals: way.goals, Unit: unit, Value: value, Allocs: totals[i].mallocs / totals[i].done, More: more}
	}
	return rows
}
