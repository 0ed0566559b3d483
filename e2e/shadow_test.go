package e2e_test

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

// A rule in the shadow finds and writes down what it would have stopped, and
// stops nothing; put in force, it does.
func TestRuleInTheShadow(t *testing.T) {
	s := start(t, cheapHash+"rules: {brute_force: {shadow: true}}\n")
	s.signup("ada@example.com")
	for i := range 8 {
		if a := s.login("ada@example.com", "wrong", ""); a.status != http.StatusUnauthorized {
			t.Fatalf("wrong login %d: %d %s", i+1, a.status, a.body)
		}
	}
	found := s.log("--type", string(gatehouse.BruteForceDetected))
	if len(found) != 1 || found[0].Finding == nil || !found[0].Finding.Shadow || found[0].Finding.Observed != 5 ||
		len(found[0].Finding.Actions) != 1 || found[0].Finding.Actions[0].Response != "log" {
		t.Errorf("found %+v", found)
	}
	if out, code := s.command("log", "--type", string(gatehouse.BruteForceDetected)); code != 0 || !strings.Contains(out, "5 of 5 in 5m, in the shadow") {
		t.Errorf("the log shows, with exit %d: %s", code, out)
	}
	s.login("ada@example.com", password, "").tokens(t)
	for kind, want := range map[gatehouse.Kind]int{
		gatehouse.LoginFailed: 8, gatehouse.LoginRefused: 0, gatehouse.IPAddressBlocked: 0, gatehouse.LoginSucceeded: 1,
	} {
		if got := s.count(kind); got != want {
			t.Errorf("%d records of %s, want %d", got, kind, want)
		}
	}

	s.stop(syscall.SIGTERM)
	if err := os.WriteFile(s.config, []byte(cheapHash), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run()
	for i := range 6 {
		want := http.StatusUnauthorized
		if i == 5 {
			want = http.StatusTooManyRequests
		}
		if a := s.login("ada@example.com", "wrong", ""); a.status != want {
			t.Errorf("in force, wrong login %d: %d, want %d", i+1, a.status, want)
		}
	}
}
