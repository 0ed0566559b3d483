package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/redis"
)

// gatehouse opens our own client, and waits until it is connected.
func (s *redisServer) gatehouse() *redis.Client {
	c := must(redis.Open(s.url(), redis.Options{Timeout: 10 * time.Second}))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := c.Ping(context.Background())
		if err == nil {
			return c
		}
		if time.Now().After(deadline) {
			panic(err)
		}
	}
}

// gatehouseInRedis is ours. Besides counting it looks up whether the address is
// blocked, among 1,000 that are, which none of those who come is.
func gatehouseInRedis(goals []goal) redisWay {
	return redisWay{name: "gatehouse", role: ours, goals: goals, open: func(s *redisServer) (func(*client) error, func()) {
		ctx, c := context.Background(), s.gatehouse()
		blocks := redis.NewBlocks(c, redis.BlocksOptions{})
		at := time.Now()
		for i := range 1000 {
			addr := addr4(192<<24 | 2<<8 | uint32(i)<<8)
			must(blocks.Place(ctx, gatehouse.Block{ID: gatehouse.NewID(at), Prefix: netip.PrefixFrom(addr, 32), Created: at, Until: at.Add(time.Hour)}))
		}
		windows := redis.NewWindows(c, redis.WindowsOptions{})
		return func(who *client) error {
				at := time.Now()
				if _, out, err := blocks.Blocked(ctx, who.addr, at); out || err != nil {
					return err
				}
				var hits [len(ruleLimits)]gatehouse.Hit
				for i := range hits {
					hits[i].Key, hits[i].Limit = who.keys[i], ruleLimits[i]
				}
				return windows.Hit(ctx, at, hits[:])
			}, func() {
				blocks.Close()
				c.Close()
			}
	}}
}

// attemptInRedis is what a wrong password costs: a place held, and then counted.
var attemptInRedis = redisWay{name: "gatehouse, Reserve and Settle", role: note, open: func(s *redisServer) (func(*client) error, func()) {
	ctx, c := context.Background(), s.gatehouse()
	windows := redis.NewWindows(c, redis.WindowsOptions{})
	return func(who *client) error {
		key, at := who.keys[0], time.Now()
		key[0]++ // another counter than that of Hit
		r, tally, err := windows.Reserve(ctx, at, key, ruleLimits[0], 0)
		if err != nil || tally.Over {
			return err
		}
		_, err = windows.Settle(ctx, at, r, gatehouse.Failed)
		return err
	}, func() { c.Close() }
}}

// oneInRedis counts a single thing, as each request to the login server does.
var oneInRedis = redisWay{name: "gatehouse, one counter", role: note, open: func(s *redisServer) (func(*client) error, func()) {
	ctx, c := context.Background(), s.gatehouse()
	windows := redis.NewWindows(c, redis.WindowsOptions{})
	return func(who *client) error {
		hits := [1]gatehouse.Hit{{Key: who.keys[0], Limit: ruleLimits[0]}}
		hits[0].Key[0] += 2
		return windows.Hit(ctx, time.Now(), hits[:])
	}, func() { c.Close() }
}}
