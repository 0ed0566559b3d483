package sentrytel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// site is a login page behind httpguard and the monitor.
func site(m *sentrytel.Monitor, handlers map[string]http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	return httpguard.New(nil, httpguard.Options{
		Around:  []func(http.Handler) http.Handler{m.Around},
		OnPanic: m.OnPanic, OnError: m.OnError,
		Logger: slog.New(slog.DiscardHandler),
	}).Wrap(httpguard.Routes(mux))
}

func request(t testing.TB, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

type wrapped struct{ error }

func (w wrapped) Unwrap() error { return w.error }

func TestErrorIsCaptured(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) {
		o.TracesSampleRate = rate(0)
		o.UserOf = func(*http.Request, error) string { return "user-7" }
	})
	cause := errors.New("disk is full")
	h := site(m, map[string]http.HandlerFunc{
		"POST /api/auth/login": httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			m.Breadcrumb(r.Context(), "db", "append failed", map[string]string{"attempt": "3"})
			return wrapped{fmt.Errorf("log in: %w", cause)}
		}).ServeHTTP,
	})
	w := request(t, h, "POST", "/api/auth/login?token=x")
	if w.Code != 500 {
		t.Fatalf("status %d", w.Code)
	}
	flush(t, m)

	e := s.only(t, "event")
	id := w.Header().Get("X-Correlation-Id")
	e.want(t, map[string]any{
		"level": "error", "environment": "test", "release": "gatehouse@1.2.3", "platform": "go",
		"server_name": nil, "transaction": "POST /api/auth/login",
		"tags.correlation_id": id, "tags.endpoint": "POST /api/auth/login",
		"contexts.trace.trace_id": id, "contexts.runtime.name": "go",
		"exception.0.type": "*errors.errorString", "exception.0.value": "disk is full",
		"exception.2.type": "sentrytel_test.wrapped", "exception.2.value": "log in: disk is full",
		"fingerprint.0": "{{ default }}", "fingerprint.1": "POST /api/auth/login",
		"request.method": "POST", "request.url": "POST /api/auth/login", "request.query_string": nil,
		"breadcrumbs.0.message": "append failed", "breadcrumbs.0.data.attempt": "3",
		"user.ip_address": nil, "user.email": nil,
	})
	if user, _ := e.at("user.id").(string); len(user) != 24 || strings.Contains(user, "7") && user == "user-7" {
		t.Errorf("user.id = %q, want a pseudonym", user)
	}
	if e.at("exception.2.stacktrace.frames") == nil {
		t.Error("no stack trace")
	}
	if got := s.auth[0]; !strings.Contains(got, "sentry_key=public") {
		t.Errorf("X-Sentry-Auth = %q", got)
	}
	if st := m.Stats(); st.Sent != 1 || st.Waiting != 0 {
		t.Errorf("Stats = %+v", st)
	}
}

func TestPanicIsCaptured(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		want  map[string]any
	}{
		"text":   {"out of order", map[string]any{"exception.0.type": "panic(string)", "exception.0.value": "out of order"}},
		"error":  {errors.New("torn page"), map[string]any{"exception.0.type": "*errors.errorString", "exception.0.value": "torn page"}},
		"number": {42, map[string]any{"exception.0.value": "42"}},
		"struct": {struct{ Inner string }{"hidden"}, map[string]any{"exception.0.type": "panic(struct { Inner string })", "exception.0.value": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIngest(t)
			m := newMonitor(t, s, func(o *sentrytel.Options) { o.TracesSampleRate = rate(0) })
			h := site(m, map[string]http.HandlerFunc{"GET /boom": func(http.ResponseWriter, *http.Request) { explode(tt.value) }})
			if w := request(t, h, "GET", "/boom"); w.Code != 500 {
				t.Fatalf("status %d", w.Code)
			}
			flush(t, m)
			e := s.only(t, "event")
			e.want(t, map[string]any{
				"level": "fatal", "tags.endpoint": "GET /boom",
				"exception.0.mechanism.type": "panic", "exception.0.mechanism.handled": false,
			})
			e.want(t, tt.want)
			frames, _ := e.at("exception.0.stacktrace.frames").([]any)
			if len(frames) == 0 || frames[len(frames)-1].(map[string]any)["function"] != "explode" {
				t.Errorf("the innermost frame is not where it panicked: %v", frames)
			}
		})
	}
}

// An error that panics when it is asked harms nobody.
func TestErrorThatPanics(t *testing.T) {
	m := newMonitor(t, newIngest(t), nil)
	r := httptest.NewRequest("GET", "/", nil)
	var bad *worst
	m.OnError(r, bad)
	m.OnPanic(r, bad, nil)
	m.Survived(t.Context(), "x", bad)
	if got := m.Stats().Dropped[sentrytel.Failed]; got != 3 {
		t.Errorf("%d counted as failed, want 3", got)
	}
}

type worst struct{ text string }

func (w *worst) Error() string { return w.text } // panics on nil

func explode(value any) { panic(value) }

// Behind nothing but Handler, a panic is captured and goes on.
func TestHandlerAlone(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.TracesSampleRate = rate(1) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		m.Span(r.Context(), "db", "find item").End(nil)
		w.WriteHeader(http.StatusTeapot)
	})
	mux.HandleFunc("GET /boom", func(http.ResponseWriter, *http.Request) { explode("here") })
	h := m.Handler(mux)
	if w := request(t, h, "GET", "/items/secret-path"); w.Code != http.StatusTeapot {
		t.Fatalf("status %d", w.Code)
	}
	func() {
		defer func() {
			if v := recover(); v != "here" {
				t.Errorf("recovered %v, want the panic to go on", v)
			}
		}()
		request(t, h, "GET", "/boom")
	}()
	flush(t, m)

	s.only(t, "event").want(t, map[string]any{"exception.0.value": "here", "tags.endpoint": "GET /boom"})
	traces := s.of("transaction")
	if len(traces) != 2 {
		t.Fatalf("%d transactions, want 2", len(traces))
	}
	for _, tx := range traces {
		if tx.at("transaction") == "GET /boom" {
			tx.want(t, map[string]any{"contexts.trace.status": "internal_error"})
			continue
		}
		tx.want(t, map[string]any{
			"transaction": "GET /items/{id}", "transaction_info.source": "route",
			"contexts.trace.op": "http.server", "contexts.trace.data.http.response.status_code": nil,
			"spans.0.op": "db", "spans.0.description": "find item", "spans.0.status": "ok",
		})
	}
	if bytes.Contains(s.raw.Bytes(), []byte("secret-path")) {
		t.Error("the path left the process")
	}
}

func TestCheckIn(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, nil)
	m.CheckIn(t.Context(), "Clean up!", sentrytel.Schedule{Every: 90 * time.Second, MaxRuntime: time.Minute})(nil)
	m.CheckIn(t.Context(), "backup", sentrytel.Schedule{Cron: "0 3 * * *"})(errors.New("no space"))
	flush(t, m)

	all := s.of("check_in")
	if len(all) != 4 {
		t.Fatalf("%d check-ins, want 4", len(all))
	}
	byStatus := map[string]item{}
	for _, i := range all {
		byStatus[fmt.Sprint(i.at("monitor_slug"), " ", i.at("status"))] = i
	}
	begun, ended := byStatus["clean-up- in_progress"], byStatus["clean-up- ok"]
	ended.want(t, map[string]any{
		"check_in_id": begun.at("check_in_id"), "monitor_config.schedule.value": 2, "monitor_config.schedule.unit": "minute",
		"monitor_config.max_runtime": 1, "environment": "test",
	})
	byStatus["backup error"].want(t, map[string]any{"monitor_config.schedule.value": "0 3 * * *"})
	s.only(t, "event").want(t, map[string]any{"exception.0.value": "no space", "level": "warning", "tags.doing": "job backup"})
}

func TestLogsAndMetrics(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, nil)
	log := slog.New(m.LogHandler(nil)).With("node", 3).WithGroup("store")
	h := site(m, map[string]http.HandlerFunc{"GET /": func(w http.ResponseWriter, r *http.Request) {
		log.InfoContext(r.Context(), "not sent")
		log.WarnContext(r.Context(), "store is slow", "password", "hunter2", "took", time.Second, slog.Group("redis", "up", false))
	}})
	id := request(t, h, "GET", "/").Header().Get("X-Correlation-Id")
	m.Meter().Count("gatehouse.findings", 2)
	flush(t, m)

	lines, _ := s.only(t, "log").at("items").([]any)
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	s.only(t, "log").want(t, map[string]any{
		"items.0.body": "store is slow", "items.0.level": "warn", "items.0.trace_id": id,
	})
	attrs := lines[0].(map[string]any)["attributes"].(map[string]any)
	for key, want := range map[string]any{
		"node": 3, "store.took": "1s", "store.redis.up": false, "correlation_id": id, "sentry.release": "gatehouse@1.2.3",
	} {
		got, _ := attrs[key].(map[string]any)
		if fmt.Sprint(got["value"]) != fmt.Sprint(want) {
			t.Errorf("%s = %v, want %v", key, attrs[key], want)
		}
	}
	if attrs["sentry.server.address"] != nil || strings.Contains(fmt.Sprint(attrs), "hunter2") {
		t.Errorf("attributes %v", attrs)
	}
	s.only(t, "trace_metric").want(t, map[string]any{"items.0.name": "gatehouse.findings", "items.0.value": 2})
}

// Without a DSN, and on a nil Monitor, everything works and nothing is built.
func TestNoDSN(t *testing.T) {
	off, err := sentrytel.New(sentrytel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*sentrytel.Monitor{"off": off, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			next := http.NewServeMux()
			if m.Around(next) != http.Handler(next) || m.Handler(next) != http.Handler(next) || m.Journal(nil) != nil {
				t.Error("something stands in the way")
			}
			r := httptest.NewRequest("GET", "/", nil)
			m.OnError(r, errors.New("x"))
			m.OnPanic(r, "x", nil)
			m.Survived(t.Context(), "x", errors.New("x"))
			m.Records(nil)
			m.Breadcrumb(t.Context(), "a", "b", nil)
			m.Span(t.Context(), "db", "x").End(nil)
			m.CheckIn(t.Context(), "x", sentrytel.Schedule{})(nil)
			m.Meter().Count("x", 1)
			m.Hub().CaptureMessage("x")
			slog.New(m.LogHandler(nil)).Error("x")
			if m.Enabled() || m.String() != "Sentry is off: no DSN" || m.Stats().Sent != 0 {
				t.Errorf("%v %+v", m, m.Stats())
			}
			if err := errors.Join(m.Flush(t.Context()), m.Close(context.Background())); err != nil {
				t.Error(err)
			}
			if n := testing.AllocsPerRun(100, func() { m.Span(t.Context(), "db", "x").End(nil) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestBadOptions(t *testing.T) {
	const key = "0123secretkey"
	for dsn, want := range map[string]string{
		"https://" + key + "@ho st/1":     "no URL",
		"ftp://" + key + "@host/1":        "scheme",
		"https://host.example/1":          "public key",
		"https://" + key + "@/1":          "host",
		"https://" + key + "@host":        "project",
		key + "@host/1":                   "scheme",
		"https://" + key + "@host:99x9/1": "no URL",
	} {
		_, err := sentrytel.New(sentrytel.Options{DSN: dsn})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key) {
			t.Errorf("DSN %q: %v, want %q and no key", dsn, err, want)
		}
	}
	for _, r := range []float64{-0.1, 1.1} {
		if _, err := sentrytel.New(sentrytel.Options{DSN: "https://k@host.example/1", TracesSampleRate: &r}); err == nil {
			t.Errorf("rate %v accepted", r)
		}
	}
}

// What is on says where to, and no key.
func TestString(t *testing.T) {
	for environment, percent := range map[string]string{"": "10 %", "development": "100 %", "staging": "10 %"} {
		m, err := sentrytel.New(sentrytel.Options{DSN: "https://0123key@sentry.example.com/7", Environment: environment})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(t.Context())
		for _, want := range []string{"host sentry.example.com, project 7", percent, "release "} {
			if !strings.Contains(m.String(), want) || strings.Contains(m.String(), "0123key") {
				t.Errorf("%q lacks %q or has the key", m, want)
			}
		}
	}
}
