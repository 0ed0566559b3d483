package profile_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/profile"
)

// labels returns what the goroutines of this test are labelled with.
func labels() string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	found := ""
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "# labels:") {
			found += line
		}
	}
	return found
}

func guarded(around bool, mux *http.ServeMux) http.Handler {
	o := httpguard.Options{Logger: slog.New(slog.DiscardHandler)}
	if around {
		o.Around = append(o.Around, profile.Around)
	}
	return httpguard.New(nil, o).Wrap(mux)
}

func TestAroundLabelsTheEndpoint(t *testing.T) {
	var inside, child string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {
		inside = labels()
		done := make(chan struct{})
		go func() { defer close(done); child = labels() }()
		<-done
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("x") })
	h := guarded(true, mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7", nil))
	const want = `{"endpoint":"GET /users/{id}"}`
	if !strings.Contains(inside, want) || !strings.Contains(child, want) || strings.Contains(inside, "/users/7") {
		t.Errorf("inside %q, in a goroutine of it %q", inside, child)
	}
	wantNoLabels(t)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/panic", nil))
	wantNoLabels(t)
}

// wantNoLabels gives goroutines that have done their work time to be gone.
func wantNoLabels(t *testing.T) {
	t.Helper()
	left := labels()
	for end := time.Now().Add(5 * time.Second); left != "" && time.Now().Before(end); left = labels() {
		runtime.Gosched()
	}
	if left != "" {
		t.Errorf("left behind: %q", left)
	}
}

// Labels that were there before come back.
func TestAroundKeepsOuterLabels(t *testing.T) {
	h := guarded(true, http.NewServeMux())
	pprof.Do(t.Context(), pprof.Labels("server", "public"), func(ctx context.Context) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		if got := labels(); !strings.Contains(got, `{"server":"public"}`) {
			t.Errorf("labels are %q", got)
		}
	})
}

func TestEndpointsAreBounded(t *testing.T) {
	seen := make(map[string]bool)
	n := 0
	o := httpguard.Options{
		Logger:   slog.New(slog.DiscardHandler),
		Endpoint: func(*http.Request) string { n++; return fmt.Sprint("e", n) },
		Around:   []func(http.Handler) http.Handler{profile.Around},
	}
	h := httpguard.New(nil, o).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen[labels()] = true }))
	for range 200 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if len(seen) != 65 {
		t.Errorf("%d different labels, want 64 and one for the rest", len(seen))
	}
}

// Without httpguard there is no endpoint, and nothing breaks.
func TestAroundAlone(t *testing.T) {
	w := httptest.NewRecorder()
	profile.Around(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

type blank struct{ h http.Header }

func (d blank) Header() http.Header         { return d.h }
func (d blank) WriteHeader(int)             {}
func (d blank) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkAround is a guarded request without and with the label.
func BenchmarkAround(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	for _, around := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "labelled"}[around], func(b *testing.B) {
			h, r, w := guarded(around, mux), httptest.NewRequest("GET", "/me", nil), blank{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
