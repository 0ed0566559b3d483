package sentrytel_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

func TestRateIsHonoured(t *testing.T) {
	const requests = 4000
	for _, tt := range []struct {
		rate     float64
		min, max int
	}{{0, 0, 0}, {0.1, 310, 490}, {1, requests, requests}} { // 400 ± 4.7 standard deviations
		s := newIngest(t)
		m := newMonitor(t, s, func(o *sentrytel.Options) {
			o.TracesSampleRate, o.Queue, o.TracesPerMinute = &tt.rate, requests+1, 5*requests
		})
		h := site(m, map[string]http.HandlerFunc{"GET /": func(http.ResponseWriter, *http.Request) {}})
		for range requests {
			request(t, h, "GET", "/")
		}
		flush(t, m)
		if n := len(s.of("transaction")); n < tt.min || n > tt.max {
			t.Errorf("rate %v: %d of %d kept", tt.rate, n, requests)
		}
	}
}

func TestTransaction(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.TracesSampleRate = rate(1) })
	h := site(m, map[string]http.HandlerFunc{"POST /api/auth/login": func(w http.ResponseWriter, r *http.Request) {
		m.Span(r.Context(), "crypto", "argon2id").End(nil)
		m.Span(r.Context(), "db", "journal append").End(errors.New("not told"))
		w.WriteHeader(http.StatusUnauthorized)
	}})
	id := request(t, h, "POST", "/api/auth/login").Header().Get("X-Correlation-Id")
	flush(t, m)
	tx := s.only(t, "transaction")
	tx.want(t, map[string]any{
		"type": "transaction", "transaction": "POST /api/auth/login", "transaction_info.source": "route",
		"environment": "test", "release": "gatehouse@1.2.3", "server_name": nil, "tags.correlation_id": id,
		"contexts.trace.trace_id": id, "contexts.trace.status": "unauthenticated", "contexts.trace.op": "http.server",
		"spans.0.op": "crypto", "spans.0.trace_id": id, "spans.0.parent_span_id": tx.at("contexts.trace.span_id"),
		"spans.1.description": "journal append", "spans.1.status": "internal_error", "user": "map[]", "request": nil,
	})
	if data := tx.at("contexts.trace.data").(map[string]any); data["http.response.status_code"] != 401.0 || data["http.route"] != "POST /api/auth/login" {
		t.Errorf("data %v", data)
	}
}

// A handler that says nothing says 200, and one that panics 500.
func TestStatusOfTransaction(t *testing.T) {
	for path, want := range map[string]string{"/silent": "ok", "/panic": "internal_error"} {
		s := newIngest(t)
		m := newMonitor(t, s, func(o *sentrytel.Options) { o.TracesSampleRate = rate(1) })
		h := site(m, map[string]http.HandlerFunc{
			"GET /silent": func(http.ResponseWriter, *http.Request) {},
			"GET /panic":  func(http.ResponseWriter, *http.Request) { explode("x") },
		})
		request(t, h, "GET", path)
		flush(t, m)
		tx := s.only(t, "transaction")
		data, _ := tx.at("contexts.trace.data").(map[string]any)
		if tx.at("contexts.trace.status") != want || data["http.response.status_code"] == 0.0 {
			t.Errorf("%s: %v", path, tx.at("contexts.trace"))
		}
	}
}

// Traces of attacks are kept at any rate but 0 and those of health checks at
// none.
func TestWhatIsKept(t *testing.T) {
	const never = 1e-18
	for name, tt := range map[string]struct {
		rate float64
		path string
		want int
	}{
		"ordinary":              {never, "/", 0},
		"refused":               {never, "/refused", 1},
		"finding":               {never, "/attack", 1},
		"finding by observer":   {never, "/observed", 1},
		"health":                {1, "/healthz", 0},
		"tracing off":           {0, "/attack", 0},
		"attack, sampled":       {1, "/attack", 1},
		"unknown path, sampled": {1, "/no/such/path", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIngest(t)
			m := newMonitor(t, s, func(o *sentrytel.Options) { o.TracesSampleRate = &tt.rate })
			journal := m.Journal(discard{})
			attack := func(r *http.Request) gatehouse.Record {
				rec := bruteForce(attacker, "a", 1)
				rec.CorrelationID = sentrytel.CorrelationID(r.Context())
				return rec
			}
			h := site(m, map[string]http.HandlerFunc{
				"GET /{$}":      func(http.ResponseWriter, *http.Request) {},
				"GET /healthz":  func(http.ResponseWriter, *http.Request) {},
				"GET /refused":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
				"GET /attack":   func(_ http.ResponseWriter, r *http.Request) { journal.Append(r.Context(), attack(r)) },
				"GET /observed": func(_ http.ResponseWriter, r *http.Request) { m.Records([]gatehouse.Record{attack(r)}) },
			})
			id := request(t, h, "GET", tt.path).Header().Get("X-Correlation-Id")
			request(t, h, "GET", "/") // another one is not kept for it
			flush(t, m)
			kept := 0
			for _, tx := range s.of("transaction") {
				if tx.at("contexts.trace.trace_id") == id {
					kept++
				} else if tt.rate == never {
					t.Errorf("kept %v", tx.Body)
				}
			}
			if kept != tt.want {
				t.Errorf("kept %d times, want %d", kept, tt.want)
			}
		})
	}
}

type discard struct{}

func (discard) Append(context.Context, ...gatehouse.Record) error { return nil }

// A flood of refused requests keeps only so many traces.
func TestAttackTracesAreLimited(t *testing.T) {
	s := newIngest(t)
	c := &clock{noon}
	m := newMonitor(t, s, func(o *sentrytel.Options) {
		o.Now, o.TracesSampleRate, o.AttackTracesPerMinute = c.Now, rate(1e-18), 20
	})
	h := site(m, map[string]http.HandlerFunc{"GET /": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }})
	for range 1000 {
		request(t, h, "GET", "/")
	}
	flush(t, m)
	if n := len(s.of("transaction")); n != 5 {
		t.Errorf("%d traces, want 5", n)
	}
}

// A flood of requests is not a flood of traces.
func TestTracesAreLimited(t *testing.T) {
	s := newIngest(t)
	c := &clock{noon}
	m := newMonitor(t, s, func(o *sentrytel.Options) {
		o.Now, o.TracesSampleRate, o.TracesPerMinute = c.Now, rate(1), 40
	})
	h := site(m, map[string]http.HandlerFunc{"GET /": func(http.ResponseWriter, *http.Request) {}})
	for range 200 {
		request(t, h, "GET", "/")
	}
	flush(t, m)
	if n, st := len(s.of("transaction")), m.Stats(); n != 10 || st.Dropped[sentrytel.Limited] != 190 {
		t.Errorf("%d traces, want 10; %+v", n, st)
	}
}

func TestUpstreamTrace(t *testing.T) {
	const (
		trace  = "4bf92f3577b34da6a3ce929d0e0e4736"
		parent = "00f067aa0ba902b7"
	)
	for name, tt := range map[string]struct {
		header, value string
		trusted       bool
		rate          float64
		kept, joined  bool
	}{
		"traceparent, kept there":     {"Traceparent", "00-" + trace + "-" + parent + "-01", true, 0.0, true, true},
		"traceparent, not kept there": {"Traceparent", "00-" + trace + "-" + parent + "-00", true, 1, false, false},
		"sentry-trace":                {"Sentry-Trace", trace + "-" + parent + "-1", true, 0, true, true},
		"sentry-trace, undecided":     {"Sentry-Trace", trace + "-" + parent, true, 1, true, true},
		"a later version":             {"Traceparent", "01-" + trace + "-" + parent + "-01-more", true, 0, true, true},
		"not trusted":                 {"Traceparent", "00-" + trace + "-" + parent + "-01", false, 1, true, false},
		"not trusted, not kept":       {"Traceparent", "00-" + trace + "-" + parent + "-01", false, 0, false, false},
		"version ff":                  {"Traceparent", "ff-" + trace + "-" + parent + "-01", true, 1, true, false},
		"upper case":                  {"Traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01", true, 1, true, false},
		"zero trace":                  {"Traceparent", "00-00000000000000000000000000000000-" + parent + "-01", true, 1, true, false},
		"zero parent":                 {"Traceparent", "00-" + trace + "-0000000000000000-01", true, 1, true, false},
		"too long":                    {"Traceparent", "00-" + trace + "-" + parent + "-01-x", true, 1, true, false},
		"no hexadecimal":              {"Traceparent", "00-" + trace + "-zzf067aa0ba902b7-01", true, 1, true, false},
		"short":                       {"Traceparent", "00", true, 1, true, false},
		"empty":                       {"Traceparent", "", true, 1, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIngest(t)
			m := newMonitor(t, s, func(o *sentrytel.Options) {
				o.TracesSampleRate, o.TrustTrace = &tt.rate, func(*http.Request) bool { return tt.trusted }
			})
			h := site(m, map[string]http.HandlerFunc{"GET /": func(http.ResponseWriter, *http.Request) {}})
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set(tt.header, tt.value)
			h.ServeHTTP(httptest.NewRecorder(), r)
			flush(t, m)
			all := s.of("transaction")
			if (len(all) == 1) != tt.kept {
				t.Fatalf("%d transactions, kept should be %v", len(all), tt.kept)
			}
			if !tt.kept {
				return
			}
			joined := all[0].at("contexts.trace.trace_id") == trace && all[0].at("contexts.trace.parent_span_id") == parent
			if joined != tt.joined {
				t.Errorf("joined is %v: %v", joined, all[0].at("contexts.trace"))
			}
		})
	}
}
