package trace_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/trace"
)

const (
	claimedTrace   = "0af7651916cd43dd8448eb211c80319c"
	claimedSpan    = "b7ad6b7169203331"
	claimedSampled = "00-" + claimedTrace + "-" + claimedSpan + "-01"
	claimedNot     = "00-" + claimedTrace + "-" + claimedSpan + "-00"
)

var everybody = func(*http.Request) bool { return true }

func TestSpan(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("hunter2") })
	mux.HandleFunc("GET /empty", func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		method, path, name string
		failed             bool
		want               map[string]string
	}{
		{"POST", "/users/7?token=hunter2", "POST /users/{id}", false, map[string]string{
			"http.request.method": "POST", "http.route": "/users/{id}", "http.response.status_code": "401",
			"url.scheme": "http", "network.protocol.version": "1.1", "error.type": ""}},
		{"GET", "/broken", "GET /broken", true, map[string]string{"http.response.status_code": "502", "error.type": "502"}},
		{"GET", "/panic", "GET /panic", true, map[string]string{"http.response.status_code": "500", "error.type": "panic"}},
		{"GET", "/empty", "GET /empty", false, map[string]string{"http.response.status_code": "200", "error.type": ""}},
		{"GET", "/hunter2", "GET", false, map[string]string{"http.response.status_code": "404", "http.route": ""}},
		{"HUNTER2", "/hunter2", "HTTP", false, map[string]string{"http.request.method": "_OTHER", "http.route": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var id string
			o := trace.Options{Ratio: 1, Headers: map[string]string{"X-Api-Key": "k"}, Version: "1.2.3", Environment: "test", Instance: "node-1"}
			got, stats := served(t, o, mux, func(h http.Handler, _ *trace.Tracer) {
				w := request(h, c.method, c.path, "User-Agent", "hunter2", "Cookie", "a=hunter2")
				id = w.Header().Get(httpguard.CorrelationHeader)
			})
			if len(got.spans) != 1 || stats != (trace.Stats{Ended: 1, Exported: 1}) {
				t.Fatalf("%d spans, %+v", len(got.spans), stats)
			}
			s := got.spans[0]
			if s.Name != c.name || s.Kind != otlp.Span_SPAN_KIND_SERVER || len(s.ParentSpanId) != 0 || s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("span %v", s)
			}
			c.want["gatehouse.correlation_id"] = id
			c.want["gatehouse.late"] = ""
			wantAttributes(t, s, c.want)
			if failed := s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR; failed != c.failed {
				t.Errorf("status %v", s.Status)
			}
			if bytes.Contains(bytes.ToLower(got.raw), []byte("hunter2")) || bytes.Contains(got.raw, []byte("192.0.2.1")) {
				t.Error("something that was sent, or an address, left the process")
			}
			for key, want := range map[string]string{"service.name": "gatehouse", "service.version": "1.2.3",
				"deployment.environment.name": "test", "service.instance.id": "node-1"} {
				if got.resource[key] != want {
					t.Errorf("resource %s is %q", key, got.resource[key])
				}
			}
			if r := got.requests[0]; r.URL.Path != "/v1/traces" || r.Header.Get("X-Api-Key") != "k" {
				t.Errorf("sent to %s with %v", r.URL, r.Header)
			}
		})
	}
}

func TestTraceparent(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		name    string
		trusted func(*http.Request) bool
		ratio   float64
		header  string
		spans   int
		parent  bool // is claimedSpan, in claimedTrace
		link    bool // to claimedSpan
	}{
		{"trusted and sampled", everybody, -1, claimedSampled, 1, true, false},
		{"trusted and not sampled", everybody, 1, claimedNot, 0, false, false},
		{"trusted and malformed", everybody, 1, "00-zz", 1, false, false},
		{"a stranger cannot have itself traced", nil, -1, claimedSampled, 0, false, false},
		{"a stranger cannot keep itself from being traced", nil, 1, claimedNot, 1, false, true},
		{"a stranger writes in no trace of others", nil, 1, claimedSampled, 1, false, true},
		{"a malformed stranger", nil, 1, strings.Repeat("0", 10_000), 1, false, false},
		{"nothing claimed", everybody, 1, "", 1, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := served(t, trace.Options{Ratio: c.ratio, Trusted: c.trusted}, mux, func(h http.Handler, _ *trace.Tracer) {
				request(h, "GET", "/", "Traceparent", c.header, "Tracestate", "vendor=hunter2", "Baggage", "user=hunter2")
			})
			if len(got.spans) != c.spans {
				t.Fatalf("%d spans, want %d", len(got.spans), c.spans)
			}
			for _, s := range got.spans {
				if parent := traceID(s) == claimedTrace && fmt.Sprintf("%x", s.ParentSpanId) == claimedSpan; parent != c.parent {
					t.Errorf("trace %s, parent %x", traceID(s), s.ParentSpanId)
				}
				if link := len(s.Links) == 1 && fmt.Sprintf("%x", s.Links[0].SpanId) == claimedSpan; link != c.link {
					t.Errorf("links %v", s.Links)
				}
				if !c.parent && bytes.Contains(got.raw, []byte("hunter2")) {
					t.Error("a stranger's tracestate or baggage was sent on")
				}
			}
		})
	}
}

func TestRatio(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	for ratio, bounds := range map[float64][2]int{0: {130, 280}, -1: {0, 0}, 1: {2000, 2000}, .5: {850, 1150}} {
		got, _ := served(t, trace.Options{Ratio: ratio}, mux, func(h http.Handler, _ *trace.Tracer) {
			for range 2000 {
				request(h, "GET", "/")
			}
		})
		if n := len(got.spans); n < bounds[0] || n > bounds[1] {
			t.Errorf("%d of 2000 traced at ratio %v", n, ratio)
		}
	}
}

// What matters is kept, though it was not drawn.
func TestLateDecision(t *testing.T) {
	var tracer *trace.Tracer
	mux := http.NewServeMux()
	mux.HandleFunc("POST /attack", func(w http.ResponseWriter, r *http.Request) {
		tracer.Records([]gatehouse.Record{{Event: gatehouse.Event{CorrelationID: "of another"}}, found(r.Context(), "brute_force"), found(r.Context(), "suspicious_user_agent")})
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("x") })
	mux.HandleFunc("GET /fine", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	for _, ratio := range []float64{-1, 1} {
		got, _ := served(t, trace.Options{Ratio: ratio}, mux, func(h http.Handler, own *trace.Tracer) {
			tracer = own
			request(h, "POST", "/attack", "Traceparent", claimedSampled)
			request(h, "GET", "/broken")
			request(h, "GET", "/panic")
			request(h, "GET", "/fine")
			request(h, "GET", "/refused")
		})
		want, late := []string{"POST /attack", "GET /broken", "GET /panic"}, "true"
		if ratio == 1 {
			want, late = append(want, "GET /fine", "GET /refused"), ""
		}
		var names []string
		for _, s := range got.spans {
			names = append(names, s.Name)
			wantAttributes(t, s, map[string]string{"gatehouse.late": late})
		}
		if !slices.Equal(names, want) {
			t.Fatalf("ratio %v: %q kept, want %q", ratio, names, want)
		}
		attack := got.spans[0]
		if len(attack.Events) != 2 || attack.Events[0].Name != trace.FindingEvent {
			t.Fatalf("events %v", attack.Events)
		}
		wantAttributes(t, &otlp.Span{Attributes: attack.Events[0].Attributes}, map[string]string{
			"gatehouse.rule": "brute_force", "gatehouse.finding.type": "brute_force_detected", "gatehouse.severity": "high"})
		if len(attack.Links) != 1 || traceID(attack) == claimedTrace {
			t.Errorf("trace %s, links %v", traceID(attack), attack.Links)
		}
	}
}

// A flood of attacks is not a flood of spans, nor of memory.
func TestLateDecisionsAreBounded(t *testing.T) {
	var tracer *trace.Tracer
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(_ http.ResponseWriter, r *http.Request) {
		for range 20 {
			tracer.Records([]gatehouse.Record{found(r.Context(), "r")})
		}
	})
	got, _ := served(t, trace.Options{Ratio: -1, LatePerSecond: 2}, mux, func(h http.Handler, own *trace.Tracer) {
		tracer = own
		for i := range 100_000 { // of requests that nobody takes
			tracer.Records([]gatehouse.Record{{Event: gatehouse.Event{CorrelationID: fmt.Sprint(i)}, Finding: &gatehouse.Finding{}}})
		}
		for range 5000 {
			request(h, "GET", "/")
		}
	})
	if n := len(got.spans); n < 2 || n > 200 { // two for each second that it took
		t.Fatalf("%d spans", n)
	}
	if n := len(got.spans[0].Events); n != 8 {
		t.Errorf("%d events", n)
	}
}

// Marks of requests that never end are forgotten, the oldest first.
func TestMarksAreForgotten(t *testing.T) {
	var tracer *trace.Tracer
	others := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(_ http.ResponseWriter, r *http.Request) {
		tracer.Records([]gatehouse.Record{found(r.Context(), "r")})
		for i := range others {
			tracer.Records([]gatehouse.Record{{Event: gatehouse.Event{CorrelationID: fmt.Sprint(i)}, Finding: &gatehouse.Finding{}}})
		}
	})
	for n, spans := range map[int]int{1023: 1, 1024: 0} {
		others = n
		got, _ := served(t, trace.Options{Ratio: -1}, mux, func(h http.Handler, own *trace.Tracer) {
			tracer = own
			request(h, "GET", "/")
		})
		if len(got.spans) != spans {
			t.Errorf("%d spans after %d other marks", len(got.spans), n)
		}
	}
}

// Without httpguard there is nothing to tell, and nothing breaks.
func TestAroundAlone(t *testing.T) {
	got, _ := served(t, trace.Options{Ratio: 1}, http.NewServeMux(), func(_ http.Handler, tracer *trace.Tracer) {
		w := httptest.NewRecorder()
		tracer.Around(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("status %d", w.Code)
		}
	})
	if len(got.spans) != 0 {
		t.Errorf("%d spans", len(got.spans))
	}
}

type blank struct{ h http.Header }

func (d blank) Header() http.Header         { return d.h }
func (d blank) WriteHeader(int)             {}
func (d blank) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkAround is a guarded request without the tracer, and with it at
// several ratios.
func BenchmarkAround(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	c := newReceiver(b)
	for _, v := range []struct {
		name  string
		ratio float64
	}{{"plain", 0}, {"none", -1}, {"tenth", .1}, {"all", 1}} {
		b.Run(v.name, func(b *testing.B) {
			var tracer *trace.Tracer
			if v.ratio != 0 {
				var err error
				if tracer, err = trace.New(trace.Options{Endpoint: c.URL, Ratio: v.ratio, Logger: discard}); err != nil {
					b.Fatal(err)
				}
				defer tracer.Shutdown(b.Context())
			}
			h, r, w := guarded(tracer, mux), httptest.NewRequest("GET", "/me", nil), blank{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
