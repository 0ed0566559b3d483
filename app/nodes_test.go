package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/app"
	"github.com/fluxstudio/gatehouse/internal/testserver"
)

// node is a server in this process whose machine's clock is wrong.
type node struct {
	t   *testing.T
	url string
	off atomic.Int64 // ns
}

func startNode(t *testing.T, c app.Config, name string, off time.Duration) *node {
	t.Helper()
	n := &node{t: t}
	n.off.Store(int64(off))
	c.Node, c.Data, c.Listen, c.AdminListen = name, t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.New(t.Context(), c, app.Options{Now: func() time.Time { return time.Now().Add(time.Duration(n.off.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	n.url = "http://" + a.PublicAddr().String() + "/api/auth/login"
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return n
}

// guess sends a wrong password from an address and returns the status.
func (n *node) guess(account, from string) int {
	n.t.Helper()
	body := fmt.Appendf(nil, `{"email":%q,"password":"wrong"}`, account)
	req, err := http.NewRequest("POST", n.url, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", from)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// nothingFails is how long a node waits for Redis: a machine that has too much to do
// must not look like a failure.
const nothingFails = 5 * time.Second

// The clocks of two nodes are 30 s apart, and one steps back by an hour: no limit
// starts anew and no block ends early on either.
func TestNodesWithWrongClocks(t *testing.T) {
	const window = 8 * time.Second // far less than the clocks are apart
	c := app.Default()
	c.Redis.URL, c.Redis.Timeout = testserver.Redis(t).URL, nothingFails
	c.Postgres.URL = testserver.SharedPostgres(t).Database(t)
	c.KeysFile = filepath.Join(t.TempDir(), "keys.pem")
	c.TrustedProxies = []string{"127.0.0.1/32"}
	c.Passwords.MemoryKiB, c.Passwords.Iterations = 128, 1
	c.Rules.BruteForce.Limit = gatehouse.Limit{Threshold: 5, Window: window}
	c.Rules.BruteForce.Respond.BlockIP = window
	nodes := []*node{startNode(t, c, "right", 0), startNode(t, c, "ahead", 30*time.Second)}

	wantAll := func(when string, account, from string, status int) {
		t.Helper()
		for i, n := range nodes {
			if got := n.guess(account, from); got != status {
				t.Errorf("%s node %d answers %d, want %d", when, i, got, status)
			}
		}
	}
	var blocked time.Time
	for i := range 5 {
		if got := nodes[i%2].guess("ada@example.com", "192.0.2.1"); got != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i+1, got)
		}
		if i == 2 {
			nodes[0].off.Store(int64(-time.Hour))
		}
		blocked = time.Now()
	}
	wantAll("after five guesses", "ada@example.com", "192.0.2.1", http.StatusTooManyRequests)
	const early = window / 4
	<-time.After(time.Until(blocked.Add(window - early)))
	wantAll("shortly before the end of the block", "ada@example.com", "192.0.2.1", http.StatusTooManyRequests)
	<-time.After(time.Until(blocked.Add(window + early)))
	wantAll("after its end", "ada@example.com", "192.0.2.1", http.StatusUnauthorized)
}

// A node with other keys would count apart from the others: it does not start.
func TestNodesHaveTheSameKeys(t *testing.T) {
	c := app.Default()
	c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Redis.URL, c.Redis.Timeout = testserver.Redis(t).URL, nothingFails
	c.KeysFile = filepath.Join(t.TempDir(), "keys.pem")
	startNode(t, c, "first", 0)
	startNode(t, c, "second", 0)
	c.KeysFile, c.Data = filepath.Join(t.TempDir(), "keys.pem"), t.TempDir()
	a, err := app.New(t.Context(), c, app.Options{})
	if err == nil {
		a.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "keys_file") {
		t.Errorf("a node with other keys: %v", err)
	}
}

// Nodes that share a database and no Redis learn from it what was blocked, and what
// was lifted, elsewhere.
func TestNodesWithoutRedis(t *testing.T) {
	c := app.Default()
	c.Postgres.URL = testserver.SharedPostgres(t).Database(t)
	c.KeysFile = filepath.Join(t.TempDir(), "keys.pem")
	c.TrustedProxies = []string{"127.0.0.1/32"}
	c.Passwords.MemoryKiB, c.Passwords.Iterations = 128, 1
	c.Rules.BotActivity.Enabled = false
	n := startNode(t, c, "serves", 0)
	c.Data, c.Node = t.TempDir(), "operator's"
	o, err := app.Operate(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	network, tries := netip.MustParsePrefix("198.51.100.0/24"), 0
	wantSoon := func(status int) {
		t.Helper()
		for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); <-time.After(100 * time.Millisecond) {
			tries++
			if n.guess(fmt.Sprintf("ada%d@example.com", tries), fmt.Sprintf("198.51.100.%d", tries%250)) == status {
				return
			}
		}
		t.Errorf("not answered %d", status)
	}
	if _, err := o.Block(t.Context(), network, time.Hour, "test", "an operator"); err != nil {
		t.Fatal(err)
	}
	wantSoon(http.StatusTooManyRequests)
	if _, err := o.Unblock(t.Context(), network, "an operator"); err != nil {
		t.Fatal(err)
	}
	wantSoon(http.StatusUnauthorized)
}
