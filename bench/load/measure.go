package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// round is one turn of one server.
type round struct {
	answers    []answer
	throughput float64 // answers a second
	p50, p99   time.Duration
	spent      spent
}

// cpu is that of the server for each request, in milliseconds.
func (r round) cpu() float64 { return ms(r.spent.server) / float64(len(r.answers)) }

// spent is CPU time.
type spent struct{ server, redis, postgres time.Duration }

// cell is a scenario at a server.
type cell struct {
	node          *node
	target        *target
	rounds        []round
	before, after int // resident bytes
}

// measure runs everything, and leaves what was measured in the report when it
// fails.
func measure(ctx context.Context, o options, r *report, progress io.Writer) (err error) {
	chosen := slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool { return !strings.Contains(s.name, o.only) })
	for _, store := range []string{"embedded", "shared"} {
		if !strings.Contains(store, o.stores) {
			continue
		}
		if err := measureStore(ctx, o, store, chosen, r, progress); err != nil {
			return fmt.Errorf("%s: %w", store, err)
		}
	}
	return nil
}

func measureStore(ctx context.Context, o options, store string, chosen []scenario, r *report, progress io.Writer) (err error) {
	fmt.Fprintf(progress, "%s: starting servers\n", store)
	s, err := newStand(ctx, o)
	defer func() { err = errors.Join(err, s.end()) }()
	if err == nil && store == "shared" {
		err = s.share(ctx)
	}
	if err != nil {
		return err
	}
	for _, argon := range []bool{false, true} {
		group := slices.DeleteFunc(slices.Clone(chosen), func(c scenario) bool { return c.argon != argon })
		if len(group) == 0 {
			continue
		}
		variants := steps
		if argon {
			variants = ends
		}
		for _, v := range variants {
			if _, err := s.start(ctx, v, argon); err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
		}
		nodes := slices.Clone(s.nodes)
		for _, c := range group {
			with := nodes
			switch {
			case store == "embedded" && c.floor:
				floor, err := s.floor()
				if err != nil {
					return err
				}
				with = append([]*node{floor}, nodes...)
			case store == "embedded": // the steps are to be shown where counters are in Redis
				with = []*node{nodes[0], nodes[len(nodes)-1]}
			}
			if err := s.measureScenario(ctx, store, c, with, r, progress); err != nil {
				return err
			}
		}
		if err := s.endNodes(); err != nil {
			return err
		}
	}
	return nil
}

// measureScenario finds the rate with the last server, on which everything is
// switched on, and lets all take turns at it.
func (s *stand) measureScenario(ctx context.Context, store string, c scenario, nodes []*node, r *report, progress io.Writer) error {
	cells := make([]cell, len(nodes))
	for i, n := range nodes {
		cells[i] = cell{node: n, target: c.load(n)}
	}
	most, answers, err := capacity(ctx, s.o, cells[len(cells)-1].target, s.o.probe)
	if err == nil {
		err = unexpected(c, answers)
	}
	if err != nil {
		return err
	}
	rate := cmp.Or(s.o.rate, max(1, int(most*s.o.part)))
	fmt.Fprintf(progress, "%s: %s: %.0f/s saturated, measured at %d/s\n", store, c.name, most, rate)
	for i := range cells {
		warm, _, err := fire(ctx, s.o, cells[i].target, rate, s.o.warmUp)
		if err != nil {
			return err
		}
		if err := unexpected(c, warm); err != nil {
			return fmt.Errorf("%s: %w", nodes[i].name, err)
		}
	}
	rounds := turns(s.o.duration, rate)
	for turn := range rounds {
		for i := range cells {
			// Nobody always comes after the same one.
			cell := &cells[(i*(1-2*(turn%2))+turn+len(cells)*2)%len(cells)]
			if err := s.turn(ctx, c, cell, rate, s.o.duration/time.Duration(rounds)); err != nil {
				return fmt.Errorf("%s: %w", cell.node.name, err)
			}
		}
	}
	r.add(store, c, rate, most, cells)
	return nil
}

// turns is how many rounds a duration is divided into: many, so that all servers
// suffer alike from whatever else happens on the machine, but not so many that a
// round has too few answers for a 99th percentile.
func turns(duration time.Duration, rate int) int {
	const enough = 200
	return max(5, min(20, int(duration.Seconds()*float64(rate)/enough)))
}

// turn is one round of one server.
func (s *stand) turn(ctx context.Context, c scenario, cell *cell, rate int, duration time.Duration) error {
	before, rss, err := s.usage(cell.node)
	if err != nil {
		return err
	}
	if len(cell.rounds) == 0 {
		cell.before = rss
	}
	answers, took, err := fire(ctx, s.o, cell.target, rate, duration)
	if err != nil {
		return err
	}
	after, rss, err := s.usage(cell.node)
	if err != nil {
		return err
	}
	cell.after = rss
	sorted := latencies(answers)
	cell.rounds = append(cell.rounds, round{
		answers: answers, throughput: float64(len(answers)) / took.Seconds(),
		p50: quantile(sorted, 0.50), p99: quantile(sorted, 0.99),
		spent: spent{after.server - before.server, after.redis - before.redis, after.postgres - before.postgres},
	})
	return unexpected(c, answers)
}

// usage reads what was spent on a server until now, and its resident bytes.
func (s *stand) usage(n *node) (spent, int, error) {
	p, err := readProcess(n.program.PID())
	if err != nil {
		return spent{}, 0, err
	}
	u := spent{server: p.own}
	if n.redisPID != 0 {
		if u.redis, err = family(n.redisPID); err != nil {
			return spent{}, 0, err
		}
		if u.postgres, err = family(s.postPID); err != nil {
			return spent{}, 0, err
		}
	}
	return u, p.rss, nil
}

func latencies(answers []answer) []time.Duration {
	l := make([]time.Duration, len(answers))
	for i, a := range answers {
		l[i] = a.latency
	}
	slices.Sort(l)
	return l
}
