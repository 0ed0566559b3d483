package redis_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestBlocks(t *testing.T) {
	server := testserver.Redis(t)
	storetest.Blocks(t, oneAtATime(server.URL))
}

func TestBlocksInACluster(t *testing.T) {
	cluster := testserver.RedisCluster(t)
	storetest.Blocks(t, oneAtATime(cluster.URL))
}

// oneAtATime closes a store when the suite asks for the next.
func oneAtATime(url string) func(t *testing.T) gatehouse.Blocks {
	var last *node
	return func(t *testing.T) gatehouse.Blocks {
		if last != nil {
			last.close()
		}
		last = openNode(t, url, ownPrefix())
		return last.Blocks
	}
}

// node is one of several that share a Redis.
type node struct {
	*redis.Blocks
	client *redis.Client
	states chan error
}

// openNode returns a node that is synchronised.
func openNode(t testing.TB, url, prefix string) *node {
	t.Helper()
	n := startNode(t, url, prefix)
	n.wantState(t, true)
	eventually(t, "a connection", func() bool { return n.client.Ping(t.Context()) == nil })
	return n
}

func startNode(t testing.TB, url, prefix string) *node {
	t.Helper()
	client, err := redis.Open(url, redis.Options{Prefix: prefix, Timeout: testTimeout})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{client: client, states: make(chan error, 1000)}
	n.Blocks = redis.NewBlocks(client, redis.BlocksOptions{OnState: func(err error) { n.states <- err }})
	t.Cleanup(n.close)
	return n
}

func (n *node) close() {
	n.Blocks.Close()
	n.client.Close()
}

// testTimeout is longer than the default, for machines that do much at once.
const testTimeout = time.Second

// wantState waits until the node is told that it is synchronised, or is not.
func (n *node) wantState(t testing.TB, synchronised bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case err := <-n.states:
			if (err == nil) == synchronised {
				return
			}
		case <-limit:
			t.Fatalf("synchronised is not %v in time; the state is: %v", synchronised, n.State())
		}
	}
}

func (n *node) blocked(t testing.TB, ip string) bool {
	t.Helper()
	_, ok, err := n.Blocked(context.Background(), netip.MustParseAddr(ip), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// eventually waits until something is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	limit, again := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("%s: not in time", what)
		}
	}
}

var prefixes atomic.Int64

// ownPrefix lets tests share a server.
func ownPrefix() string { return fmt.Sprintf("test%d", prefixes.Add(1)) }

func hourBlock(id, prefix string) gatehouse.Block {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return gatehouse.Block{ID: id, Prefix: netip.MustParsePrefix(prefix), Reason: "test", By: "gatehouse", Created: now, Until: now.Add(time.Hour)}
}

// redisKey is the key of the network 192.0.2.0/24, as documented.
func redisKey(t testing.TB, server *testserver.RedisServer, prefix string) string {
	t.Helper()
	for i := range 256 {
		key := fmt.Sprintf("%s:block:{%02x}192.0.2.0/24", prefix, i)
		if server.Call(t, "EXISTS", fmt.Sprintf("%s:blocks:{%02x}", prefix, i)) == "1" {
			return key
		}
	}
	return prefix + ":none"
}

// indexOf is the key of the index that lists a block.
func indexOf(key string) string {
	before, _, _ := strings.Cut(key, "}")
	return strings.Replace(before, ":block:", ":blocks:", 1) + "}"
}
