package servers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Redis is a server that keeps nothing on disk. It is safe for concurrent use.
type Redis struct {
	Addr string // host:port
	URL  string // redis://host:port

	home    *home
	program string
	args    []string

	mu      sync.Mutex
	process *process // nil while it is down
}

// StartRedis starts redis-server, or Valkey, and returns once it answers. The
// arguments are its own, such as "--maxmemory", "1mb".
func StartRedis(args ...string) (*Redis, error) {
	program, err := findRedis()
	if err != nil {
		return nil, err
	}
	for range attempts {
		var r *Redis
		if r, err = newRedis(program, args); err != nil {
			return nil, err
		}
		if err = r.Start(); err == nil {
			return r, nil
		}
		r.End()
	}
	return nil, err
}

func newRedis(program string, args []string) (*Redis, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	h, err := newHome("redis", nil)
	if err != nil {
		return nil, err
	}
	addr := loopback(port)
	return &Redis{
		Addr: addr, URL: "redis://" + addr, home: h, program: program,
		args: append([]string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", h.dir,
			"--save", "", "--appendonly", "no", "--daemonize", "no",
		}, args...),
	}, nil
}

// Start starts the server again after [Redis.Kill]: empty, at the same address.
// It does nothing while the server runs.
func (r *Redis) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		return nil
	}
	p, err := start(r.home.command(r.program, r.args...), r.log())
	if err != nil {
		return err
	}
	r.process = p
	// Somebody else's server at this port would answer as well.
	self := "process_id:" + strconv.Itoa(p.pid()) + "\r\n"
	err = p.ready(func(ctx context.Context) error {
		info, err := call(ctx, r.Addr, "INFO", "server")
		if err == nil && !strings.Contains(info, self) {
			err = fmt.Errorf("another server listens at %s", r.Addr)
		}
		return err
	})
	if err != nil {
		r.process = nil
		return errors.Join(err, p.kill())
	}
	return nil
}

// Kill ends the server with SIGKILL and returns when it is gone. It does nothing
// while the server is down.
func (r *Redis) Kill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return nil
	}
	p := r.process
	r.process = nil
	return p.kill()
}

// Running reports whether the server is up, or stopped, and not killed.
func (r *Redis) Running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process != nil
}

// Stop halts the server with SIGSTOP: connections are accepted and nothing is
// answered, until [Redis.Cont].
func (r *Redis) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return errDown
	}
	return r.process.stop()
}

// Cont lets a server go on that was stopped.
func (r *Redis) Cont() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return errDown
	}
	r.process.cont()
	return nil
}

// Conf changes a setting until the server ends. The server's own names and
// values, such as "maxmemory" and "1mb".
func (r *Redis) Conf(name, value string) error {
	_, err := r.Call("CONFIG", "SET", name, value)
	return err
}

// Call sends one command over a connection of its own and returns the answer:
// simple and bulk strings and integers as text, lists as their length. An error
// that the server answers is an error.
func (r *Redis) Call(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return call(ctx, r.Addr, args...)
}

// Log returns the end of what the server wrote, at most 16 KiB.
func (r *Redis) Log() string { return logTail(r.log()) }

func (r *Redis) log() string { return filepath.Join(r.home.dir, "log") }

// End ends the server for good and removes its directory.
func (r *Redis) End() error { return errors.Join(r.Kill(), r.home.remove()) }

var errDown = errors.New("the server is not running")
