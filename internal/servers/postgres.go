package servers

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// superuser is the name by which databases are made, and used.
const superuser = "gatehouse"

// Postgres is a server with a data directory of its own, on which it syncs each
// commit. It is safe for concurrent use.
type Postgres struct {
	Addr string // host:port

	home     *home
	programs string // where initdb and postgres are
	args     []string
	password string

	mu      sync.Mutex
	process *process // nil while it is down
}

// StartPostgres makes a data directory and starts the server on it. Settings are
// the server's own, such as "synchronous_commit": "off". As root, the server runs
// as the user postgres, or nobody.
func StartPostgres(settings map[string]string) (*Postgres, error) {
	programs, err := findPostgres()
	if err != nil {
		return nil, err
	}
	user, err := postgresUser()
	if err != nil {
		return nil, err
	}
	h, err := newHome("postgres", user)
	if err != nil {
		return nil, err
	}
	p := &Postgres{home: h, programs: programs, password: rand.Text()}
	if err := p.initialise(); err != nil {
		return nil, errors.Join(err, p.End())
	}
	for range attempts {
		var port int
		if port, err = freePort(); err != nil {
			break
		}
		p.Addr = loopback(port)
		p.args = []string{
			"-D", p.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(port),
			"-c", "unix_socket_directories=", "-c", "dynamic_shared_memory_type=mmap",
		}
		for _, name := range slices.Sorted(maps.Keys(settings)) {
			p.args = append(p.args, "-c", name+"="+settings[name])
		}
		if err = p.Start(); err == nil {
			return p, nil
		}
	}
	return nil, errors.Join(err, p.End())
}

func (p *Postgres) data() string { return filepath.Join(p.home.dir, "data") }

// initialise makes the data directory. Nobody else on the machine gets in: the
// superuser of a database can run programs as the server's user.
func (p *Postgres) initialise() error {
	secret := filepath.Join(p.home.dir, "password")
	if err := os.WriteFile(secret, []byte(p.password+"\n"), 0o600); err != nil {
		return err
	}
	if u := p.home.user; u != nil {
		if err := os.Chown(secret, int(u.Uid), int(u.Gid)); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	c := p.home.command(filepath.Join(p.programs, "initdb"), "--no-sync", "--auth=scram-sha-256",
		"--username="+superuser, "--pwfile="+secret, "--encoding=UTF8", "--no-locale", "--pgdata="+p.data())
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c.Path, err, out.String())
	}
	return nil
}

// Start starts the server again after [Postgres.Kill], with what it had made
// durable. It does nothing while the server runs.
func (p *Postgres) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.start()
}

func (p *Postgres) start() error {
	if p.process != nil {
		return nil
	}
	started, err := start(p.home.command(filepath.Join(p.programs, "postgres"), p.args...), p.log())
	if err != nil {
		return err
	}
	// Somebody else's server at this port refuses the password.
	err = started.ready(func(ctx context.Context) error { return p.exec(ctx, "SELECT 1") })
	if err != nil {
		return errors.Join(err, started.kill())
	}
	p.process = started
	return nil
}

// Restart ends the server in good order, its clients' connections cut, and starts
// it again at the same address.
func (p *Postgres) Restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return errDown
	}
	err := p.process.end(syscall.SIGINT)
	p.process = nil
	return errors.Join(err, p.start())
}

// Kill ends the server and its children with SIGKILL and returns when all are
// gone. It does nothing while the server is down.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return nil
	}
	killed := p.process
	p.process = nil
	return killed.kill()
}

// Stop halts the server and its children with SIGSTOP: connections are taken by
// the kernel and nothing is answered, until [Postgres.Cont].
func (p *Postgres) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return errDown
	}
	return p.process.stop()
}

// Cont lets a server go on that was stopped.
func (p *Postgres) Cont() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return errDown
	}
	p.process.cont()
	return nil
}

// CreateDatabase makes an empty database, and returns its URL. The name is made
// of lower-case letters, digits and underscores.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) (string, error) {
	if err := p.exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	return p.url(name), nil
}

// DropDatabase removes a database, if it is there, and cuts the connections to it.
func (p *Postgres) DropDatabase(ctx context.Context, name string) error {
	return p.exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
}

// Running reports whether the server is up, or stopped, and not killed.
func (p *Postgres) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process != nil
}

// Log returns the end of what the server wrote, at most 16 KiB.
func (p *Postgres) Log() string { return logTail(p.log()) }

func (p *Postgres) log() string { return filepath.Join(p.home.dir, "log") }

// End ends the server for good and removes its directory.
func (p *Postgres) End() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.process != nil {
		err = p.process.end(syscall.SIGQUIT)
		p.process = nil
	}
	return errors.Join(err, p.home.remove())
}

func (p *Postgres) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password),
		Host: p.Addr, Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// exec runs one statement over a connection of its own.
func (p *Postgres) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
