package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func TestRequests(t *testing.T) {
	const login = "POST /login"
	for _, c := range []struct {
		name, method, path string
		engine             httpguard.Admitter
		handler            http.HandlerFunc
		endpoint, code     string
		asMethod           string
		panics             float64
	}{
		{"written", "POST", "/login", nil, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }, login, "200", "POST", 0},
		{"nothing written", "POST", "/login", nil, func(http.ResponseWriter, *http.Request) {}, login, "200", "POST", 0},
		{"wrong password", "POST", "/login", nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, login, "401", "POST", 0},
		{"a status of one's own", "POST", "/login", nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) }, login, "other", "POST", 0},
		{"refused", "POST", "/login", decision{Verdict: gatehouse.Limited, RetryAfter: 1}, nil, login, "429", "POST", 0},
		{"panic", "POST", "/login", nil, func(http.ResponseWriter, *http.Request) { panic("x") }, login, "500", "POST", 1},
		{"other path", "GET", "/wp-admin.php", nil, nil, httpguard.Unmatched, "404", "GET", 0},
		{"other method", "BREW", "/login", nil, nil, httpguard.Unmatched, "405", "other", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := metrics.New(metrics.Options{})
			mux := http.NewServeMux()
			mux.HandleFunc(login, func(w http.ResponseWriter, r *http.Request) { c.handler(w, r) })
			guarded(m, c.engine, mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(c.method, c.path, nil))
			s := scraped(t, m)
			want(t, s, 1, "gatehouse_http_requests_total", "endpoint", c.endpoint, "method", c.asMethod, "code", c.code)
			want(t, s, 1, "gatehouse_http_request_duration_seconds", "endpoint", c.endpoint)
			want(t, s, c.panics, "gatehouse_http_panics_total", "endpoint", c.endpoint)
			want(t, s, 0, "gatehouse_http_requests_in_flight")
		})
	}
}

func TestInFlight(t *testing.T) {
	m := metrics.New(metrics.Options{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {
		want(t, scraped(t, m), 1, "gatehouse_http_requests_in_flight")
	})
	guarded(m, nil, mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestOnlyKnownEndpoints(t *testing.T) {
	m := metrics.New(metrics.Options{Endpoints: []string{"GET /a"}})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /b", func(http.ResponseWriter, *http.Request) {})
	h := guarded(m, nil, mux)
	for _, path := range []string{"/a", "/b", "/c"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	s := scraped(t, m)
	want(t, s, 1, "gatehouse_http_request_duration_seconds", "endpoint", "GET /a")
	want(t, s, 2, "gatehouse_http_request_duration_seconds", "endpoint", httpguard.Unmatched)
}

// Without httpguard there is no endpoint and no status, and nothing breaks.
func TestAroundAlone(t *testing.T) {
	m := metrics.New(metrics.Options{})
	m.Around(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	want(t, scraped(t, m), 1, "gatehouse_http_requests_total", "endpoint", httpguard.Unmatched, "method", "GET", "code", "other")
}

func TestPanicPassesThrough(t *testing.T) {
	m := metrics.New(metrics.Options{})
	oops := errors.New("oops")
	h := m.Around(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(oops) }))
	defer func() {
		if v := recover(); v != oops {
			t.Errorf("recovered %v", v)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
}

type blank struct{ h http.Header }

func (d blank) Header() http.Header         { return d.h }
func (d blank) WriteHeader(int)             {}
func (d blank) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkAround is a guarded request without and with the instrument.
func BenchmarkAround(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	m := metrics.New(metrics.Options{})
	plain := httpguard.New(nil, httpguard.Options{Logger: discard}).Wrap(httpguard.Routes(mux))
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"plain", plain}, {"measured", guarded(m, nil, mux)}} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/me", nil)
			w := blank{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				c.h.ServeHTTP(w, r)
			}
		})
	}
}

// idle is a store that does nothing, for any number of clients.
type idle struct{ gatehouse.Windows }

func (idle) Hit(context.Context, time.Time, []gatehouse.Hit) error { return nil }
