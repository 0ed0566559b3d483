package redis_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
)

// What one node does, the others see.
func TestBlocksOnThreeNodes(t *testing.T) {
	urls := map[string]string{"one server": testserver.Redis(t).URL, "cluster": testserver.RedisCluster(t).URL}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			prefix := ownPrefix()
			nodes := []*node{openNode(t, url, prefix), openNode(t, url, prefix), openNode(t, url, prefix)}
			for i, n := range nodes {
				others := append(slices.Clone(nodes[:i]), nodes[i+1:]...)
				network := fmt.Sprintf("192.0.2.%d/28", 16*i)
				ip := fmt.Sprintf("192.0.2.%d", 16*i+5)
				must(n.Place(t.Context(), hourBlock("x", network)))
				for _, o := range others {
					eventually(t, "placed there", func() bool { return o.blocked(t, ip) })
				}
				must(others[0].Lift(t.Context(), netip.MustParsePrefix(network), time.Now()))
				for _, o := range nodes {
					eventually(t, "lifted there", func() bool { return !o.blocked(t, ip) })
				}
				if _, err := n.Lift(t.Context(), netip.MustParsePrefix(network), time.Now()); !errors.Is(err, gatehouse.ErrNotFound) {
					t.Errorf("lifting what another node has lifted: %v", err)
				}
			}
		})
	}
}

// 64 callers on three nodes place and lift the same blocks at once: no block is
// lifted twice, the latest end wins, and all nodes agree afterwards.
func TestBlocksInParallelOnThreeNodes(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	nodes := []*node{openNode(t, server.URL, prefix), openNode(t, server.URL, prefix), openNode(t, server.URL, prefix)}
	var (
		mu     sync.Mutex
		lifted = map[string]bool{}
		wg     sync.WaitGroup
	)
	start := time.Now().UTC().Truncate(time.Second)
	for caller := range 64 {
		wg.Go(func() {
			n := nodes[caller%len(nodes)]
			for i := range 10 {
				b := hourBlock(fmt.Sprintf("%d/%d", caller, i), fmt.Sprintf("192.0.2.%d/32", i))
				b.Created, b.Until = start, start.Add(time.Hour+time.Duration(caller)*time.Second)
				got, err := n.Place(t.Context(), b)
				if err != nil || got.Until.Before(b.Until) {
					t.Errorf("Place: %v, %v", got, err)
				}
				if caller%4 != 0 {
					continue
				}
				old, err := n.Lift(t.Context(), b.Prefix, start)
				if errors.Is(err, gatehouse.ErrNotFound) {
					continue
				}
				mu.Lock()
				if err != nil || lifted[old.ID] {
					t.Errorf("Lift: %q, %v; lifted before: %v", old.ID, err, lifted[old.ID])
				}
				lifted[old.ID] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for i := range 10 { // and once more, so that the end is known
		b := hourBlock("last", fmt.Sprintf("192.0.2.%d/32", i))
		b.Until = time.Time{}
		must(nodes[0].Place(t.Context(), b))
	}
	for _, n := range nodes {
		eventually(t, "all agree", func() bool {
			all := list(t, n)
			return len(all) == 10 && !slices.ContainsFunc(all, func(b gatehouse.Block) bool { return b.ID != "last" })
		})
	}
}

// Each key expires by itself, but that of a block without an end.
func TestBlockKeysExpire(t *testing.T) {
	server := testserver.Redis(t)
	life := func(key string) time.Duration {
		ms, err := strconv.ParseInt(server.Call(t, "PTTL", key), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(ms) * time.Millisecond
	}
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if got > want || got < want-time.Minute {
			t.Errorf("%s: its key lives for %v, want %v", what, got, want)
		}
	}
	prefix := ownPrefix()
	n := openNode(t, server.URL, prefix)
	network := netip.MustParsePrefix("192.0.2.0/24")
	index := func() string { return indexOf(redisKey(t, server, prefix)) }

	b := hourBlock("hour", "192.0.2.0/24")
	must(n.Place(t.Context(), b))
	near("an hour", life(redisKey(t, server, prefix)), 70*time.Minute)
	near("its index", life(index()), 70*time.Minute)
	must(n.Lift(t.Context(), network, time.Now()))
	near("lifted", life(redisKey(t, server, prefix)), 70*time.Minute)

	old := hourBlock("of the past", "192.0.2.0/24") // its times are data, and may be of any age
	old.Created, old.Until = old.Created.AddDate(-1, 0, 0), old.Until.AddDate(-1, 0, 0)
	must(n.Place(t.Context(), old))
	near("of the past", life(redisKey(t, server, prefix)), 70*time.Minute)

	b.Until = time.Time{}
	must(n.Place(t.Context(), b))
	if d := life(redisKey(t, server, prefix)); d >= 0 {
		t.Errorf("the key of a block without an end lives for %v", d)
	}
	if d := life(index()); d >= 0 {
		t.Errorf("its index lives for %v", d)
	}
	must(n.Lift(t.Context(), network, time.Now()))
	near("lifted for ever", life(redisKey(t, server, prefix)), 30*24*time.Hour)
	near("its index", life(index()), 30*24*time.Hour)
}

// What others have written under these names does no harm.
func TestHostileValues(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	n := openNode(t, server.URL, prefix)
	must(n.Place(t.Context(), hourBlock("x", "192.0.2.0/24")))
	key := redisKey(t, server, prefix)
	for _, value := range []string{
		"", "x", "null", "[]", "{}", `{"v":1}`, `{"v":1,"rev":99999999999999,"id":"y","ends":0,"block":{"prefix":"0.0.0.0/0"}}`,
		`{"v":1,"rev":-1,"id":"y","lifted":true}`, `{"v":"1"}`, `{"v":2,"rev":1}`, "\xff\x00", `{"v":1,"rev":1e300,"id":"y","lifted":true}`,
	} {
		server.Call(t, "SET", key, value)
		server.Call(t, "SET", key+"x", value)
	}
	server.Call(t, "DEL", key)
	server.Call(t, "LPUSH", key, "a list")
	fresh := openNode(t, server.URL, prefix)
	if len(list(t, fresh)) != 0 {
		t.Errorf("a new node has %v", list(t, fresh))
	}
	if _, err := n.Place(t.Context(), hourBlock("y", "192.0.2.0/24")); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Place where something else is: %v", err)
	}
	if !n.blocked(t, "192.0.2.1") {
		t.Error("the block was lost")
	}
	server.Call(t, "DEL", key)
	eventually(t, "given back", func() bool { return fresh.blocked(t, "192.0.2.1") })
}

// A value of a later version is neither read nor changed.
func TestLaterVersion(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	n := openNode(t, server.URL, prefix)
	must(n.Place(t.Context(), hourBlock("x", "192.0.2.0/24")))
	key, later := redisKey(t, server, prefix), `{"v":2,"rev":1,"id":"x","ends":1,"block":{},"new":true}`
	server.Call(t, "SET", key, later)
	if _, err := n.Place(t.Context(), hourBlock("y", "192.0.2.0/24")); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Place: %v", err)
	}
	if _, err := n.Lift(t.Context(), netip.MustParsePrefix("192.0.2.0/24"), time.Now()); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Lift: %v", err)
	}
	if got := server.Call(t, "GET", key); got != later {
		t.Errorf("it is now %s", got)
	}
}

// The master of a Cluster is killed, and its replica takes over.
func TestBlocksWhenAMasterIsKilled(t *testing.T) {
	cluster := testserver.RedisClusterWithReplica(t)
	prefix := ownPrefix()
	a, b := openNode(t, cluster.URL, prefix), openNode(t, cluster.URL, prefix)
	const many = 300
	for i := range many {
		must(a.Place(t.Context(), hourBlock(fmt.Sprint(i), addressOf(i))))
	}
	cluster.Nodes[0].Kill()
	a.wantState(t, false)
	if got := len(list(t, a)); got != many {
		t.Errorf("%d blocks hold, want %d", got, many)
	}
	cluster.Settled()
	a.wantState(t, true)
	eventually(t, "placed on each server", func() bool {
		for i := range 30 {
			if _, err := a.Place(t.Context(), hourBlock("after", addressOf(many+i))); err != nil {
				return false
			}
		}
		return true
	})
	for _, n := range []*node{a, b, openNode(t, cluster.URL, prefix)} {
		eventually(t, "all nodes have all blocks", func() bool { return len(list(t, n)) == many+30 })
	}
}
