package testserver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse/internal/testserver"
)

// The servers leave no goroutine to the tests that use them.
// A test is over before rueidis has ended by itself what it delays for about a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func TestRedisComesBackEmptyAtItsAddress(t *testing.T) {
	r := testserver.Redis(t)
	r.Call(t, "SET", "key", "value")
	if got := r.Call(t, "GET", "key"); got != "value" {
		t.Fatalf("GET key = %q", got)
	}
	r.Kill()
	if conn, err := net.Dial("tcp", r.Addr); err == nil {
		conn.Close()
		t.Fatal("a killed server takes connections")
	}
	r.Start()
	if got := r.Call(t, "DBSIZE"); got != "0" {
		t.Errorf("%s keys after an empty restart", got)
	}
}

func TestRedisSettings(t *testing.T) {
	r := testserver.Redis(t, "--maxmemory-policy", "noeviction")
	r.Conf(t, "maxmemory", "1mb")
	if info := r.Call(t, "INFO", "memory"); !strings.Contains(info, "maxmemory:1048576\r\n") ||
		!strings.Contains(info, "maxmemory_policy:noeviction\r\n") {
		t.Errorf("INFO memory:\n%s", info)
	}
	if save := r.Call(t, "INFO", "persistence"); !strings.Contains(save, "aof_enabled:0\r\n") {
		t.Errorf("INFO persistence:\n%s", save)
	}
}

func TestRedisStopsAndGoesOn(t *testing.T) {
	r := testserver.Redis(t)
	r.Stop()
	err := ping(r.Addr, 100*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stopped server answers: %v", err)
	}
	r.Cont()
	if err := ping(r.Addr, time.Minute); err != nil {
		t.Error(err)
	}
	// A stopped server can be killed, and ended.
	r.Stop()
	r.Kill()
	r.Start()
	r.Stop()
}

func TestRedisCluster(t *testing.T) {
	c := testserver.RedisCluster(t)
	if len(c.Nodes) != 3 {
		t.Fatalf("%d nodes", len(c.Nodes))
	}
	client := connect(t, c.URL)
	// These keys are in three different slots.
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		if err := client.Do(t.Context(), client.B().Set().Key(key).Value("1").Build()).Error(); err != nil {
			t.Errorf("SET %s: %v", key, err)
		}
	}
	for _, n := range c.Nodes {
		if n.Call(t, "DBSIZE") == "0" {
			t.Errorf("%s got no key", n.Addr)
		}
	}
}

func TestRedisClusterFailsOver(t *testing.T) {
	c := testserver.RedisClusterWithReplica(t)
	client := connect(t, c.URL)
	set := func(ctx context.Context) error {
		// The slot of "b", 3300, is the first master's.
		return client.Do(ctx, client.B().Set().Key("b").Value("1").Build()).Error()
	}
	if err := set(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Nodes[0].Kill()
	c.Settled()
	if role := c.Nodes[3].Call(t, "INFO", "replication"); !strings.Contains(role, "role:master\r\n") {
		t.Errorf("the replica did not take over:\n%s", role)
	}
	// The client finds out when it asks.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err := set(ctx); err != nil; err = set(ctx) {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	c.Nodes[0].Start()
	c.Settled()
}

func connect(t *testing.T, url string) rueidis.Client {
	t.Helper()
	o, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// ping asks a Redis whether it answers in time.
func ping(addr string, within time.Duration) error {
	conn, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		return err
	}
	defer conn.Close()
	return roundTrip(conn, within)
}

// roundTrip sends one command over a connection and reads its answer.
func roundTrip(conn net.Conn, within time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	b := make([]byte, 16)
	n, err := conn.Read(b)
	if err == nil && string(b[:n]) != "+PONG\r\n" {
		return errors.New(string(b[:n]))
	}
	return err
}
