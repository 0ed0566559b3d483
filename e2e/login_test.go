package e2e_test

import (
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

// Six wrong logins from one address, as the README's curl loop makes them, and
// what an operator does about it.
func TestSixWrongLogins(t *testing.T) {
	s := start(t, cheapHash)
	s.signup("ada@example.com")
	for i := range 5 {
		if a := s.login("ada@example.com", "wrong", ""); a.status != http.StatusUnauthorized {
			t.Fatalf("wrong login %d: %d %s", i+1, a.status, a.body)
		}
	}
	wrong := s.login("ada@example.com", "wrong", "")
	right := s.login("ada@example.com", password, "")
	for name, a := range map[string]answer{"wrong": wrong, "right": right} {
		retry, _ := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != http.StatusTooManyRequests || retry < 3590 || retry > 3600 {
			t.Errorf("sixth login, %s password: %d, Retry-After %q", name, a.status, a.header.Get("Retry-After"))
		}
	}
	if wrong.body != right.body {
		t.Errorf("while blocked a right password is told from a wrong one:\n%s\n%s", right.body, wrong.body)
	}

	s.stop(syscall.SIGKILL)
	s.run()
	if a := s.login("ada@example.com", password, ""); a.status != http.StatusTooManyRequests {
		t.Fatalf("after a restart the block is forgotten: %d", a.status)
	}
	if out, code := s.command("blocks", "remove", "127.0.0.1"); code != 0 {
		t.Fatalf("blocks remove: exit %d: %s", code, out)
	}
	s.login("ada@example.com", password, "").tokens(t)
	for kind, want := range map[gatehouse.Kind]int{
		gatehouse.LoginFailed: 5, gatehouse.LoginRefused: 3, gatehouse.LoginSucceeded: 1,
		gatehouse.BruteForceDetected: 1, gatehouse.IPAddressBlocked: 1, gatehouse.IPAddressUnblocked: 1,
	} {
		if got := s.count(kind); got != want {
			t.Errorf("%d records of %s, want %d", got, kind, want)
		}
	}
}

// Lifting a block gives the attempts back at once, without a restart.
func TestUnblockedLogsInAtOnce(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	for range 6 {
		s.login("ada@example.com", "wrong", "192.0.2.7")
	}
	if out, code := s.command("blocks", "remove", "192.0.2.7"); code != 0 {
		t.Fatalf("blocks remove: exit %d: %s", code, out)
	}
	s.login("ada@example.com", password, "192.0.2.7").tokens(t)
	if out, code := s.command("blocks", "remove", "192.0.2.7"); code != 3 {
		t.Errorf("removing a block that does not exist: exit %d: %s", code, out)
	}
	if out, code := s.command("blocks", "add", "192.0.2.7", "--for", "10m", "--reason", "test"); code != 0 {
		t.Fatalf("blocks add: exit %d: %s", code, out)
	}
	if a := s.login("ada@example.com", password, "192.0.2.7"); a.status != http.StatusTooManyRequests {
		t.Errorf("an address blocked by hand logs in: %d", a.status)
	}
}

func TestSuccessForgetsFailures(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	for range 3 {
		for range 4 {
			if a := s.login("Ada@Example.com ", "wrong", "192.0.2.7"); a.status != http.StatusUnauthorized {
				t.Fatalf("a wrong login below the threshold: %d", a.status)
			}
		}
		s.login("ada@example.com", password, "192.0.2.7").tokens(t)
	}
	if n := s.count(gatehouse.BruteForceDetected); n != 0 {
		t.Errorf("%d findings below the threshold", n)
	}
}

const parallel = 64

// inParallel makes the same call from many clients at once and counts the
// statuses.
func (s *server) inParallel(n int, c call) map[int]int {
	s.t.Helper()
	var mu sync.Mutex
	statuses := make(map[int]int)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			a, err := s.try(s.t.Context(), c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.t.Error(err)
				return
			}
			statuses[a.status]++
		})
	}
	wg.Wait()
	return statuses
}

// Exactly five passwords are looked at, whatever the parallelism: 64 wrong
// logins give five 401, which only a verification answers, and 59 times 429.
func TestParallelWrongLogins(t *testing.T) {
	s := start(t, cheapHash+proxied+"rules: {bot_activity: {enabled: false}}\n")
	s.signup("ada@example.com")
	for round := range 200 {
		from := "192.0.2." + strconv.Itoa(round+1)
		got := s.inParallel(parallel, loginCall("ada@example.com", "wrong", from))
		if got[http.StatusUnauthorized] != 5 || got[http.StatusTooManyRequests] != 59 {
			t.Fatalf("round %d: %v", round+1, got)
		}
	}
	if n := s.count(gatehouse.LoginFailed); n != 5*200 {
		t.Errorf("%d failures on record, want 1000", n)
	}
	if n := s.count(gatehouse.BruteForceDetected); n != 200 {
		t.Errorf("%d findings on record, want 200", n)
	}
}

func TestParallelRightLogins(t *testing.T) {
	s := start(t, cheapHash+proxied+"rules: {bot_activity: {enabled: false}}\n")
	s.signup("ada@example.com")
	for round := range 200 {
		got := s.inParallel(parallel, loginCall("ada@example.com", password, "192.0.2.1"))
		if got[http.StatusOK] != parallel {
			t.Fatalf("round %d: %v", round+1, got)
		}
	}
}

// An unknown account is guessed at and blocked like a known one.
func TestUnknownAccountLooksKnown(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	for i := range 7 {
		known := s.login("ada@example.com", "wrong", "192.0.2.1")
		unknown := s.login("nobody@example.com", "wrong", "198.51.100.1")
		if known.status != unknown.status || known.body != unknown.body ||
			known.header.Get("Retry-After") != unknown.header.Get("Retry-After") {
			t.Fatalf("attempt %d: known %d %s, unknown %d %s", i+1, known.status, known.body, unknown.status, unknown.body)
		}
	}
}
