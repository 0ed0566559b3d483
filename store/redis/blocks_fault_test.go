package redis_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/fluxstudio/gatehouse/store/storetest"
	"go.uber.org/goleak"
)

// Redis ends by kill -9 and returns empty: the blocks hold throughout, and are
// given back.
func TestBlocksSurviveALostRedis(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	a, b := openNode(t, server.URL, prefix), openNode(t, server.URL, prefix)
	const many = 2000
	for i := range many {
		must(a.Place(t.Context(), hourBlock(fmt.Sprint(i), addressOf(i))))
	}
	must(a.Place(t.Context(), hourBlock("lifted", "198.51.100.1/32")))
	eventually(t, "b sees all", func() bool { return len(list(t, b)) == many+1 })
	must(b.Lift(t.Context(), netip.MustParsePrefix("198.51.100.1/32"), time.Now()))
	eventually(t, "a sees the lift", func() bool { return !a.blocked(t, "198.51.100.1") })

	server.Kill()
	for _, n := range []*node{a, b} {
		n.wantState(t, false)
		if len(list(t, n)) != many {
			t.Errorf("%d blocks hold while Redis is down, want %d", len(list(t, n)), many)
		}
	}
	got, err := a.Place(t.Context(), hourBlock("meanwhile", "203.0.113.1/32"))
	if !errors.Is(err, gatehouse.ErrUnavailable) || got.ID != "meanwhile" || !a.blocked(t, "203.0.113.1") {
		t.Errorf("placed while Redis is down: %+v, %v", got, err)
	}
	if _, err := a.Lift(t.Context(), netip.MustParsePrefix(addressOf(0)), time.Now()); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("lifted while Redis is down: %v", err)
	}

	server.Start()
	back := time.Now()
	for _, n := range []*node{a, b} {
		n.wantState(t, true)
	}
	if d := time.Since(back); d > 5*time.Second {
		t.Errorf("synchronised after %v", d)
	}
	eventually(t, "b sees what was placed meanwhile", func() bool { return b.blocked(t, "203.0.113.1") })
	fresh := openNode(t, server.URL, prefix)
	for name, n := range map[string]*node{"a": a, "b": b, "a new node": fresh} {
		if len(list(t, n)) != many+1 || n.blocked(t, "198.51.100.1") {
			t.Errorf("%s has %d blocks, want %d", name, len(list(t, n)), many+1)
		}
	}
}

// A node that missed a lift does not bring the block back, even when Redis has
// lost the lift.
func TestLiftedBlockIsNotResurrected(t *testing.T) {
	for _, late := range []string{"it comes back first", "it comes back last"} {
		t.Run(late, func(t *testing.T) {
			server := testserver.Redis(t)
			proxies := []*testserver.FaultProxy{testserver.Proxy(t, server.Addr), testserver.Proxy(t, server.Addr)}
			prefix := ownPrefix()
			knows, missed := openNode(t, "redis://"+proxies[0].Addr, prefix), openNode(t, "redis://"+proxies[1].Addr, prefix)
			const ip = "192.0.2.1"
			network := netip.MustParsePrefix(ip + "/32")
			must(knows.Place(t.Context(), hourBlock("shorter", ip+"/32")))
			eventually(t, "both have it", func() bool { return missed.blocked(t, ip) })
			proxies[1].Down()
			missed.wantState(t, false)
			longer := hourBlock("longer", ip+"/32")
			longer.Until = longer.Until.Add(time.Hour)
			must(knows.Place(t.Context(), longer))
			if b := must(knows.Lift(t.Context(), network, time.Now())); b.ID != "longer" {
				t.Fatalf("lifted %q", b.ID)
			}
			proxies[0].Down()
			knows.wantState(t, false)
			if !missed.blocked(t, ip) {
				t.Error("a node without Redis opened by itself")
			}
			server.Kill()
			server.Start()
			order := []int{1, 0}
			if late == "it comes back last" {
				order = []int{0, 1}
			}
			for _, i := range order {
				proxies[i].Up()
				[]*node{knows, missed}[i].wantState(t, true)
			}
			eventually(t, "lifted everywhere", func() bool { return !missed.blocked(t, ip) && !knows.blocked(t, ip) })
			if openNode(t, server.URL, prefix).blocked(t, ip) {
				t.Error("a new node has the block")
			}
		})
	}
}

// A placement whose answer was lost is not placed again once somebody has
// lifted it.
func TestLostAnswerIsNotPlacedTwice(t *testing.T) {
	server := testserver.Redis(t)
	proxy := testserver.Proxy(t, server.Addr)
	prefix := ownPrefix()
	a, b := openNode(t, "redis://"+proxy.Addr, prefix), openNode(t, server.URL, prefix)
	const ip = "192.0.2.7"
	must(a.Place(t.Context(), hourBlock("first", "192.0.2.8/32"))) // Redis knows the script
	proxy.Latency(2 * testTimeout)
	if _, err := a.Place(t.Context(), hourBlock("once", ip+"/32")); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Fatalf("Place: %v", err)
	}
	proxy.Blackhole()
	eventually(t, "it was placed all the same", func() bool { return b.blocked(t, ip) })
	must(b.Lift(t.Context(), netip.MustParsePrefix(ip+"/32"), time.Now()))
	if !a.blocked(t, ip) {
		t.Error("a node without Redis opened by itself")
	}
	proxy.Heal()
	eventually(t, "a connection", func() bool { return a.client.Ping(t.Context()) == nil })
	if b, err := a.Lift(t.Context(), netip.MustParsePrefix(ip+"/32"), time.Now()); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("it was lifted twice: %q, %v", b.ID, err)
	}
	eventually(t, "lifted", func() bool { return !a.blocked(t, ip) })
	if b.blocked(t, ip) {
		t.Error("it was placed twice")
	}
}

// FLUSHALL and a deleted key are lost data, not a lift.
func TestOnlyLiftLifts(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	a, b := openNode(t, server.URL, prefix), openNode(t, server.URL, prefix)
	must(a.Place(t.Context(), hourBlock("x", "192.0.2.0/24")))
	eventually(t, "seen", func() bool { return b.blocked(t, "192.0.2.1") })
	for _, loss := range [][]string{{"FLUSHALL"}, {"DEL", redisKey(t, server, prefix)}} {
		server.Call(t, loss...)
		eventually(t, "it is back after "+loss[0], func() bool { return server.Call(t, "EXISTS", redisKey(t, server, prefix)) == "1" })
		if !a.blocked(t, "192.0.2.1") || !b.blocked(t, "192.0.2.1") {
			t.Errorf("%s lifted it", loss[0])
		}
	}
}

// What Redis refuses holds here, and is handed over when it refuses no more.
func TestRedisOutOfMemory(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	a, b := openNode(t, server.URL, prefix), openNode(t, server.URL, prefix)
	server.Conf(t, "maxmemory", "1")
	if _, err := a.Place(t.Context(), hourBlock("x", "192.0.2.1/32")); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Fatalf("Place: %v", err)
	}
	a.wantState(t, false)
	if !a.blocked(t, "192.0.2.1") || b.blocked(t, "192.0.2.1") {
		t.Error("it does not hold here only")
	}
	server.Conf(t, "maxmemory", "0")
	a.wantState(t, true)
	eventually(t, "handed over", func() bool { return b.blocked(t, "192.0.2.1") })
	if b := must(a.Lift(t.Context(), netip.MustParsePrefix("192.0.2.1/32"), time.Now())); b.ID != "x" {
		t.Errorf("lifted %q", b.ID)
	}
}

// A server that is silent is noticed, calls keep their time, and nothing is
// left running.
func TestBlackHole(t *testing.T) {
	server := testserver.Redis(t)
	proxy := testserver.Proxy(t, server.Addr)
	prefix := ownPrefix()
	other := openNode(t, server.URL, prefix)
	ignore := goleak.IgnoreCurrent()
	n := openNode(t, "redis://"+proxy.Addr, prefix)
	must(other.Place(t.Context(), hourBlock("x", "192.0.2.1/32")))
	eventually(t, "seen", func() bool { return n.blocked(t, "192.0.2.1") })
	proxy.Blackhole() // while nothing is asked
	start := time.Now()
	n.wantState(t, false)
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("noticed after %v", d)
	}
	start = time.Now()
	if _, err := n.Place(t.Context(), hourBlock("y", "192.0.2.2/32")); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Place: %v", err)
	}
	if d := time.Since(start); d > testTimeout+50*time.Millisecond {
		t.Errorf("Place took %v", d)
	}
	must(other.Place(t.Context(), hourBlock("z", "192.0.2.3/32")))
	proxy.Heal()
	start = time.Now()
	n.wantState(t, true)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("recovered after %v", d)
	}
	if !n.blocked(t, "192.0.2.3") {
		t.Error("it does not know what happened meanwhile")
	}
	eventually(t, "handed over", func() bool { return other.blocked(t, "192.0.2.2") })
	n.close()
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

// A server that is silent does not hold up the end.
func TestCloseWhileRedisIsSilent(t *testing.T) {
	server := testserver.Redis(t)
	prefix := ownPrefix()
	ignore := goleak.IgnoreCurrent()
	n, f := openNode(t, server.URL, prefix), openFeed(t, server.URL, prefix)
	server.Stop()
	defer server.Cont()
	f.Publish(storetest.FindingRecord("x"))
	n.Place(t.Context(), hourBlock("x", "192.0.2.1/32"))
	start := time.Now()
	f.close()
	n.close()
	if d := time.Since(start); d > 2*testTimeout { // rueidis may wait for as long as a call may take
		t.Errorf("closing took %v", d)
	}
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")) // it sleeps for a second
	if err := n.State(); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("the state after the end: %v", err)
	}
	if _, err := n.Place(t.Context(), hourBlock("y", "192.0.2.2/32")); !errors.Is(err, gatehouse.ErrUnavailable) || !n.blocked(t, "192.0.2.2") {
		t.Errorf("Place after the end: %v", err)
	}
}

func must(b gatehouse.Block, err error) gatehouse.Block {
	if err != nil {
		panic(err)
	}
	return b
}

func list(t testing.TB, n *node) []gatehouse.Block {
	t.Helper()
	all, err := n.List(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func addressOf(i int) string {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32).String()
}
