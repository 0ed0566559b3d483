package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testlog"
)

// A newcomer's first minute: five wrong passwords are refused one by one, each by
// another node, and the sixth because all nodes have counted together.
func TestNodesCountTogether(t *testing.T) {
	var out testlog.Buffer
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, options{listen: "127.0.0.1:0", nodes: 3}, &out) }()
	proxy := address(t, &out, ended)

	login := func(from string) (status int, node string) {
		body, err := json.Marshal(map[string]string{"email": "ada@example.com", "password": "wrong"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy+"/api/auth/login", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Forwarded-For", from)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("X-Served-By")
	}
	nodes := map[string]bool{}
	for i := range 6 {
		status, node := login("203.0.113.7")
		nodes[node] = true
		want := http.StatusUnauthorized
		if i == 5 {
			want = http.StatusTooManyRequests
		}
		if status != want {
			t.Errorf("login %d, at %s: %d, want %d", i+1, node, status, want)
		}
	}
	if len(nodes) != 3 {
		t.Errorf("served by %v", nodes)
	}

	dir := regexp.MustCompile(`settings    (\S+)`).FindStringSubmatch(out.String())[1]
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", filepath.Dir(dir), err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(proxy, "http://")); err == nil {
		t.Error("the proxy is left")
	}
}

func TestAddressThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = run(t.Context(), options{listen: l.Addr().String(), nodes: 1}, &testlog.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "is taken: choose another address with -listen") {
		t.Error(err)
	}
}

// address waits until the cluster says where its proxy is.
func address(t *testing.T, out *testlog.Buffer, ended <-chan error) string {
	t.Helper()
	said := regexp.MustCompile(`proxy\s+(http://[0-9.:]+), `)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if m := said.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, out.String())
		case <-tick.C:
		}
	}
}
