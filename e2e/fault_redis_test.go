package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Redis is killed under load and comes back empty: nobody ever gets an unlimited
// number of guesses, blocks survive, and nothing is answered with an error that
// tells the client of it.
func TestFaultRedisKilledAndEmpty(t *testing.T) {
	c := startCluster(t, 3, patient)
	const victims = 20
	for i := range victims {
		c.nodes[i%3].signup(fmt.Sprintf("victim%d@example.com", i))
	}
	c.nodes[0].signup("ada@example.com")
	const blocked = "198.51.100.77"
	if out, code := c.nodes[0].command("blocks", "add", blocked, "--for", "1h"); code != 0 {
		t.Fatalf("blocks add: exit %d: %s", code, out)
	}
	stillBlocked := func(when string) {
		t.Helper()
		for i, n := range c.nodes {
			if a := n.login("ada@example.com", password, blocked); a.status != http.StatusTooManyRequests {
				t.Errorf("%s node %d lets the blocked address in: %d", when, i+1, a.status)
			}
		}
	}
	within(t, 2*time.Second, "the block on all nodes", func() bool {
		for _, n := range c.nodes {
			if n.login("ada@example.com", password, blocked).status != http.StatusTooManyRequests {
				return false
			}
		}
		return true
	})

	// Each victim is guessed at from an address of its own, so that the block
	// of one does not end the guessing at another.
	s := c.unleash(t, 200, func(i int) call {
		v := i % victims
		return loginCall(fmt.Sprintf("victim%d@example.com", v), "wrong", fmt.Sprintf("192.0.2.%d", v+1))
	})
	guesses := func(what string, calm time.Duration) { t.Helper(); <-time.After(calm); t.Log(what) }
	guesses("healthy", lasting(3*time.Second, time.Second))
	c.redis.Kill()
	seen := within(t, 2*time.Second, "the degraded state on all health pages", func() bool { return c.everywhere("counters", "degraded") })
	stillBlocked("without Redis")
	guesses("degraded", lasting(5*time.Second, 2*time.Second))
	c.redis.Start()
	recovered := within(t, 5*time.Second, "recovery on all nodes", func() bool {
		return c.everywhere("counters", "ok") && c.everywhere("blocks", "ok")
	})
	stillBlocked("after the empty restart")
	guesses("recovered", lasting(5*time.Second, 2*time.Second))
	answers := s.calm()

	verified := map[string]int{}
	for _, a := range answers {
		switch {
		case a.err != nil:
			t.Errorf("no answer: %v", a.err)
		case a.status == http.StatusUnauthorized:
			verified[a.call.from]++
		case a.status >= 500 && a.status != http.StatusServiceUnavailable:
			t.Errorf("answered %d", a.status)
		}
	}
	most := 0
	for from, n := range verified {
		most = max(most, n)
		if n > 3*5 {
			t.Errorf("%d guesses from %s, more than nodes x 5", n, from)
		}
	}
	t.Logf("%d requests, by status %v; at most %d guesses for one key; degraded seen after %v, recovered after %v, p99 %v",
		len(answers), byStatus(answers), most, seen.Round(time.Millisecond), recovered.Round(time.Millisecond), percentile(answers, 0.99).Round(time.Millisecond))
}

// lasting is rounds for durations.
func lasting(often, quick time.Duration) time.Duration {
	if *long {
		return often
	}
	return quick
}
