package main

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/rueidis"
	"github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"
)

// redisBytes: what a counter of 5 in 5 minutes costs the server's memory, with
// its name, its time to live and its share of the tables, one occurrence counted
// or all five; and what MEMORY USAGE says of one of them, which leaves out the
// time to live and the table.
func redisBytes(cfg config) []result {
	keys, warm := newKeys(0, cfg.keys/5), newKeys(1, 1000)
	if cfg.quick {
		keys = keys[:cfg.keys/20]
	}
	s := startRedis()
	defer s.stop()

	var rows []result
	measure := func(name string, r role, times int, open func(*redisServer) (func(key string) error, func())) {
		must(0, s.do("FLUSHALL", "SYNC").Error())
		count, done := open(s)
		inTurns(len(warm), func(i int) error { return count(text(&warm[i])) }) // what connections need
		before := s.usedMemory()
		for range times {
			inTurns(len(keys), func(i int) error { return count(text(&keys[i])) })
		}
		grown := s.usedMemory() - before
		each := float64(must(s.do("MEMORY", "USAGE", must(s.do("RANDOMKEY").ToString())).AsInt64()))
		size := must(s.do("DBSIZE").AsInt64())
		done()
		rows = append(rows, result{Name: name, Role: r, Unit: "bytes", Value: grown / float64(len(keys)), More: []figure{
			{"MEMORY USAGE", each},
			{"names", float64(size) / float64(len(keys)+len(warm))},
		}})
	}
	measure("a string of 5 bytes that expires", floor, 1, plainSet)
	measure("gatehouse, 1 of 5", ours, 1, countInRedis)
	measure("gatehouse, 5 of 5", ours, 5, countInRedis)
	measure("a sorted set, 1 of 5", note, 1, sortedSet)
	measure("a sorted set, 5 of 5", note, 5, sortedSet)
	if peers == nil {
		return rows
	}
	measure(likeRueidis.name, peer, 1, func(s *redisServer) (func(string) error, func()) {
		c := s.connect()
		limit := likeRueidisLimiter(c)
		return func(key string) error { return limit(key, window) }, c.Close
	})
	measure(redisRate.name, peer, 1, func(s *redisServer) (func(string) error, func()) {
		c, ctx := s.goRedis(), context.Background()
		l := redis_rate.NewLimiter(c)
		return func(key string) error {
			_, err := l.Allow(ctx, key, redis_rate.Limit{Rate: threshold, Burst: threshold, Period: window})
			return err
		}, func() { c.Close() }
	})
	measure(ululeLimiter.name, peer, 1, func(s *redisServer) (func(string) error, func()) {
		c, ctx := s.goRedis(), context.Background()
		l := limiter.New(must(ululeredis.NewStoreWithOptions(c, limiter.StoreOptions{Prefix: "ulule"})), limiter.Rate{Period: window, Limit: threshold})
		return func(key string) error {
			_, err := l.Get(ctx, key)
			return err
		}, func() { c.Close() }
	})
	return rows
}

func countInRedis(s *redisServer) (func(string) error, func()) {
	c, ctx := s.gatehouse(), context.Background()
	w := redis.NewWindows(c, redis.WindowsOptions{})
	return func(name string) error {
		hits := []gatehouse.Hit{{Limit: counterLimit}}
		copy(hits[0].Key[:], name)
		return w.Hit(ctx, time.Now(), hits)
	}, func() { c.Close() }
}

func plainSet(s *redisServer) (func(string) error, func()) {
	c, ctx := s.connect(), context.Background()
	return func(key string) error {
		return c.Do(ctx, c.B().Set().Key("plain:"+key).Value("bytes").Px(window).Build()).Error()
	}, c.Close
}

// sortedSet keeps the timestamps as most descriptions of a sliding window do.
func sortedSet(s *redisServer) (func(string) error, func()) {
	c, ctx := s.connect(), context.Background()
	return func(key string) error {
		name, at := "sorted:"+key, time.Now()
		for _, r := range c.DoMulti(ctx,
			c.B().Zadd().Key(name).ScoreMember().ScoreMember(float64(at.UnixMilli()), rueidis.BinaryString(at.AppendFormat(nil, "05.000000"))).Build(),
			c.B().Pexpire().Key(name).Milliseconds(window.Milliseconds()).Build()) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	}, c.Close
}
