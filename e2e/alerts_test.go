package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// receiver is where webhooks go.
type receiver struct {
	url string

	mu     sync.Mutex
	mood   http.HandlerFunc // answers; nil: takes everything
	deaf   bool             // takes everything, and does not say so
	taken  map[string]int   // how often each key was
	by     map[string]hooked
	arrive chan struct{} // one token for what arrived
}

// hooked is what a webhook says, as far as these tests care.
type hooked struct {
	Type string
	Data struct {
		Thread, Subject, Text string
		Facts                 []struct{ Name, Value string }
	}
}

func (h hooked) fact(name string) string {
	for _, f := range h.Data.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{taken: map[string]int{}, by: map[string]hooked{}, arrive: make(chan struct{}, 1)}
	ts := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(ts.Close)
	t.Cleanup(ts.CloseClientConnections)
	r.url = ts.URL
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var h hooked
	if err != nil || json.Unmarshal(body, &h) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	mood := r.mood
	deaf := r.deaf
	if mood == nil {
		key := req.Header.Get("webhook-id")
		r.taken[key]++
		r.by[key] = h
	}
	r.mu.Unlock()
	select {
	case r.arrive <- struct{}{}:
	default:
	}
	switch {
	case mood != nil:
		mood(w, req)
	case deaf:
		hanging(w, req)
	}
}

func (r *receiver) be(mood http.HandlerFunc, deaf bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mood, r.deaf = mood, deaf
	select {
	case <-r.arrive:
	default:
	}
}

// await waits for the next request.
func (r *receiver) await(t *testing.T) {
	t.Helper()
	select {
	case <-r.arrive:
	case <-time.After(20 * time.Second):
		t.Fatal("no webhook arrives")
	}
}

// got returns the messages of a type that were taken, by key.
func (r *receiver) got(kind string) map[string]hooked {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]hooked{}
	for key, h := range r.by {
		if h.Type == kind {
			found[key] = h
		}
	}
	return found
}

// The ways in which a receiver fails.
func failing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
func hanging(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
func cutting(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.(*net.TCPConn).SetLinger(0) // refused, as far as the client can tell
		conn.Close()
	}
}

const webhookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// alerting is a configuration that alerts a receiver of brute force.
func alerting(r *receiver, more string) string { return cheapHash + proxied + alertsOnly(r, more) }

// alertsOnly is the part of alerting that is about alerts.
func alertsOnly(r *receiver, more string) string {
	return fmt.Sprintf(`
alerts:
  channels:
    hook: {type: webhook, url: %q, secret: %s, allow: [127.0.0.1/32], allow_http: true}
  routes:
    - {name: ops, rules: [brute_force], channels: [hook], limit: 1000%s}
`, r.url, webhookSecret, more)
}

// attack guesses a password from an address until that is found out.
func (s *server) attack(from string) {
	s.t.Helper()
	for range 5 {
		s.login("nobody@example.com", "wrong password", from)
	}
}

// Whatever the receiver does, and whenever the server is killed: each alert
// arrives, and what arrives twice has one key.
func TestAlertsArrive(t *testing.T) {
	r := newReceiver(t)
	s := start(t, alerting(r, ""))
	attacks := 0
	for i, mood := range []http.HandlerFunc{failing, hanging, cutting, nil, nil} {
		r.be(mood, i == 3) // then killed between the delivery and its mark
		for range rounds(10, 3) {
			attacks++
			s.attack(fmt.Sprintf("198.51.100.%d", attacks))
			r.await(t)
			s.stop(syscall.SIGKILL)
			s.run()
		}
	}
	within(t, time.Minute, "all alerts have arrived", func() bool { return len(r.got("finding.opened")) >= attacks })
	about := map[string]int{}
	twice := 0
	for key, h := range r.got("finding.opened") {
		about[h.fact("Address")]++
		r.mu.Lock()
		twice += r.taken[key] - 1
		r.mu.Unlock()
	}
	for i := range attacks {
		if from := fmt.Sprintf("198.51.100.%d", i+1); about[from] != 1 {
			t.Errorf("%d alerts about %s", about[from], from)
		}
	}
	if found := s.count("brute_force_detected"); found != attacks {
		t.Errorf("%d findings on record, for %d attacks", found, attacks)
	}
	t.Logf("%d attacks, each with one alert; %d came twice with one key", attacks, twice)
}

// An attack that goes on is one alert, and one notice that it is over.
func TestAlertIsClosed(t *testing.T) {
	r := newReceiver(t)
	s := start(t, alerting(r, ", resolve_after: 2s"))
	for i := range 20 {
		for range 5 {
			s.login(fmt.Sprintf("nobody%d@example.com", i), "wrong password", "198.51.100.7")
		}
		if i == 0 { // blocked from now on
			s.command("blocks", "remove", "198.51.100.7")
		}
	}
	within(t, 20*time.Second, "it is over", func() bool { return len(r.got("finding.resolved")) > 0 })
	opened, resolved := r.got("finding.opened"), r.got("finding.resolved")
	if len(opened) != 1 || len(resolved) != 1 {
		t.Errorf("%d alerts and %d closing notices: %+v", len(opened), len(resolved), opened)
	}
	for _, h := range opened {
		for _, name := range []string{"Done", "To undo", "Account", "Address"} {
			if h.fact(name) == "" {
				t.Errorf("the alert does not say %q: %+v", name, h)
			}
		}
	}
}

// Two nodes on one PostgreSQL, of which one after the other is killed: each attack
// is one alert.
func TestClusterAlerts(t *testing.T) {
	r := newReceiver(t)
	c := startCluster(t, 2, alertsOnly(r, ""), nothingFails)
	r.be(failing, false)
	attacks := rounds(100, 12)
	for i := range attacks {
		c.nodes[i%2].attack(fmt.Sprintf("198.51.100.%d", i+1))
		if i%4 == 3 {
			victim := c.nodes[i/4%2]
			victim.stop(syscall.SIGKILL)
			victim.run()
		}
	}
	r.be(nil, false)
	within(t, time.Minute, "all alerts have arrived", func() bool { return len(r.got("finding.opened")) >= attacks })
	about := map[string]int{}
	for _, h := range r.got("finding.opened") {
		about[h.fact("Address")]++
	}
	for i := range attacks {
		if from := fmt.Sprintf("198.51.100.%d", i+1); about[from] != 1 {
			t.Errorf("%d alerts about %s", about[from], from)
		}
	}
}

// What a receiver does not want is given up, shown, and tried again when somebody
// says so.
func TestAlertsGivenUp(t *testing.T) {
	r := newReceiver(t)
	r.be(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, false)
	s := start(t, alerting(r, ""))
	if out, code := s.command("alerts", "test"); code != 1 || !strings.Contains(out, "410 Gone") {
		t.Errorf("alerts test: exit %d: %s", code, out)
	}
	s.attack("198.51.100.7")
	within(t, 20*time.Second, "it is given up", func() bool {
		out, code := s.command("alerts")
		return code == 0 && strings.Contains(out, "dead") && strings.Contains(out, "410 Gone")
	})
	within(t, 20*time.Second, "the health page says so", func() bool { return s.health("/healthz").Parts["alerts"].Status == "degraded" })
	if n := s.metric(`gatehouse_alerts_failed_total{channel="hook"}`); n != 1 {
		t.Errorf("%v alerts failed, as the metrics have it", n)
	}
	r.be(nil, false)
	if out, code := s.command("alerts", "test"); code != 0 || !strings.Contains(out, "delivered") || len(r.got("gatehouse.test")) != 1 {
		t.Errorf("alerts test: exit %d: %s", code, out)
	}
	if out, code := s.command("alerts", "retry", "--all"); code != 0 || !strings.HasPrefix(out, "1 ") {
		t.Errorf("alerts retry: exit %d: %s", code, out)
	}
	within(t, 20*time.Second, "it is delivered", func() bool { return len(r.got("finding.opened")) == 1 })
	within(t, 40*time.Second, "all is well", func() bool { return s.health("/healthz").Parts["alerts"].Status == "ok" })
	if out, code := s.command("alerts", "retry", "none"); code != 3 {
		t.Errorf("retry of what is not there: exit %d: %s", code, out)
	}
	if out, code := s.command("alerts", "--json"); code != 0 || strings.Contains(out, `"state"`) || !strings.Contains(out, `"key":"brute_force 198.51.100.7"`) {
		t.Errorf("alerts: exit %d: %s", code, out)
	}
}
