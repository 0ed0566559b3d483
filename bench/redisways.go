package main

import (
	"context"
	"strconv"
	"time"

	"github.com/go-redis/redis_rate/v10"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"
)

// redisWay is one way to count in Redis. open returns a function that counts
// one occurrence for each of the keys and their limits; it may be called from
// several goroutines.
type redisWay struct {
	name  string
	role  role
	goals []goal
	open  func(*redisServer) (count func(*client) error, done func())
}

// The ways by hand all count fixed windows, and none tells when there is room
// again but by the time to live: they are what to be compared with in speed.
var (
	pingRedis     = redisWay{name: "PING", role: floor, open: ping}
	pingEach      = redisWay{name: "PING, a connection each", role: floor, open: pingGoRedis}
	pingPiped     = redisWay{name: "PING, pipelined", role: note, open: ping}
	simpleScript  = redisWay{name: "one simple script", role: note, open: oneScript}
	twelveAtOnce  = redisWay{name: "12 pipelined commands", role: note, open: pipelined}
	twelveInTurn  = redisWay{name: "12 round trips", role: note, open: naive}
	likeRueidis   = redisWay{name: "as rueidislimiter (fixed window)", role: peer, open: rueidisLimiter}
	redisRate     = redisWay{name: "go-redis/redis_rate (GCRA)", role: peer, open: goRedisRate}
	ululeLimiter  = redisWay{name: "ulule/limiter (fixed window)", role: peer, open: ululeRedis}
	redisPeers    = []redisWay{likeRueidis, redisRate, ululeLimiter}
	byHandInRedis = []redisWay{simpleScript, twelveAtOnce, twelveInTurn}
)

// windowsMs holds the windows of the rules as arguments.
var windowsMs = func() (ms [len(ruleLimits)]string) {
	for i, l := range ruleLimits {
		ms[i] = strconv.FormatInt(l.Window.Milliseconds(), 10)
	}
	return ms
}()

func ping(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.connect(), context.Background()
	return func(*client) error { return c.Do(ctx, c.B().Ping().Build()).Error() }, c.Close
}

func pingGoRedis(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.goRedis(), context.Background()
	return func(*client) error { return c.Ping(ctx).Err() }, func() { c.Close() }
}

// goRedis has a connection for each of those who ask at the same time.
func (s *redisServer) goRedis() *goredis.Client {
	return goredis.NewClient(&goredis.Options{Addr: s.addr, PoolSize: callers})
}

// naive asks one thing after the other: count, see that it expires, and how
// long that takes.
func naive(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.connect(), context.Background()
	return func(who *client) error {
		for i := range who.keys {
			for _, cmd := range threeCommands(c, "naive:"+text(&who.keys[i]), i) {
				if err := c.Do(ctx, cmd).Error(); err != nil {
					return err
				}
			}
		}
		return nil
	}, c.Close
}

func pipelined(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.connect(), context.Background()
	return func(who *client) error {
		all := make(rueidis.Commands, 0, 3*len(who.keys))
		for i := range who.keys {
			cmds := threeCommands(c, "piped:"+text(&who.keys[i]), i)
			all = append(all, cmds[:]...)
		}
		for _, r := range c.DoMulti(ctx, all...) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	}, c.Close
}

func threeCommands(c rueidis.Client, key string, rule int) [3]rueidis.Completed {
	return [3]rueidis.Completed{
		c.B().Incr().Key(key).Build(),
		c.B().Pexpire().Key(key).Milliseconds(ruleLimits[rule].Window.Milliseconds()).Nx().Build(),
		c.B().Pttl().Key(key).Build(),
	}
}

// oneScript counts all four in one script, and no more.
func oneScript(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.connect(), context.Background()
	script := rueidis.NewLuaScript(`
local counts = {}
for i, key in ipairs(KEYS) do
	counts[i] = redis.call('INCR', key)
	if counts[i] == 1 then redis.call('PEXPIRE', key, ARGV[i]) end
end
return counts`)
	return func(who *client) error {
		keys := make([]string, len(who.keys))
		for i := range who.keys {
			keys[i] = "script:" + text(&who.keys[i])
		}
		_, err := script.Exec(ctx, c, keys, windowsMs[:]).AsIntSlice()
		return err
	}, c.Close
}

// rueidisLimiter asks once for each rule.
func rueidisLimiter(s *redisServer) (func(*client) error, func()) {
	c := s.connect()
	limit := likeRueidisLimiter(c)
	return func(who *client) error {
		for i := range who.keys {
			if err := limit(text(&who.keys[i]), ruleLimits[i].Window); err != nil {
				return err
			}
		}
		return nil
	}, c.Close
}

// likeRueidisLimiter has a script run the commands that rueidislimiter has its
// own run: the module itself could not be had where this was written.
func likeRueidisLimiter(c rueidis.Client) func(key string, window time.Duration) error {
	ctx := context.Background()
	script := rueidis.NewLuaScript(`
local ends = tonumber(redis.call('GET', KEYS[2]))
if not ends or ends < tonumber(ARGV[2]) then
	ends = tonumber(ARGV[1])
	redis.call('SET', KEYS[1], 0, 'PXAT', ends + 1000)
	redis.call('SET', KEYS[2], ends, 'PXAT', ends + 1000)
end
return {redis.call('INCRBY', KEYS[1], 1), ends}`)
	return func(key string, window time.Duration) error {
		name, now := "rueidislimiter:{"+key+"}", time.Now()
		ends, at := now.Add(window).UnixMilli(), now.UnixMilli()
		_, err := script.Exec(ctx, c, []string{name, name + ":ex"}, []string{strconv.FormatInt(ends, 10), strconv.FormatInt(at, 10)}).AsIntSlice()
		return err
	}
}

func goRedisRate(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.goRedis(), context.Background()
	l := redis_rate.NewLimiter(c)
	return func(who *client) error {
		for i := range who.keys {
			limit := redis_rate.Limit{Rate: ruleLimits[i].Threshold, Burst: ruleLimits[i].Threshold, Period: ruleLimits[i].Window}
			if _, err := l.Allow(ctx, text(&who.keys[i]), limit); err != nil {
				return err
			}
		}
		return nil
	}, func() { c.Close() }
}

func ululeRedis(s *redisServer) (func(*client) error, func()) {
	c, ctx := s.goRedis(), context.Background()
	store := must(ululeredis.NewStoreWithOptions(c, limiter.StoreOptions{Prefix: "ulule"}))
	var all [len(ruleLimits)]*limiter.Limiter
	for i, l := range ruleLimits {
		all[i] = limiter.New(store, limiter.Rate{Period: l.Window, Limit: int64(l.Threshold)})
	}
	return func(who *client) error {
		for i := range who.keys {
			if _, err := all[i].Get(ctx, text(&who.keys[i])); err != nil {
				return err
			}
		}
		return nil
	}, func() { c.Close() }
}
