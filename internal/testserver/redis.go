package testserver

import (
	"testing"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// RedisServer is a redis-server of the test's own that keeps nothing on disk.
type RedisServer struct {
	Addr string // host:port
	URL  string // redis://host:port

	t      testing.TB
	server *servers.Redis
}

// Redis starts a server. The arguments are its own, such as "--maxmemory", "1mb".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s, err := servers.StartRedis(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, "Redis at "+s.Addr, s) })
	return &RedisServer{s.Addr, s.URL, t, s}
}

// Kill ends the server with SIGKILL and returns when it is gone.
func (r *RedisServer) Kill() {
	r.t.Helper()
	check(r.t, r.server.Kill())
}

// Start starts a killed server again, empty and at the same address.
func (r *RedisServer) Start() {
	r.t.Helper()
	check(r.t, r.server.Start())
}

// Stop halts the server with SIGSTOP: it accepts connections and answers nothing.
func (r *RedisServer) Stop() {
	r.t.Helper()
	check(r.t, r.server.Stop())
}

// Cont lets a stopped server go on.
func (r *RedisServer) Cont() {
	r.t.Helper()
	check(r.t, r.server.Cont())
}

// Conf changes a setting, as in Conf(t, "maxmemory", "1mb"), until the server ends.
func (r *RedisServer) Conf(t testing.TB, name, value string) {
	t.Helper()
	check(t, r.server.Conf(name, value))
}

// Call sends one command over a connection of its own and returns the answer:
// strings and integers as text, lists as their length.
func (r *RedisServer) Call(t testing.TB, args ...string) string {
	t.Helper()
	answer, err := r.server.Call(args...)
	check(t, err)
	return answer
}

// RedisClusterServer is a Redis Cluster of three masters that share all slots.
type RedisClusterServer struct {
	// URL names all nodes, as rueidis reads it.
	URL string
	// Nodes are the masters and, after them, the replica of the first, if any.
	Nodes []*RedisServer

	t       testing.TB
	cluster *servers.RedisCluster
}

// RedisCluster starts a cluster without replicas.
func RedisCluster(t testing.TB) *RedisClusterServer {
	t.Helper()
	return startCluster(t, servers.RedisClusterOptions{})
}

// RedisClusterWithReplica starts a cluster whose first master has a replica,
// Nodes[3], that takes over within a few seconds when the master is killed.
func RedisClusterWithReplica(t testing.TB) *RedisClusterServer {
	t.Helper()
	return startCluster(t, servers.RedisClusterOptions{Replica: true})
}

func startCluster(t testing.TB, o servers.RedisClusterOptions) *RedisClusterServer {
	t.Helper()
	c, err := servers.StartRedisCluster(o)
	if err != nil {
		t.Fatal(err)
	}
	started := &RedisClusterServer{URL: c.URL, t: t, cluster: c}
	for _, n := range c.Nodes {
		t.Cleanup(func() { end(t, "Redis at "+n.Addr, n) })
		started.Nodes = append(started.Nodes, &RedisServer{n.Addr, n.URL, t, n})
	}
	return started
}

// Settled waits until every node that runs finds the cluster in order.
func (c *RedisClusterServer) Settled() {
	c.t.Helper()
	check(c.t, c.cluster.Settled())
}

// server is what all have in common.
type server interface {
	Log() string
	End() error
}

// end shows what the server wrote if the test failed, and ends it.
func end(t testing.TB, name string, s server) {
	t.Helper()
	if t.Failed() {
		t.Logf("%s wrote:\n%s", name, s.Log())
	}
	check(t, s.End())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
