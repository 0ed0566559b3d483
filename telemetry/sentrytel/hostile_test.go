package sentrytel_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// hostiles are servers that are no good Sentry, by what they are to be counted
// as.
func hostiles(t *testing.T) map[string]struct {
	url  string
	want sentrytel.Reason
} {
	end := make(chan struct{})
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	wait := func(r *http.Request) {
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	all := map[string]struct {
		url  string
		want sentrytel.Reason
	}{
		"refuses connections": {"http://" + l.Addr().String(), sentrytel.NetworkError},
		"429": {serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}), sentrytel.RateLimited},
		"429 without Retry-After": {serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }), sentrytel.RateLimited},
		"500":                     {serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), sentrytel.Refused},
		"500 with 1 MB": {serve(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, strings.Repeat("x", 1<<20))
		}), sentrytel.Refused},
		"redirect": {serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}), sentrytel.Refused},
		"hangs": {serve(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			wait(r)
		}), sentrytel.NetworkError},
		"drips": {serve(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				select {
				case <-end:
					return
				case <-r.Context().Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		}), ""},
		"endless headers": {serve(func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Add("X-Padding", strings.Repeat(string(rune('a'+i%26)), 1000))
			}
		}), sentrytel.NetworkError},
	}
	t.Cleanup(func() { close(end) })
	return all
}

// Whatever Sentry does, a capture takes microseconds, memory stays bounded, all
// that is lost is counted, and Close keeps its deadline.
func TestHostileSentry(t *testing.T) {
	const workers, each = 8, 250
	for name, server := range hostiles(t) {
		t.Run(name, func(t *testing.T) {
			m, err := sentrytel.New(sentrytel.Options{
				DSN: dsnOf(server.url), Timeout: 100 * time.Millisecond, TracesSampleRate: rate(0),
				EventsPerMinute: 1e6, SameEventsPerMinute: 1e6, Queue: 64,
			})
			if err != nil {
				t.Fatal(err)
			}
			before := heap()
			took := make([]time.Duration, 0, workers*each)
			var mu sync.Mutex
			var all sync.WaitGroup
			r := httptest.NewRequest("POST", "/api/auth/login", nil)
			cause := errors.New(strings.Repeat("long text ", 10_000))
			for range workers {
				all.Go(func() {
					for range each {
						start := time.Now()
						m.OnError(r, cause)
						d := time.Since(start)
						mu.Lock()
						took = append(took, d)
						mu.Unlock()
					}
				})
			}
			all.Wait()
			grown := int64(heap()) - int64(before)
			slices.Sort(took)
			median, p99 := took[len(took)/2], took[len(took)*99/100]
			t.Logf("median %v, p99 %v; heap +%d KiB; %+v", median, p99, grown>>10, m.Stats())
			if median > time.Millisecond || p99 > 50*time.Millisecond { // and a busy machine
				t.Errorf("a capture takes %v, at p99 %v", median, p99)
			}
			if grown > 8<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}

			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			m.Close(ctx)
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("Close took %v", d)
			}
			st := m.Stats()
			if sum := st.Sent + st.Total(); sum != workers*each || st.Waiting != 0 {
				t.Errorf("%d of %d accounted for: %+v", sum, workers*each, st)
			}
			if server.want == "" && st.Sent == 0 || server.want != "" && (st.Sent > 0 || st.Dropped[server.want] == 0) {
				t.Errorf("nothing counted as %q: %+v", server.want, st)
			}
			if err := errors.Join(m.Flush(context.Background()), m.Close(context.Background())); err != nil {
				t.Errorf("closed again: %v", err)
			}
			m.OnError(r, cause)
			if got := m.Stats().Dropped; got[sentrytel.Closed]+got[sentrytel.QueueFull] <= st.Dropped[sentrytel.Closed] {
				t.Error("an event after Close was not counted")
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// Errors and findings take the place of traces in a full queue.
func TestUrgentFirst(t *testing.T) {
	s := newIngest(t)
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.Queue, o.Senders, o.TracesSampleRate = 4, 1, rate(1) })
	h := site(m, map[string]http.HandlerFunc{"GET /": func(http.ResponseWriter, *http.Request) {}})
	for range 6 { // traces wait for company, so that they fill the queue
		request(t, h, "GET", "/")
	}
	m.OnError(httptest.NewRequest("GET", "/", nil), errors.New("x"))
	flush(t, m)
	if e, tx := len(s.of("event")), len(s.of("transaction")); e != 1 || tx != 3 {
		t.Errorf("%d errors and %d traces, want 1 and 3; %+v", e, tx, m.Stats())
	}
	if got := m.Stats().Dropped[sentrytel.QueueFull]; got != 3 {
		t.Errorf("%d counted as dropped, want 3", got)
	}
}

// What is not urgent goes out by itself, without a flush.
func TestLingeringEnds(t *testing.T) {
	s := newIngest(t)
	arrived := make(chan struct{}, 1)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
	})
	m := newMonitor(t, s, func(o *sentrytel.Options) { o.TracesSampleRate = rate(1) })
	request(t, site(m, map[string]http.HandlerFunc{"GET /": func(http.ResponseWriter, *http.Request) {}}), "GET", "/")
	select {
	case <-arrived:
	case <-time.After(20 * time.Second):
		t.Fatal("the trace never arrived")
	}
}

// Envelopes carry the key, so they go where the DSN says and nowhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newIngest(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	m, err := sentrytel.New(sentrytel.Options{DSN: dsnOf(s.URL)})
	if err != nil {
		t.Fatal(err)
	}
	m.OnError(httptest.NewRequest("GET", "/", nil), errors.New("x"))
	m.Close(t.Context())
	if n := len(elsewhere.of("event")); n != 0 || m.Stats().Dropped[sentrytel.Refused] != 1 {
		t.Errorf("%d events elsewhere; %+v", n, m.Stats())
	}
}

// Sentry that asks to be left alone for a while is left alone.
func TestRetryAfterIsHonoured(t *testing.T) {
	var mu sync.Mutex
	requests := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests++
		w.Header().Set("X-Sentry-Rate-Limits", "3600:error:organization")
		w.WriteHeader(429)
	}))
	defer s.Close()
	m, err := sentrytel.New(sentrytel.Options{DSN: dsnOf(s.URL), Senders: 1, SameEventsPerMinute: 100})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		m.OnError(httptest.NewRequest("GET", "/", nil), errors.New("x"))
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := m.Stats(); requests != 1 || st.Dropped[sentrytel.RateLimited] != 20 {
		t.Errorf("%d requests; %+v", requests, st)
	}
}

// The log hears once that Sentry is gone, and once that it is back.
func TestLogHearsOfSentry(t *testing.T) {
	var mu sync.Mutex
	up := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !up {
			w.WriteHeader(503)
		}
	}))
	defer s.Close()
	var text strings.Builder
	m, err := sentrytel.New(sentrytel.Options{
		DSN: dsnOf(s.URL), Senders: 1, SameEventsPerMinute: 100, Logger: slog.New(slog.NewTextHandler(&text, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	send := func() {
		for range 5 {
			m.OnError(httptest.NewRequest("GET", "/", nil), errors.New("x"))
		}
		flush(t, m)
	}
	send()
	mu.Lock()
	up = true
	mu.Unlock()
	send()
	if got := text.String(); strings.Count(got, "does not accept") != 1 || strings.Count(got, "accepts events again") != 1 {
		t.Errorf("log:\n%s", got)
	}
}
