package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// overdue fills a database with sessions that expired long ago.
func overdue(t *testing.T, database string, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `INSERT INTO sessions (id, user_id, device_id, client, created, last_used, expires, end_reason)
		SELECT 'old-' || n, (SELECT min(id) FROM users), '', '{}', 0, 0, n, '' FROM generate_series(1, $1::bigint) AS n`, n)
	if err == nil {
		_, err = conn.Exec(t.Context(), "ANALYZE sessions")
	}
	if err != nil {
		t.Fatal(err)
	}
}

var sessionsRemoved = regexp.MustCompile(`(?m)^gatehouse_cleanup_removed_total\{what="sessions"\} (\S+)$`)

// removed returns how many sessions a node says that it has removed.
func (s *server) removed() int {
	s.t.Helper()
	resp, err := http.Get(s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	m := sessionsRemoved.FindStringSubmatch(string(text))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(n)
}

// cleanup runs the command beside a node and returns how many sessions it tells
// of.
func (s *server) cleanup(args ...string) (sessions, code int) {
	s.t.Helper()
	out, code := s.command(append([]string{"cleanup", "--json"}, args...)...)
	if code != 0 {
		return 0, code
	}
	var told struct {
		Counts []struct {
			What  string
			Count int
		}
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		s.t.Fatalf("%s: %v", out, err)
	}
	for _, c := range told.Counts {
		if c.What == "sessions" {
			sessions = c.Count
		}
	}
	return sessions, 0
}

// Both nodes are asked to clean up at the same time: one does it, the other says
// so, and each row is removed once.
func TestClusterCleanUp(t *testing.T) {
	n := rounds(1_000_000, 10_000)
	c := startCluster(t, 2, patient, nothingFails)
	c.nodes[0].signup("ada@example.com")
	overdue(t, c.database, n)
	if found, code := c.nodes[0].cleanup("--dry-run"); found != n || code != 0 {
		t.Errorf("dry run: %d, exit code %d", found, code)
	}
	var told, busy atomic.Int32
	var both sync.WaitGroup
	for _, node := range c.nodes {
		both.Go(func() {
			found, code := node.cleanup()
			told.Add(int32(found))
			if code == 1 {
				busy.Add(1)
			} else if code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
	both.Wait()
	a, b := c.nodes[0].removed(), c.nodes[1].removed()
	if a+b != n || a != 0 && b != 0 || int(told.Load()) != n || busy.Load() != 1 {
		t.Errorf("removed %d and %d; told of %d; %d found it busy", a, b, told.Load(), busy.Load())
	}
	if found, code := c.nodes[1].cleanup(); found != 0 || code != 0 {
		t.Errorf("once more: %d, exit code %d", found, code)
	}
}

// A node that dies in the middle leaves the rest to the next.
func TestClusterCleanUpAfterCrash(t *testing.T) {
	const n = 10_000
	c := startCluster(t, 2, patient, nothingFails)
	c.nodes[0].signup("ada@example.com")
	overdue(t, c.database, n)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.nodes[0].command("cleanup", "--json")
	}()
	for c.nodes[0].removed() == 0 {
		select {
		case <-ended:
			t.Fatal("nothing was removed")
		default:
		}
	}
	c.nodes[0].stop(syscall.SIGKILL)
	<-ended
	left, _ := c.nodes[1].cleanup("--dry-run")
	found, code := c.nodes[1].cleanup()
	for deadline := time.Now().Add(30 * time.Second); code == 1 && time.Now().Before(deadline); { // until PostgreSQL has noticed
		found, code = c.nodes[1].cleanup()
	}
	if code != 0 || found == 0 || found > left {
		t.Errorf("%d were left and %d removed, exit code %d", left, found, code)
	}
	if rest, _ := c.nodes[1].cleanup("--dry-run"); rest != 0 {
		t.Errorf("%d are left", rest)
	}
}

// logins sends n logins, one after the other, and adds how long each took.
func logins(t *testing.T, s *server, n int, took []time.Duration) []time.Duration {
	t.Helper()
	for range n {
		began := time.Now()
		if a := s.login("ada@example.com", password, "192.0.2.1"); a.status != http.StatusOK {
			t.Fatalf("login: %d", a.status)
		}
		took = append(took, time.Since(began))
	}
	return took
}

// quantile returns the time that a part of the list does not exceed.
func quantile(part float64, list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[min(len(list)-1, int(part*float64(len(list))))]
}

// Logins go on beside a clean-up that is ended again and again, and that goes on
// where it was ended: each row is removed once. With -long it is a million of
// them, and what it costs the logins is printed.
func TestCleanUpBesideLogins(t *testing.T) {
	n := rounds(1_000_000, 10_000)
	const each = 100
	c := startCluster(t, 2, patient+"clean_up: {schedule: \"0 0 1 1 *\"}\n", nothingFails)
	node := c.nodes[0]
	node.signup("ada@example.com")
	overdue(t, c.database, n)
	logins(t, node, 20, nil)
	var quiet, busy []time.Duration
	for node.removed() < n {
		quiet = logins(t, node, each, quiet)
		before := node.removed()
		cmd := exec.Command(binary, "cleanup", "--config", node.config, "--data", node.dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for node.removed() == before {
			runtime.Gosched()
		}
		if took := logins(t, node, each, nil); node.removed() < n { // it went on all the while
			busy = append(busy, took...)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		cmd.Wait() // its exit code says that it was ended
	}
	if found, code := node.cleanup(); found != 0 || code != 0 {
		t.Errorf("once more: %d, exit code %d", found, code)
	}
	if a, b := node.removed(), c.nodes[1].removed(); a != n || b != 0 {
		t.Errorf("removed %d and %d of %d", a, b, n)
	}
	if len(busy) > 0 {
		fmt.Printf("logins beside the clean-up of %d rows: quiet p50 %v p99 %v (%d), cleaning p50 %v p99 %v (%d); p50 x %.2f, p99 x %.2f\n",
			n, quantile(.5, quiet), quantile(.99, quiet), len(quiet), quantile(.5, busy), quantile(.99, busy), len(busy),
			float64(quantile(.5, busy))/float64(quantile(.5, quiet)), float64(quantile(.99, busy))/float64(quantile(.99, quiet)))
	}
}
