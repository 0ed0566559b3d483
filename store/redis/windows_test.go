package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

// patient is a timeout for tests on a machine that does much at once.
const patient = 2 * time.Second

// openClient returns a client that has a connection.
func openClient(t testing.TB, url string, o redis.Options) *redis.Client {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patient
	}
	c, err := redis.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	until(t, func() bool { return c.Ping(context.Background()) == nil })
	return c
}

// until waits for something to become true.
func until(t testing.TB, ok func() bool) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-timeout:
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// nodes is several nodes that share counters: each call goes to the next one.
type nodes struct {
	all  []gatehouse.Windows
	next chan int
}

func openNodes(t testing.TB, n int, url string) *nodes {
	ns := &nodes{next: make(chan int, 1)}
	for range n {
		ns.all = append(ns.all, redis.NewWindows(openClient(t, url, redis.Options{}), redis.WindowsOptions{}))
	}
	ns.next <- 0
	return ns
}

func (ns *nodes) one() gatehouse.Windows {
	i := <-ns.next
	ns.next <- (i + 1) % len(ns.all)
	return ns.all[i]
}

func (ns *nodes) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	return ns.one().Hit(ctx, at, hits)
}

func (ns *nodes) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	return ns.one().Reserve(ctx, at, key, limit, wait)
}

func (ns *nodes) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, o gatehouse.Outcome) (gatehouse.Tally, error) {
	return ns.one().Settle(ctx, at, r, o)
}

func (ns *nodes) Forget(ctx context.Context, keys ...gatehouse.Key) error {
	return ns.one().Forget(ctx, keys...)
}

func TestWindows(t *testing.T) {
	server := testserver.Redis(t)
	w := redis.NewWindows(openClient(t, server.URL, redis.Options{}), redis.WindowsOptions{})
	storetest.Windows(t, func(*testing.T) gatehouse.Windows { return w })
}

func TestWindowsOfSeveralNodes(t *testing.T) {
	server := testserver.Redis(t)
	ns := openNodes(t, 2, server.URL)
	ns.all = append(ns.all, openNodes(t, 1, server.URL+"?protocol=2").all...) // RESP2
	storetest.Windows(t, func(*testing.T) gatehouse.Windows { return ns })
}

func TestWindowsInACluster(t *testing.T) {
	cluster := testserver.RedisCluster(t)
	ns := openNodes(t, 2, cluster.URL)
	storetest.ShardedWindows(t, func(*testing.T) gatehouse.Windows { return ns })
}
