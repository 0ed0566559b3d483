package trace_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testlog"
	"github.com/fluxstudio/gatehouse/telemetry/trace"
)

// A collector in any bad state harms neither the requests nor the end of the
// program, and is complained of once.
func TestBadCollectors(t *testing.T) {
	elsewhere := newReceiver(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"hangs", func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // or the server does not see that the client is gone
			<-r.Context().Done()
		}},
		{"refuses", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }},
		{"asks to come back", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
		{"redirects", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}},
		{"answers nonsense", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			io.WriteString(w, "nonsense")
		}},
		{"is gone", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := gone.URL
			if c.handler != nil {
				s := httptest.NewServer(c.handler)
				defer s.Close()
				url = s.URL
			}
			var log testlog.Buffer
			tracer, err := trace.New(trace.Options{
				Endpoint: url, Headers: map[string]string{"X-Api-Key": "hunter2"}, Ratio: 1, QueueSize: 16,
				Every: time.Millisecond, Timeout: 20 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
			h := guarded(tracer, mux)
			slowest := time.Duration(0)
			for tracer.Stats().Failed < 3 {
				start := time.Now()
				request(h, "GET", "/")
				slowest = max(slowest, time.Since(start))
			}
			if slowest > 2*time.Second { // far above what a busy machine does
				t.Errorf("a request took %s", slowest)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := tracer.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Shutdown: %v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("Shutdown took %s", took)
			}
			if s := tracer.Stats(); s.Exported != 0 || s.Ended < s.Failed {
				t.Errorf("%+v", s)
			}
			if n := strings.Count(log.String(), "cannot be sent"); n != 1 {
				t.Errorf("%d complaints: %s", n, log.String())
			}
			if strings.Contains(log.String(), "hunter2") {
				t.Errorf("the log has the key: %s", log.String())
			}
		})
	}
	if len(elsewhere.requests) != 0 {
		t.Error("a redirect was followed")
	}
}

// 64 clients, and a queue that is too short: spans are dropped, and nobody
// waits.
func TestQueueIsBounded(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer s.Close()
	defer close(hang)
	tracer, err := trace.New(trace.Options{Endpoint: s.URL, Ratio: 1, QueueSize: 32, Every: time.Millisecond, Timeout: time.Hour, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	h := guarded(tracer, mux)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				request(h, "GET", "/")
			}
		})
	}
	wg.Wait()
	if stats := tracer.Stats(); stats.Ended != 3200 || stats.Exported != 0 {
		t.Errorf("%+v", stats)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tracer.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
	if stats := tracer.Stats(); stats.Failed > 32+32 { // in the queue, and in the hand of the exporter
		t.Errorf("%+v", stats)
	}
	request(h, "GET", "/")
	if stats := tracer.Stats(); stats.Ended != 3200 {
		t.Errorf("traced after Shutdown: %+v", stats)
	}
}

func TestRecovery(t *testing.T) {
	c := newReceiver(t)
	var broken sync.Map
	broken.Store("x", true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := broken.Load("x"); ok {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.Config.Handler.ServeHTTP(w, r)
	}))
	defer s.Close()
	var log testlog.Buffer
	tracer, err := trace.New(trace.Options{Endpoint: s.URL + "/", Ratio: 1, Every: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h := guarded(tracer, http.NewServeMux())
	for tracer.Stats().Failed == 0 {
		request(h, "GET", "/")
	}
	broken.Delete("x")
	for tracer.Stats().Exported == 0 {
		request(h, "GET", "/")
	}
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "sent again") {
		t.Errorf("log: %s", log.String())
	}
}

func TestNewRefuses(t *testing.T) {
	for _, endpoint := range []string{"", "collector:4318", "grpc://192.0.2.1:4317", "http://", "http://user:hunter2@192.0.2.1:bad"} {
		tracer, err := trace.New(trace.Options{Endpoint: endpoint})
		if err == nil {
			t.Errorf("%q was accepted", endpoint)
			tracer.Shutdown(t.Context())
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
}
