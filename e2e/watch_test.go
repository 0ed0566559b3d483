package e2e_test

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// What one node finds and blocks is seen at once by whoever watches another.
func TestClusterWatch(t *testing.T) {
	c := startCluster(t, 2, patient, nothingFails)
	watch := exec.Command(binary, "watch", "--json", "--config", c.nodes[1].config, "--data", c.nodes[1].dir)
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make(chan gatehouse.Record, 16)
	ended := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var r gatehouse.Record
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Error(err)
			}
			seen <- r
		}
		ended <- watch.Wait()
	}()
	within(t, 5*time.Second, "the watcher is there", func() bool {
		if out, code := c.nodes[0].command("blocks", "add", "203.0.113.9"); code != 0 {
			t.Fatalf("blocks add: exit %d: %s", code, out)
		}
		select {
		case r := <-seen:
			return r.Kind == gatehouse.IPAddressBlocked
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
	for range 5 {
		c.nodes[0].login("ada@example.com", "wrong", "192.0.2.1")
	}
	want := map[gatehouse.Kind]bool{gatehouse.BruteForceDetected: true, gatehouse.IPAddressBlocked: true}
	deadline := time.After(2 * time.Second)
	for len(want) > 0 {
		select {
		case r := <-seen:
			if r.IP.String() == "192.0.2.1" {
				delete(want, r.Kind)
			}
		case <-deadline:
			t.Fatalf("not seen: %v", want)
		}
	}
	watch.Process.Signal(syscall.SIGINT)
	if err := <-ended; err != nil {
		t.Errorf("at Ctrl-C: %v", err)
	}
}

func TestHealthCommand(t *testing.T) {
	s := start(t, "")
	admin := strings.TrimPrefix(s.admin, "http://")
	for _, args := range [][]string{{"health", "--admin-listen", admin}, {"health", "--ready", "--admin-listen", admin}} {
		if out, code := s.command(args...); code != 0 || !strings.Contains(out, `"status":"ok"`) {
			t.Errorf("%v: exit %d: %s", args, code, out)
		}
	}
	s.stop(syscall.SIGTERM)
	if out, code := s.command("health", "--admin-listen", admin); code != 1 {
		t.Errorf("of a server that is gone: exit %d: %s", code, out)
	}
}
