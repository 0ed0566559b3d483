package main

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// Our rate limits, in the tables of redisrules.go: four limits of one client in
// one script. They refuse nothing here, so all is charged.
func gcraInRedis(g goal) redisWay {
	return ratesInRedis("gatehouse, rate limits (GCRA)", gatehouse.GCRA, g)
}

func slidingInRedis(g goal) redisWay {
	return ratesInRedis("gatehouse, rate limits (sliding window)", gatehouse.SlidingWindow, g)
}

func ratesInRedis(name string, algorithm gatehouse.Algorithm, g goal) redisWay {
	return redisWay{name: name, role: ours, goals: []goal{g}, open: func(s *redisServer) (func(*client) error, func()) {
		ctx, c := context.Background(), s.gatehouse()
		rates := redis.NewRates(c)
		return func(who *client) error {
			var takes [len(ruleLimits)]gatehouse.Take
			for i := range takes {
				takes[i] = gatehouse.Take{Key: who.keys[i], Limit: ruleLimits[i], Algorithm: algorithm}
				takes[i].Key[15] ^= byte(algorithm) // keys of their own
			}
			return rates.Take(ctx, time.Now(), takes[:])
		}, func() { c.Close() }
	}}
}
