package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The limits of an address hold before anything else is asked, are told in the
// headers of each answer, and leave others alone.
func TestRateLimit(t *testing.T) {
	s := start(t, cheapHash+proxied+"rate_limit: {per_second: 0, per_minute: 30}\nrules: {bot_activity: {enabled: false}}\n")
	var refused, passed int
	for i := range 40 {
		a := s.do(call{method: "GET", path: fmt.Sprintf("/api/auth/%d", i), from: fmt.Sprintf("2001:db8::%x", i+1)})
		if got := a.header.Get("RateLimit-Policy"); got != `"minute";q=30;w=60` {
			t.Fatalf("RateLimit-Policy: %s", got)
		}
		switch a.status {
		case http.StatusNotFound:
			passed++
		case http.StatusTooManyRequests:
			refused++
			if a.header.Get("Retry-After") == "" || !strings.HasPrefix(a.header.Get("RateLimit"), `"minute";r=0;t=`) || !strings.Contains(a.body, "Too many requests") {
				t.Errorf("%v\n%s", a.header, a.body)
			}
		default:
			t.Errorf("status %d", a.status)
		}
	}
	if passed < 30 || passed > 32 || refused == 0 { // one in two seconds drains
		t.Errorf("%d passed and %d were refused, of 40", passed, refused)
	}
	if a := s.do(call{method: "GET", path: "/x", from: "192.0.2.1"}); a.status != http.StatusNotFound {
		t.Errorf("somebody else: %d", a.status)
	}
	if got := s.metric(`gatehouse_rate_limited_total{policy="minute"}`); got != float64(refused) {
		t.Errorf("%d were refused, and the metrics tell of %v", refused, got)
	}
}

// The limits in force by default let a crowd behind one address in.
func TestRateLimitByDefault(t *testing.T) {
	s := start(t, cheapHash+proxied+"# rate_limit: as by default\n")
	s.signup("ada@example.com")
	if got := s.inParallel(parallel, loginCall("ada@example.com", password, "192.0.2.1")); got[http.StatusOK] != 50 || got[http.StatusTooManyRequests] != parallel-50 {
		t.Errorf("%v; want what the rule of bot activity lets through, 50 of 64", got)
	}
	if a := s.login("ada@example.com", password, "192.0.2.2"); a.header.Get("RateLimit-Policy") != `"second";q=100;w=1, "minute";q=1200;w=60` {
		t.Errorf("%v", a.header)
	}
}

// Nodes share the limits; while Redis is dead each keeps half of them by itself,
// and nobody is answered 5xx or let through without limit.
func TestClusterRateLimit(t *testing.T) {
	c := startCluster(t, 3, patient+"rate_limit: {per_second: 0, per_minute: 60}\n", byDefault)
	from := 0
	passed := func() int {
		from++
		got := c.statuses(t, repeated(150, call{method: "GET", path: "/x", from: fmt.Sprintf("192.0.2.%d", from)})...)
		if got[http.StatusNotFound]+got[http.StatusTooManyRequests] != 150 {
			t.Errorf("answers: %v", got)
		}
		return got[http.StatusNotFound]
	}
	shared := func() bool { n := passed(); return n >= 60 && n <= 75 } // one in a second drains
	within(t, 30*time.Second, "the nodes share the limits", shared)
	c.redis.Kill()
	within(t, 30*time.Second, "each node keeps half of the limits", func() bool { n := passed(); return n >= 85 && n <= 105 })
	c.redis.Start()
	within(t, 30*time.Second, "the nodes share the limits again", shared)
}
