package e2e_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testserver"
)

// patient is a configuration in which no number of requests is too many.
const patient = "rules: {bot_activity: {enabled: false}, rapid_signup: {enabled: false}}\n"

// cluster is several nodes that share a Redis and a PostgreSQL of their own.
type cluster struct {
	nodes    []*server
	redis    *testserver.RedisServer
	database string
	config   string // of each node, but for its name
}

// startCluster runs n nodes with more configuration, on a Redis of their own and a
// database of a PostgreSQL that other tests use as well.
func startCluster(t *testing.T, n int, config string, deadline time.Duration) *cluster {
	t.Helper()
	redis := testserver.Redis(t)
	c := startClusterOn(t, n, config, redis.URL, deadline, testserver.SharedPostgres(t).Database(t))
	c.redis = redis
	return c
}

func startClusterOn(t *testing.T, n int, config, redis string, deadline time.Duration, database string) *cluster {
	t.Helper()
	c := &cluster{database: database}
	c.config = cheapHash + proxied + sharing(redis, deadline, database, filepath.Join(t.TempDir(), "keys.pem")) + config
	for i := range n {
		c.nodes = append(c.nodes, start(t, c.config+fmt.Sprintf("node: node-%d\n", i+1)))
	}
	return c
}

// How long the nodes wait for Redis. Where nothing is to fail, a machine that has
// too much to do must not look like a failure.
const (
	byDefault    = 50 * time.Millisecond
	nothingFails = 5 * time.Second
)

// sharing is the configuration of a node that shares its stores.
func sharing(redis string, deadline time.Duration, postgres, keys string) string {
	return fmt.Sprintf("redis: {url: %q, timeout: %v}\npostgres: {url: %q}\nkeys_file: %q\n", redis, deadline, postgres, keys)
}

// statuses sends the calls at the same time, one after the other to each node in
// turn, and counts the answers by status.
func (c *cluster) statuses(t *testing.T, calls ...call) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var pending sync.WaitGroup
	got := map[int]int{}
	for i, one := range calls {
		node := c.nodes[i%len(c.nodes)]
		pending.Go(func() {
			a, err := node.try(t.Context(), one)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			got[a.status]++
		})
	}
	pending.Wait()
	return got
}

func repeated(n int, c call) []call {
	calls := make([]call, n)
	for i := range calls {
		calls[i] = c
	}
	return calls
}

// Wherever they are sent to, 64 guesses at once cost five verifications.
func TestClusterParallelWrongLogins(t *testing.T) {
	c := startCluster(t, 3, patient, nothingFails)
	for round := range rounds(100, 10) {
		email, from := fmt.Sprintf("ada%d@example.com", round), fmt.Sprintf("192.0.2.%d", round+1)
		c.nodes[0].signup(email)
		got := c.statuses(t, repeated(64, loginCall(email, "wrong", from))...)
		if got[http.StatusUnauthorized] != 5 || got[http.StatusTooManyRequests] != 59 {
			t.Fatalf("round %d: %v", round, got)
		}
	}
}

// Nobody is turned away because others who are right came at the same time.
func TestClusterParallelRightLogins(t *testing.T) {
	c := startCluster(t, 3, patient, nothingFails)
	for round := range rounds(100, 10) {
		email, from := fmt.Sprintf("ada%d@example.com", round), fmt.Sprintf("192.0.2.%d", round+1)
		c.nodes[0].signup(email)
		if got := c.statuses(t, repeated(64, loginCall(email, password, from))...); got[http.StatusOK] != 64 {
			t.Fatalf("round %d: %v", round, got)
		}
	}
}
