package httpguard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
)

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		decision   gatehouse.Decision
		status     int
		retryAfter string
	}{
		"blocked":            {gatehouse.Decision{Verdict: gatehouse.Blocked, RetryAfter: time.Hour}, 429, "3600"},
		"limited":            {gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: time.Minute}, 429, "60"},
		"busy":               {gatehouse.Decision{Verdict: gatehouse.Busy, RetryAfter: 2 * time.Second}, 503, "2"},
		"a part of a second": {gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: time.Millisecond}, 429, "1"},
		"rounded up":         {gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: 59*time.Second + 1}, 429, "60"},
		"just over":          {gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: time.Minute + 1}, 429, "61"},
		"no time given":      {gatehouse.Decision{Verdict: gatehouse.Blocked}, 429, "1"},
		"busy, no time":      {gatehouse.Decision{Verdict: gatehouse.Busy}, 503, "1"},
		"negative":           {gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: -time.Second}, 429, "1"},
		"undecided":          {gatehouse.Decision{}, 503, "1"},
		"a year":             {gatehouse.Decision{Verdict: gatehouse.Blocked, RetryAfter: 365 * 24 * time.Hour}, 429, "31536000"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := httpguard.New(&admitter{decision: tt.decision}, options()).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the handler was reached")
			}))
			res := serve(h, get("/"))
			wantProblem(t, res, tt.status)
			if got := res.Header.Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, tt.retryAfter)
			}
			if !made.MatchString(res.Header.Get("X-Correlation-ID")) {
				t.Error("no correlation ID")
			}
		})
	}
}

func TestBlockedAndLimitedLookAlike(t *testing.T) {
	bodies := map[string]bool{}
	for _, v := range []gatehouse.Verdict{gatehouse.Blocked, gatehouse.Limited, gatehouse.Blocked} {
		d := gatehouse.Decision{Verdict: v, RetryAfter: time.Minute}
		bodies[body(t, serve(httpguard.New(&admitter{decision: d}, options()).Wrap(nil), get("/")))] = true
	}
	if len(bodies) != 1 {
		t.Errorf("different bodies: %v", bodies)
	}
}

func TestEngineIsTold(t *testing.T) {
	a := allowing()
	o := options()
	o.Refusal = func(r *http.Request) gatehouse.Kind {
		if r.URL.Path == "/signup" {
			return gatehouse.SignupRefused
		}
		return gatehouse.RequestRefused
	}
	h := httpguard.New(a, o).Wrap(http.NewServeMux())
	r := get("/signup")
	r.RemoteAddr = proxy
	r.Header.Set("X-Forwarded-For", "203.0.113.5")
	serve(h, r)
	e := a.last(t)
	if e.Kind != gatehouse.SignupRefused || !e.Time.Equal(noon) || e.IP.String() != "203.0.113.5" {
		t.Errorf("event %+v", e)
	}
	serve(h, get("/other"))
	if e := a.last(t); e.Kind != gatehouse.RequestRefused {
		t.Errorf("kind %s", e.Kind)
	}
}

func TestWithoutEngine(t *testing.T) {
	res := serve(httpguard.New(nil, options()).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "fine")
	})), get("/"))
	if res.StatusCode != 200 || body(t, res) != "fine" || res.Header.Get("X-Correlation-ID") == "" {
		t.Errorf("status %d, header %v", res.StatusCode, res.Header)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	m := httpguard.New(nil, options())
	first := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Cache-Control", "private")
		w.Header()["X-Content-Type-Options"][0] = "changed"
	}))
	serve(first, get("/"))
	res := serve(m.Wrap(http.NotFoundHandler()), get("/"))
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestPanics(t *testing.T) {
	tests := map[string]struct {
		handle  func(w http.ResponseWriter)
		aborted bool
	}{
		"before the header": {func(w http.ResponseWriter) {
			w.Header().Set("Set-Cookie", "session=secret")
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", "3")
			w.Header().Set("Content-Type", "text/html")
			panic("the secret is 42")
		}, false},
		"an error":               {func(http.ResponseWriter) { panic(errors.New("the secret is 42")) }, false},
		"a runtime error":        {func(http.ResponseWriter) { _ = []int{}[len(get("/").Method)-3:][0] }, false},
		"nil":                    {func(http.ResponseWriter) { panic(nil) }, false},
		"something uncomparable": {func(http.ResponseWriter) { panic([]string{"secret"}) }, false},
		"after the header":       {func(w http.ResponseWriter) { w.WriteHeader(200); panic("late") }, true},
		"in the body":            {func(w http.ResponseWriter) { io.WriteString(w, "half"); panic("late") }, true},
		"after a flush":          {func(w http.ResponseWriter) { w.(http.Flusher).Flush(); panic("late") }, true},
		"after a copy":           {func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("half")); panic("late") }, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			var stack, id string
			o := options()
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			o.OnPanic = func(r *http.Request, _ any, s []byte) {
				q, _ := httpguard.FromContext(r.Context())
				id, stack = q.CorrelationID, string(s)
			}
			h := httpguard.New(allowing(), o).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tt.handle(w) }))
			w := httptest.NewRecorder()
			aborted := func() (v any) {
				defer func() { v = recover() }()
				h.ServeHTTP(w, get("/"))
				return nil
			}()
			if !strings.Contains(stack, "TestPanics") {
				t.Errorf("the hook got the stack %q", stack)
			}
			if id == "" || !strings.Contains(log.String(), id) {
				t.Errorf("ID %q is not in the log: %s", id, &log)
			}
			if tt.aborted {
				if aborted != http.ErrAbortHandler {
					t.Errorf("panic %v, want http.ErrAbortHandler", aborted)
				}
				return
			}
			if aborted != nil {
				t.Fatalf("panic %v", aborted)
			}
			res := w.Result()
			for name := range res.Header {
				switch name {
				case "X-Correlation-Id", "X-Content-Type-Options", "Cache-Control", "Content-Type", "Content-Length":
				default:
					t.Errorf("header %s: %s", name, res.Header.Get(name))
				}
			}
			if doc := wantProblem(t, res, 500); len(doc) != 3 {
				t.Errorf("the document tells more: %v", doc)
			}
		})
	}
}

func TestAbortIsPassedOn(t *testing.T) {
	o := options()
	o.OnPanic = func(*http.Request, any, []byte) { t.Error("the hook was called") }
	h := httpguard.New(nil, o).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), get("/"))
}

func TestPanicInTheEngine(t *testing.T) {
	o := options()
	o.Endpoint = func(*http.Request) string { panic("a bad option") }
	wantProblem(t, serve(httpguard.New(allowing(), o).Wrap(nil), get("/")), 500)
}

func TestErrors(t *testing.T) {
	unforeseen := errors.New("dsn=postgres://secret")
	tests := map[string]struct {
		err        error
		status     int
		detail     any
		retryAfter string
		reported   bool
	}{
		"a problem":  {httpguard.ProblemDetails{Status: 401, Detail: "Wrong e-mail address or password."}, 401, "Wrong e-mail address or password.", "", false},
		"wrapped":    {fmt.Errorf("login: %w", httpguard.ProblemDetails{Status: 409}), 409, nil, "", false},
		"with time":  {httpguard.ProblemDetails{Status: 503, RetryAfter: 1500 * time.Millisecond}, 503, nil, "2", false},
		"no status":  {httpguard.ProblemDetails{Status: 200}, 500, nil, "", false},
		"busy":       {fmt.Errorf("hash: %w", gatehouse.ErrBusy), 503, "Too busy to answer. Try again soon.", "2", false},
		"no store":   {fmt.Errorf("journal: %w", gatehouse.ErrUnavailable), 503, "Too busy to answer. Try again soon.", "2", true},
		"too large":  {&http.MaxBytesError{Limit: 10}, 413, "The body may have at most 10 bytes.", "", false},
		"unforeseen": {unforeseen, 500, nil, "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var reported error
			o := options()
			o.OnError = func(_ *http.Request, err error) { reported = err }
			h := httpguard.New(nil, o).Wrap(httpguard.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return tt.err }))
			res := serve(h, get("/"))
			if doc := wantProblem(t, res, tt.status); doc["detail"] != tt.detail {
				t.Errorf("detail %v, want %v", doc["detail"], tt.detail)
			}
			if got := res.Header.Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, tt.retryAfter)
			}
			if tt.reported != (reported == tt.err) || !tt.reported && reported != nil {
				t.Errorf("reported %v", reported)
			}
		})
	}
}

func TestErrorWhenTheClientIsGone(t *testing.T) {
	o := options()
	o.OnError = func(_ *http.Request, err error) { t.Errorf("reported %v", err) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := httpguard.New(nil, o).Wrap(httpguard.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		cancel()
		return fmt.Errorf("query: %w", r.Context().Err())
	}))
	wantProblem(t, serve(h, get("/").WithContext(ctx)), 503)
}

func TestErrorAfterTheHeader(t *testing.T) {
	var reported error
	o := options()
	o.OnError = func(_ *http.Request, err error) { reported = err }
	h := httpguard.New(nil, o).Wrap(httpguard.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, "half")
		return io.ErrUnexpectedEOF
	}))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler || reported != io.ErrUnexpectedEOF {
			t.Errorf("recovered %v, reported %v", v, reported)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), get("/"))
}

func TestErrorWithoutMiddleware(t *testing.T) {
	wantProblem(t, serve(httpguard.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return httpguard.ProblemDetails{Status: 404}
	}), get("/")), 404)
}

func TestBodyLimit(t *testing.T) {
	read := httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			fmt.Fprint(w, n)
		}
		return err
	})
	tests := []struct {
		name   string
		limit  int64
		size   int
		status int
	}{
		{"the default", 0, httpguard.DefaultMaxBody, 200},
		{"over the default", 0, httpguard.DefaultMaxBody + 1, 413},
		{"a limit", 10, 10, 200},
		{"over it", 10, 11, 413},
		{"none", -1, 10 << 20, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options()
			o.MaxBody = tt.limit
			h := httpguard.New(nil, o).Wrap(read)
			res := serve(h, httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", tt.size))))
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	mux.HandleFunc("GET /devices/{id}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.PathValue("id")) })
	mux.HandleFunc("GET /tree/", func(http.ResponseWriter, *http.Request) {})
	h := httpguard.New(nil, options()).Wrap(httpguard.Routes(mux))

	wantProblem(t, serve(h, get("/nowhere")), 404)
	res := serve(h, get("/login"))
	wantProblem(t, res, 405)
	if allow := res.Header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow %q", allow)
	}
	if got := body(t, serve(h, get("/devices/7"))); got != "7" {
		t.Errorf("the path value is %q", got)
	}
	res = serve(h, httptest.NewRequest("POST", "/login", nil))
	if res.StatusCode != 404 || res.Header.Get("Content-Type") == "application/problem+json" {
		t.Errorf("a handler's own 404 was changed: %d, %v", res.StatusCode, res.Header)
	}
	if res = serve(h, get("/tree")); res.StatusCode/100 != 3 || res.Header.Get("Location") != "/tree/" {
		t.Errorf("redirect: %d, %v", res.StatusCode, res.Header)
	}
}

func TestProblemDetailsError(t *testing.T) {
	for want, p := range map[string]httpguard.ProblemDetails{
		"500 Internal Server Error":      {},
		"404 Not Found: No such device.": {Status: 404, Detail: "No such device."},
		"429 Slow down":                  {Status: 429, Title: "Slow down"},
	} {
		if got := p.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Instruments see who asks and how it was answered, refusals included.
func TestAround(t *testing.T) {
	var seen []string
	instrument := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				q, _ := httpguard.FromContext(r.Context())
				seen = append(seen, fmt.Sprint(name, " ", q.Endpoint, " ", httpguard.Status(r.Context())))
			})
		}
	}
	engine := &admitter{decision: gatehouse.Decision{Verdict: gatehouse.Allow}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
	})
	h := httpguard.New(engine, httpguard.Options{
		Around: []func(http.Handler) http.Handler{instrument("outer"), instrument("inner")},
	}).Wrap(mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a", nil))
	engine.decision = gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: time.Second}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a", nil))
	want := []string{"inner GET /a 418", "outer GET /a 418", "inner GET /a 429", "outer GET /a 429"}
	if !slices.Equal(seen, want) {
		t.Errorf("the instruments saw %q, want %q", seen, want)
	}
}
