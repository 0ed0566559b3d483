package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// node is a server under load.
type node struct {
	name     string
	url      string
	client   *http.Client
	requests atomic.Uint64
	accounts int
	access   []string    // one token for each account
	refresh  chan string // those of all sessions that are not in flight

	program  *servers.Program
	redis    *servers.Redis
	redisPID int
}

// stand is where servers run: one directory, and stores if they are shared.
type stand struct {
	o        options
	dir      *servers.Directory
	binary   string // gatehouse
	self     string // this program
	sentry   string // DSN of the stand-in
	postgres *servers.Postgres
	postPID  int
	nodes    []*node
	started  int
}

// newStand builds the binary and starts the stand-in for Sentry. Nothing outlives
// this program; see package servers.
func newStand(ctx context.Context, o options) (s *stand, err error) {
	s = &stand{o: o}
	if s.self, err = os.Executable(); err != nil {
		return s, err
	}
	if s.dir, err = servers.NewDirectory("load"); err != nil {
		return s, err
	}
	if s.binary, err = s.build(ctx); err != nil {
		return s, err
	}
	_, addr, err := s.standIn("sentry")
	s.sentry = "http://public@" + addr + "/1"
	return s, err
}

// build makes the binary, unless there is one.
func (s *stand) build(ctx context.Context) (string, error) {
	if s.o.binary != "" {
		return filepath.Abs(s.o.binary)
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/fluxstudio/gatehouse").Output()
	if err != nil {
		return "", fmt.Errorf("find the source: %w", err)
	}
	binary := filepath.Join(s.dir.Path, "gatehouse")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/gatehouse")
	build.Dir = strings.TrimSpace(string(root))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// share starts the PostgreSQL of servers that share their stores.
func (s *stand) share(ctx context.Context) (err error) {
	if s.postgres, err = servers.StartPostgres(s.o.postgres); err != nil {
		return err
	}
	url, err := s.postgres.CreateDatabase(ctx, "asked")
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var session int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&session); err != nil {
		return err
	}
	p, err := readProcess(session)
	s.postPID = p.parent
	return err
}

// endNodes ends all servers but the stand-in and PostgreSQL.
func (s *stand) endNodes() error {
	var errs []error
	for _, n := range s.nodes {
		n.client.CloseIdleConnections()
		errs = append(errs, n.program.End())
		if n.redis != nil {
			errs = append(errs, n.redis.End())
		}
	}
	s.nodes = nil
	return errors.Join(errs...)
}

// end ends everything, and removes what was written.
func (s *stand) end() error {
	err := s.endNodes()
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.End())
	}
	if s.dir != nil {
		err = errors.Join(err, s.dir.Remove())
	}
	return err
}

// run starts a program that listens at the address after the last argument, and
// waits until it is ready.
func (s *stand) run(name, program string, environ []string, ready string, args ...string) (*servers.Program, error) {
	s.started++
	p, err := s.dir.Start(fmt.Sprintf("%d-%s", s.started, name), program, environ, args...)
	if err != nil {
		return nil, err
	}
	return p, p.Ready(func(ctx context.Context) error { return servers.Answers(ctx, "http://"+ready+"/readyz") })
}

// standIn starts this program as one of the servers that are no Gatehouse.
func (s *stand) standIn(role string) (*servers.Program, string, error) {
	addr, err := servers.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	p, err := s.run(role, s.self, nil, addr, "-as", role, "-listen", addr)
	return p, addr, err
}

// floor starts the bare handler.
func (s *stand) floor() (*node, error) {
	n := &node{name: "bare net/http", client: newClient(s.o), access: []string{"none"}}
	var addr string
	var err error
	n.program, addr, err = s.standIn("floor")
	n.url = "http://" + addr
	if n.program != nil {
		s.nodes = append(s.nodes, n)
	}
	return n, err
}

// start runs a variant with its accounts, and what else the scenarios need.
func (s *stand) start(ctx context.Context, v variant, argon bool) (*node, error) {
	n := &node{name: v.name, client: newClient(s.o), accounts: 128}
	if argon {
		n.accounts = 16
	}
	var redis, database string
	var err error
	if s.postgres != nil {
		if n.redis, err = servers.StartRedis(); err != nil {
			return nil, err
		}
		redis = n.redis.URL
		if n.redisPID, err = redisPID(n.redis); err == nil {
			database, err = s.postgres.CreateDatabase(ctx, fmt.Sprintf("load%d", s.started))
		}
		if err != nil {
			return nil, errors.Join(err, n.redis.End())
		}
	}
	data := filepath.Join(s.dir.Path, fmt.Sprintf("data%d", s.started))
	config := data + ".yaml"
	if err := os.WriteFile(config, []byte(v.config(argon, s.sentry, redis, database)), 0o600); err != nil {
		return nil, err
	}
	listen, err := servers.FreeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := servers.FreeAddr()
	if err != nil {
		return nil, err
	}
	n.url = "http://" + listen
	n.program, err = s.run("gatehouse", s.binary, s.o.environ, admin,
		"serve", "--config", config, "--data", data, "--listen", listen, "--admin-listen", admin)
	if n.program != nil {
		s.nodes = append(s.nodes, n)
	}
	if err != nil {
		return nil, err
	}
	block := exec.CommandContext(ctx, s.binary, "blocks", "add", blocked, "--config", config, "--data", data)
	if out, err := block.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("block %s: %w\n%s", blocked, err, out)
	}
	return n, n.fill(ctx, int(s.o.workers), argon)
}

func redisPID(r *servers.Redis) (int, error) {
	info, err := r.Call("INFO", "server")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(info, "process_id:")
	pid, _, _ := strings.Cut(after, "\r\n")
	return strconv.Atoi(pid)
}

// fill makes the accounts and logs them in, with sessions enough for more
// refreshes than can be in flight.
func (n *node) fill(ctx context.Context, inFlight int, argon bool) error {
	n.access = make([]string, n.accounts)
	sessions := 1
	if !argon {
		sessions = inFlight/n.accounts + 1
	}
	n.refresh = make(chan string, n.accounts*sessions)
	const callers = 8
	var pending sync.WaitGroup
	errs := make([]error, callers)
	for c := range callers {
		pending.Go(func() {
			for i := c; i < n.accounts && errs[c] == nil; i += callers {
				errs[c] = n.signup(ctx, i, sessions)
			}
		})
	}
	pending.Wait()
	return errors.Join(errs...)
}

func (n *node) signup(ctx context.Context, i, sessions int) error {
	email := account(uint64(i))
	if _, err := n.post(ctx, signupPath, http.StatusCreated, map[string]string{"email": email, "password": password, "name": "Sample"}); err != nil {
		return err
	}
	for range sessions {
		body, err := n.post(ctx, loginPath, http.StatusOK, map[string]string{"email": email, "password": password})
		if err != nil {
			return err
		}
		var tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal(body, &tokens); err != nil {
			return err
		}
		n.access[i] = tokens.Access
		n.refresh <- tokens.Refresh
	}
	return nil
}

func (n *node) post(ctx context.Context, path string, want int, fields map[string]string) ([]byte, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {browser}, "X-Forwarded-For": {spread(n.requests.Add(1))}}
	a, err := n.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != want {
		err = fmt.Errorf("POST %s: %s %s", path, a.Status, body)
	}
	return body, err
}
