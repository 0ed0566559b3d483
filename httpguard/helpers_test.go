package httpguard_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/httpguard"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// admitter answers every request with one decision and keeps what it was asked.
type admitter struct {
	decision gatehouse.Decision
	mu       sync.Mutex
	events   []gatehouse.Event
}

func (a *admitter) Admit(_ context.Context, e gatehouse.Event) gatehouse.Decision {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
	return a.decision
}

func (a *admitter) last(t *testing.T) gatehouse.Event {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.events) == 0 {
		t.Fatal("the engine was not asked")
	}
	return a.events[len(a.events)-1]
}

func allowing() *admitter {
	return &admitter{decision: gatehouse.Decision{Verdict: gatehouse.Allow}}
}

const proxy = "198.51.100.1:443"

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// options are those of a server behind proxy.
func options() httpguard.Options {
	finder, err := clientip.New(clientip.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	if err != nil {
		panic(err)
	}
	return httpguard.Options{Clients: finder, Now: func() time.Time { return noon }, Logger: quiet()}
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func get(path string) *http.Request { return httptest.NewRequest("GET", path, nil) }

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantProblem checks that res is a problem document and nothing else.
func wantProblem(t *testing.T, res *http.Response, status int) map[string]any {
	t.Helper()
	if res.StatusCode != status {
		t.Errorf("status %d, want %d", res.StatusCode, status)
	}
	if ct := res.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	if cc := res.Header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control %q", cc)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(body(t, res)), &doc); err != nil {
		t.Fatalf("the body is not JSON: %v", err)
	}
	if doc["status"] != float64(status) || doc["title"] != http.StatusText(status) || doc["type"] != "about:blank" {
		t.Errorf("document %v", doc)
	}
	return doc
}

// seen returns a handler that stores what FromContext tells it.
func seen(q *httpguard.Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*q, _ = httpguard.FromContext(r.Context())
	})
}
