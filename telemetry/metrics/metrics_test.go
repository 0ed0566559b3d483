package metrics_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

var discard = slog.New(slog.DiscardHandler)

// full has every metric there is.
func full(t testing.TB) *metrics.Metrics {
	t.Helper()
	m := metrics.New(metrics.Options{Version: "1.2.3"})
	n := func() int { return 3 }
	if err := m.Watch(metrics.Sources{BlocksInForce: n, SpoolRecords: n, HashesInFlight: n, SentryDropped: func() uint64 { return 4 }}); err != nil {
		t.Fatal(err)
	}
	s := new(store)
	m.Windows(s)
	m.Blocks(s)
	m.Journal(s)
	m.Sightings(s)
	m.Alerts(s)
	m.SetDegraded("windows", false)
	m.AlertSent("mail")
	m.AlertFailed("mail")
	m.RateLimited("minute")
	m.HashWaited(20 * time.Millisecond)
	return m
}

func TestNamesFollowTheConventions(t *testing.T) {
	m := full(t)
	guarded(m, nil, http.NewServeMux()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	problems, err := promlint.New(bytes.NewReader(scraped(t, m).text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

func TestSources(t *testing.T) {
	m := full(t)
	s := scraped(t, m)
	want(t, s, 1, "gatehouse_build_info", "version", "1.2.3", "revision", revision(s), "goversion", runtime.Version())
	want(t, s, 3, "gatehouse_blocks_in_force")
	want(t, s, 3, "gatehouse_spool_records")
	want(t, s, 3, "gatehouse_password_hashes_in_flight")
	want(t, s, 4, "gatehouse_sentry_dropped_total")
	want(t, s, 1, "gatehouse_password_hash_wait_seconds")
	want(t, s, 1, "gatehouse_alerts_sent_total", "channel", "mail")
	want(t, s, 1, "gatehouse_alerts_failed_total", "channel", "mail")
	want(t, s, 1, "gatehouse_rate_limited_total", "policy", "minute")
	want(t, s, 0, "gatehouse_degraded", "component", "windows")
	if s.families["go_goroutines"] == nil || s.families["process_cpu_seconds_total"] == nil {
		t.Error("no metrics of runtime and process")
	}
	m.SetDegraded("windows", true)
	want(t, scraped(t, m), 1, "gatehouse_degraded", "component", "windows")
	if err := m.Watch(metrics.Sources{BlocksInForce: func() int { return 0 }}); err == nil {
		t.Error("a source was taken twice")
	}
	own := prometheus.NewCounter(prometheus.CounterOpts{Name: "gatehouse_own_total", Help: "Somebody else's."})
	if err := m.Register(own); err != nil || scraped(t, m).value("gatehouse_own_total") != 0 {
		t.Errorf("a collector of somebody else: %v", err)
	}
}

func revision(s scrape) string {
	for _, l := range s.families["gatehouse_build_info"].GetMetric()[0].GetLabel() {
		if l.GetName() == "revision" {
			return l.GetValue()
		}
	}
	return ""
}

// Whatever is sent, to however many places: no series is added once each part
// has been used.
func TestSeriesAreBounded(t *testing.T) {
	m := full(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/login/{id}", func(http.ResponseWriter, *http.Request) {})
	h := guarded(m, nil, mux)
	w := m.Windows(&store{err: fmt.Errorf("x: %w", gatehouse.ErrBusy)})
	engine := m.Admitter(decision{Verdict: gatehouse.Blocked, Block: &gatehouse.Block{Rule: "invented"}})
	attack := func(i int) {
		path := fmt.Sprintf("/login/%d", i)
		if i%2 == 0 {
			path = fmt.Sprintf("/%d\xff", i)
		}
		method := "GET"
		if i%3 == 0 {
			method = fmt.Sprintf("M%d", i)
		}
		r := &http.Request{Method: method, Host: "h", Header: http.Header{}, RemoteAddr: "192.0.2.1:1"}
		r.URL = mustURL("/")
		r.URL.Path = path
		r.Header.Set("User-Agent", fmt.Sprintf("agent-%d\xff", i))
		h.ServeHTTP(httptest.NewRecorder(), r)
		id := fmt.Sprintf("%d\xff\n", i)
		m.Records([]gatehouse.Record{
			{ID: id, Event: gatehouse.Event{Kind: gatehouse.Kind(id), Reason: id, Endpoint: id}},
			{ID: id, Event: gatehouse.Event{Kind: gatehouse.LoginRefused, Reason: id, Subject: gatehouse.Subject{Account: id}}},
			{ID: id, Severity: gatehouse.Severity(i), Event: gatehouse.Event{Kind: gatehouse.SuspiciousActivity},
				Finding: &gatehouse.Finding{Rule: id, Kind: gatehouse.SuspiciousActivity, Severity: gatehouse.Severity(i), Count: 1}},
		})
		w.Hit(t.Context(), time.Time{}, []gatehouse.Hit{{Key: gatehouse.Key{byte(i), byte(i >> 8)}}})
		engine.Admit(t.Context(), gatehouse.Event{Client: gatehouse.Client{IP: netip.MustParseAddr("192.0.2.1")}})
	}
	for i := range 300 {
		attack(i)
	}
	before := scraped(t, m).series()
	for i := range 100_000 {
		attack(i)
	}
	after := scraped(t, m)
	if n := after.series(); n != before {
		t.Errorf("%d series, and after the flood %d", before, n)
	}
	if bytes.Contains(after.text, []byte("agent-")) || bytes.Contains(after.text, []byte("invented")) {
		t.Error("something that was sent is in the metrics")
	}
	want(t, after, 100_300, "gatehouse_events_total", "type", "other")
}

// Names come from the configuration, but are bounded none the less.
func TestNamesAreBounded(t *testing.T) {
	m := metrics.New(metrics.Options{})
	for i := range 1000 {
		name := fmt.Sprintf("n%d\xff", i)
		m.SetDegraded(name, true)
		m.AlertSent(name)
		m.AlertFailed(name)
	}
	s := scraped(t, m)
	if n := len(s.families["gatehouse_degraded"].Metric); n != 16 {
		t.Errorf("%d components", n)
	}
	want(t, s, 984, "gatehouse_alerts_sent_total", "channel", "other")
	want(t, s, 984, "gatehouse_alerts_failed_total", "channel", "other")
}

func TestConcurrentUse(t *testing.T) {
	m := full(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ok", func(http.ResponseWriter, *http.Request) {})
	h := guarded(m, nil, mux)
	w := m.Windows(idle{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 100 {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/ok", nil))
				w.Hit(t.Context(), time.Time{}, nil)
				m.Records([]gatehouse.Record{{Event: gatehouse.Event{Kind: gatehouse.LoginFailed}}})
				m.SetDegraded("windows", true)
			}
		})
	}
	for range 10 {
		scraped(t, m)
	}
	wg.Wait()
	s := scraped(t, m)
	want(t, s, 6400, "gatehouse_http_requests_total", "endpoint", "GET /ok", "method", "GET", "code", "200")
	want(t, s, 6400, "gatehouse_port_operations_total", "port", "windows", "operation", "hit")
	want(t, s, 800, "gatehouse_port_operation_duration_seconds", "port", "windows", "operation", "hit")
	want(t, s, 6400, "gatehouse_events_total", "type", "login_failed")
	want(t, s, 0, "gatehouse_http_requests_in_flight")
}
