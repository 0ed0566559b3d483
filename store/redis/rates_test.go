package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// rateNodes is several nodes that share rate limits: each call goes to the next.
type rateNodes chan gatehouse.Rates

func openRateNodes(t *testing.T, n int, url string) rateNodes {
	nodes := make(rateNodes, n)
	for range n {
		nodes <- redis.NewRates(openClient(t, url, redis.Options{}))
	}
	return nodes
}

func (n rateNodes) Take(ctx context.Context, at time.Time, takes []gatehouse.Take) error {
	one := <-n
	n <- one
	return one.Take(ctx, at, takes)
}

func TestRates(t *testing.T) {
	nodes := openRateNodes(t, 3, testserver.Redis(t).URL)
	storetest.Rates(t, func(*testing.T) gatehouse.Rates { return nodes })
}

func TestRatesInACluster(t *testing.T) {
	nodes := openRateNodes(t, 2, testserver.RedisCluster(t).URL)
	storetest.ShardedRates(t, func(*testing.T) gatehouse.Rates { return nodes })
}

// Whatever is asked, no limit stays for much longer than it counts.
func TestRatesExpire(t *testing.T) {
	server := testserver.Redis(t)
	rates := redis.NewRates(openClient(t, server.URL, redis.Options{}))
	for i, key := range randomKeys(4) {
		one := []gatehouse.Take{{Key: key, Limit: gatehouse.Limit{Threshold: 3, Window: time.Minute}, Algorithm: gatehouse.Algorithm(i % 2)}}
		for n := range 8 { // to the limit, beyond it, and two to another limit
			one[0].Limit.Threshold = 3 - n/6*(i/2)
			if err := rates.Take(context.Background(), time.Now(), one); err != nil {
				t.Fatal(err)
			}
		}
	}
	const wrong = `local n = 0
for _, key in ipairs(redis.call('KEYS', 'gatehouse:r1:*')) do
  local ms = redis.call('PTTL', key)
  if ms > 0 and ms <= 70000 then n = n + 1 end
end
return n`
	if got := server.Call(t, "EVAL", wrong, "0"); got != "4" {
		t.Errorf("%s keys expire in time, want 4", got)
	}
}

// Keys of different slots are asked together, each slot deciding by itself.
func TestRatesOfSeveralSlots(t *testing.T) {
	rates := redis.NewRates(openClient(t, testserver.RedisCluster(t).URL, redis.Options{}))
	takes := make([]gatehouse.Take, 20)
	for i, key := range randomKeys(len(takes)) {
		takes[i] = gatehouse.Take{Key: key, Limit: gatehouse.Limit{Threshold: 1 + i, Window: time.Minute}}
	}
	for n := range len(takes) {
		if err := rates.Take(context.Background(), time.Now(), takes); err != nil {
			t.Fatal(err)
		}
		for i, take := range takes {
			if q := take.Quota; q.Over != (n > i) || q.Remaining != max(0, i-n) || q.Over != (q.RetryAfter > 0) {
				t.Fatalf("call %d, limit %d: %+v", n+1, i+1, q)
			}
		}
	}
}

func TestRatesWithoutServer(t *testing.T) {
	client, err := redis.Open("redis://127.0.0.1:1", redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	one := []gatehouse.Take{{Limit: gatehouse.Limit{Threshold: 1, Window: time.Minute}}}
	if err := redis.NewRates(client).Take(context.Background(), time.Now(), one); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
}
