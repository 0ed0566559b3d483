package testserver

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// PostgresServer is a PostgreSQL server that syncs each commit.
type PostgresServer struct {
	Addr string // host:port

	t      testing.TB
	server *servers.Postgres
	shared bool
}

// Postgres starts a server of the test's own. Settings are the server's, as in
// Setting("synchronous_commit", "off").
func Postgres(t testing.TB, settings ...PostgresSetting) *PostgresServer {
	t.Helper()
	chosen := map[string]string{}
	for _, s := range settings {
		chosen[s.name] = s.value
	}
	s, err := servers.StartPostgres(chosen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, "PostgreSQL at "+s.Addr, s) })
	return &PostgresServer{Addr: s.Addr, t: t, server: s}
}

// PostgresSetting is a line of postgresql.conf.
type PostgresSetting struct{ name, value string }

// Setting makes a line of postgresql.conf.
func Setting(name, value string) PostgresSetting { return PostgresSetting{name, value} }

// shared is one for a process, so that hundreds of tests need not wait for a
// server each. It ends with the process.
var shared = sync.OnceValues(func() (*servers.Postgres, error) { return servers.StartPostgres(nil) })

// SharedPostgres returns the server that all tests of this test binary share,
// started by the first to ask. A test that disturbs its server wants [Postgres].
func SharedPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL at %s, shared with other tests, wrote:\n%s", s.Addr, s.Log())
		}
	})
	return &PostgresServer{Addr: s.Addr, t: t, server: s, shared: true}
}

var databases atomic.Int64

// Database makes an empty database for the test and returns its URL.
func (p *PostgresServer) Database(t testing.TB) string {
	t.Helper()
	name := "test_" + strconv.FormatInt(databases.Add(1), 10)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	url, err := p.server.CreateDatabase(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if p.shared {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			check(t, p.server.DropDatabase(ctx, name))
		})
	}
	return url
}

// Restart ends the server in good order, its clients' connections cut, and starts
// it again at the same address.
func (p *PostgresServer) Restart() {
	p.t.Helper()
	p.alone(p.server.Restart)
}

// Kill ends the server and its children with SIGKILL and returns when they are gone.
func (p *PostgresServer) Kill() {
	p.t.Helper()
	p.alone(p.server.Kill)
}

// Start starts a killed server again, with what it had made durable.
func (p *PostgresServer) Start() {
	p.t.Helper()
	p.alone(p.server.Start)
}

// Stop halts the server and its children with SIGSTOP: nothing is answered.
func (p *PostgresServer) Stop() {
	p.t.Helper()
	p.alone(p.server.Stop)
}

// Cont lets a stopped server go on.
func (p *PostgresServer) Cont() {
	p.t.Helper()
	p.alone(p.server.Cont)
}

// alone does to the server what other tests would not survive.
func (p *PostgresServer) alone(disturb func() error) {
	p.t.Helper()
	if p.shared {
		p.t.Error("other tests use this server: disturb one from testserver.Postgres")
		return
	}
	check(p.t, disturb())
}
