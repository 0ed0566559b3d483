package redis_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/redis/rueidis"
)

// taken opens some nodes and has the first hold every place of a key.
func taken(t *testing.T, n int, url string) (*nodes, gatehouse.Key, []gatehouse.Reservation) {
	t.Helper()
	ns, key := openNodes(t, n, url), randomKeys(1)[0]
	var held []gatehouse.Reservation
	for range five.Threshold {
		r, _, err := ns.all[0].Reserve(context.Background(), time.Now(), key, five, 0)
		if err != nil || r.ID == 0 {
			t.Fatalf("Reserve: %+v, %v", r, err)
		}
		held = append(held, r)
	}
	return ns, key, held
}

// waiters returns how many wait for a key.
func waiters(t *testing.T, server *testserver.RedisServer, key gatehouse.Key) int {
	t.Helper()
	n, err := strconv.Atoi(server.Call(t, "EVAL", `
		local v = redis.call('GET', KEYS[1])
		if not v or string.byte(v) ~= 2 then return 0 end
		local held, waiting = struct.unpack('>I2I2', v, 2)
		return waiting`, "1", "gatehouse:w1:"+string(key[:])))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Messages that tell waiters of their turn are lost whenever the connection is,
// and the waiters find out by themselves.
func TestLostMessages(t *testing.T) {
	server := testserver.Redis(t)
	ns, key, held := taken(t, 3, server.URL)
	var granted atomic.Int32
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			r, _, err := ns.Reserve(context.Background(), time.Now(), key, five, 30*time.Second)
			if err != nil || r.ID == 0 {
				t.Errorf("Reserve: %+v, %v", r, err)
				return
			}
			granted.Add(1)
			if _, err := ns.Settle(context.Background(), time.Now(), r, gatehouse.Succeeded); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, func() bool { return waiters(t, server, key) == 30 })
	server.Call(t, "CLIENT", "KILL", "TYPE", "pubsub")
	for _, r := range held { // nobody hears of these
		if _, err := ns.Settle(context.Background(), time.Now(), r, gatehouse.Abandoned); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	wg.Wait()
	if granted.Load() != 30 || time.Since(start) > 10*time.Second {
		t.Errorf("%d of 30 were granted after %v", granted.Load(), time.Since(start))
	}
}

// A node that dies takes those who wait there with it, and is in nobody's way.
func TestDeadNodeIsPassedOver(t *testing.T) {
	server := testserver.Redis(t)
	ns, key, held := taken(t, 1, server.URL)
	c := openClient(t, server.URL, redis.Options{})
	dying := redis.NewWindows(c, redis.WindowsOptions{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := dying.Reserve(context.Background(), time.Now(), key, five, time.Minute); !errors.Is(err, gatehouse.ErrUnavailable) {
				t.Errorf("on a node that dies: %v", err)
			}
		})
	}
	until(t, func() bool { return waiters(t, server, key) == 8 })
	c.Close()
	wg.Wait()
	alive := make(chan error, 1)
	go func() {
		r, _, err := ns.Reserve(context.Background(), time.Now(), key, five, time.Minute)
		if err == nil && r.ID == 0 {
			err = errors.New("refused")
		}
		alive <- err
	}()
	until(t, func() bool { return waiters(t, server, key) == 9 })
	<-time.After(3100 * time.Millisecond) // as long as one that is silent counts as alive
	start := time.Now()
	if _, err := ns.Settle(context.Background(), time.Now(), held[0], gatehouse.Abandoned); err != nil {
		t.Fatal(err)
	}
	if err := <-alive; err != nil || time.Since(start) > time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

func TestTooManyWait(t *testing.T) {
	server := testserver.Redis(t)
	_, key, _ := taken(t, 1, server.URL)
	w := redis.NewWindows(openClient(t, server.URL, redis.Options{}), redis.WindowsOptions{MaxWaiters: 2})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, _, err := w.Reserve(ctx, time.Now(), key, five, time.Minute); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
	until(t, func() bool { return waiters(t, server, key) == 2 })
	if _, _, err := w.Reserve(ctx, time.Now(), key, five, time.Minute); !errors.Is(err, gatehouse.ErrBusy) {
		t.Errorf("the third: %v", err)
	}
	cancel()
	wg.Wait()
	until(t, func() bool { return waiters(t, server, key) == 0 })
}

// Whatever was done, each key ends by itself, and shows only the hash that it
// was given.
func TestKeysExpire(t *testing.T) {
	server := testserver.Redis(t)
	ns := openNodes(t, 2, server.URL)
	ctx := context.Background()
	now := time.Now()
	known := map[string]bool{}
	for i, key := range randomKeys(200) {
		known["gatehouse:w1:"+string(key[:])] = true
		limit := gatehouse.Limit{Threshold: 1 + i%7, Window: time.Minute}
		for n := range i % 10 {
			hits := []gatehouse.Hit{{Key: key, Limit: limit}}
			if err := ns.Hit(ctx, now.Add(time.Duration(n*n)*time.Second), hits); err != nil {
				t.Fatal(err)
			}
		}
		for n := range i % 5 {
			r, _, err := ns.Reserve(ctx, now, key, limit, 0)
			if err == nil && n%2 == 0 {
				_, err = ns.Settle(ctx, now, r, gatehouse.Outcome(1+i%3))
			}
			if err != nil && !errors.Is(err, gatehouse.ErrBusy) {
				t.Fatal(err)
			}
		}
		if i%11 == 0 {
			if err := ns.Forget(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
	}
	option, err := rueidis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	plain, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	keys, err := plain.Do(ctx, plain.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) < 100 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		ms, err := plain.Do(ctx, plain.B().Pttl().Key(key).Build()).AsInt64()
		if err != nil || ms <= 0 || ms > 611_000 || !known[key] {
			t.Errorf("%s lives for %d ms, %v", hex.EncodeToString([]byte(strings.TrimPrefix(key, "gatehouse:w1:"))), ms, err)
		}
	}
}

// When a master is killed and its replica takes over, its keys are counted again
// within seconds, those of the others all the time, and no call takes long.
func TestMasterKilled(t *testing.T) {
	cluster := testserver.RedisClusterWithReplica(t)
	const timeout = 200 * time.Millisecond
	noLeaks(t)
	w := redis.NewWindows(openClient(t, cluster.URL, redis.Options{Timeout: timeout}), redis.WindowsOptions{})
	keys := randomKeys(60)
	all := func() (counted int) {
		stalled := stalls(t)
		var most time.Duration
		for _, key := range keys {
			start := time.Now()
			_, err := hitOne(w, key)
			most = max(most, time.Since(start))
			if err == nil {
				counted++
			} else if !errors.Is(err, gatehouse.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if stall := stalled(); most > 2*timeout+stall {
			t.Errorf("a call took %v, with a timeout of %v and a stall of %v", most, timeout, stall)
		}
		return counted
	}
	until(t, func() bool { return all() == len(keys) })
	cluster.Nodes[0].Kill()
	start := time.Now()
	if counted := all(); counted == len(keys) {
		t.Fatal("nothing was on the master that was killed")
	}
	for all() < len(keys) {
		if time.Since(start) > 30*time.Second {
			t.Fatal("no recovery within 30 s")
		}
	}
	t.Logf("recovered after %v", time.Since(start))
}
