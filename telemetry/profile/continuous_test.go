package profile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testlog"
	"github.com/fluxstudio/gatehouse/telemetry/profile"
)

// ingest stands for a Pyroscope server.
type ingest struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	pushes []*http.Request
	found  chan struct{} // closed once a profile with all wanted texts is here
	once   sync.Once
}

func newIngest(t *testing.T, wanted ...string) *ingest {
	s := &ingest{t: t, found: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, _, err := r.FormFile("profile")
		if err != nil || r.URL.Path != "/ingest" {
			t.Errorf("pushed to %s: %v", r.URL.Path, err)
			return
		}
		pushed := unpacked(t, f)
		s.mu.Lock()
		s.pushes = append(s.pushes, r)
		s.mu.Unlock()
		for _, text := range wanted {
			if !bytes.Contains(pushed, []byte(text)) {
				return
			}
		}
		s.once.Do(func() { close(s.found) })
	}))
	t.Cleanup(s.Close)
	return s
}

var discard = slog.New(slog.DiscardHandler)

var rounds atomic.Uint64 // so that burn does something

// burn keeps a processor busy.
func burn(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
		rounds.Add(1)
	}
}

// A profile that was taken while a request was served arrives, with the
// endpoint as a label.
func TestPush(t *testing.T) {
	const endpoint = "POST /burn/{id}"
	s := newIngest(t, "burn", "cpu", profile.EndpointLabel, endpoint)
	c, err := profile.Start(profile.Options{
		PyroscopeURL: s.URL, Application: "gatehouse.test", Tags: map[string]string{"environment": "test"},
		BasicAuthUser: "user", BasicAuthPassword: "secret", TenantID: "tenant", Every: 100 * time.Millisecond, Logger: discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc(endpoint, func(http.ResponseWriter, *http.Request) { burn(50 * time.Millisecond) })
	h := guarded(true, mux)
	deadline := time.After(20 * time.Second)
	for arrived := false; !arrived; {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/burn/1", nil))
		select {
		case <-s.found:
			arrived = true
		case <-deadline:
			t.Fatal("no such profile arrived")
		default:
		}
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	stats := c.Stats()
	if stats.Pushed != uint64(len(s.pushes)) || stats.Failed != 0 {
		t.Errorf("%+v, of %d pushes", stats, len(s.pushes))
	}
	r := s.pushes[0]
	user, password, _ := r.BasicAuth()
	if user != "user" || password != "secret" || r.Header.Get("X-Scope-OrgID") != "tenant" {
		t.Errorf("credentials %q %q, header %v", user, password, r.Header)
	}
	if name := r.URL.Query().Get("name"); !strings.HasPrefix(name, "gatehouse.test{") || !strings.Contains(name, "environment=test") {
		t.Errorf("name %q", name)
	}
}

// A server in any bad state harms neither the requests nor the end of the
// program, and is complained of once.
func TestBadServers(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	elsewhere := newIngest(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"hangs", func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // or the server does not see that the client is gone
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}},
		{"refuses", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }},
		{"redirects", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }},
		{"answers without end", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
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
			p, err := profile.Start(profile.Options{
				PyroscopeURL: url, BasicAuthUser: "user", BasicAuthPassword: "secret",
				Every: 5 * time.Millisecond, Timeout: 50 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.HandleFunc("GET /me", func(http.ResponseWriter, *http.Request) {})
			h := guarded(true, mux)
			slowest := time.Duration(0)
			for p.Stats().Failed < 10 {
				start := time.Now()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/me", nil))
				slowest = max(slowest, time.Since(start))
			}
			if slowest > 2*time.Second { // far above what a busy machine does, far below a wait
				t.Errorf("a request took %s", slowest)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			start := time.Now()
			err = p.Stop(ctx)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Stop: %v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("Stop took %s", took)
			}
			if p.Stats().Pushed != 0 {
				t.Errorf("%+v", p.Stats())
			}
			if n := strings.Count(log.String(), "cannot be pushed"); n != 1 {
				t.Errorf("%d complaints: %s", n, log.String())
			}
			if strings.Contains(log.String(), "secret") {
				t.Errorf("the log has the password: %s", log.String())
			}
		})
	}
	if len(elsewhere.pushes) != 0 {
		t.Error("a redirect was followed")
	}
}

// A server that hangs for good: what waits is bounded, the rest dropped.
func TestQueueIsBounded(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer s.Close()
	defer close(hang)
	c, err := profile.Start(profile.Options{PyroscopeURL: s.URL, Every: time.Millisecond, Timeout: time.Hour, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	for c.Stats().Dropped < 5 {
		burn(time.Millisecond)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: %v", err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

// What has been taken when the program ends is pushed.
func TestStopPushesWhatThereIs(t *testing.T) {
	s := newIngest(t, "alloc_space")
	c, err := profile.Start(profile.Options{PyroscopeURL: s.URL, Every: time.Hour, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC() // which is what a profile of the memory is of
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	select {
	case <-s.found:
	default:
		t.Errorf("no profile of the memory: %+v", c.Stats())
	}
}

// An answer without end is not read to its end.
func TestEndlessAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	c, err := profile.Start(profile.Options{PyroscopeURL: s.URL, Every: 5 * time.Millisecond, Timeout: time.Hour, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	for c.Stats().Pushed < 5 {
		burn(time.Millisecond)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRecovery(t *testing.T) {
	var mu sync.Mutex
	status := http.StatusInternalServerError
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(status)
	}))
	defer s.Close()
	var log testlog.Buffer
	c, err := profile.Start(profile.Options{PyroscopeURL: s.URL, Every: 5 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for c.Stats().Failed == 0 {
		burn(time.Millisecond)
	}
	mu.Lock()
	status = http.StatusOK
	mu.Unlock()
	for c.Stats().Pushed == 0 {
		burn(time.Millisecond)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "pushed again") {
		t.Errorf("log: %s", log.String())
	}
}

func TestStartRefuses(t *testing.T) {
	for _, o := range []profile.Options{
		{},
		{PyroscopeURL: "pyroscope:4040"},
		{PyroscopeURL: "ftp://192.0.2.1"},
		{PyroscopeURL: "http://"},
		{PyroscopeURL: "http://192.0.2.1:4040", Tags: map[string]string{"bad tag": "x"}},
	} {
		if c, err := profile.Start(o); err == nil {
			t.Errorf("%+v was accepted", o)
			c.Stop(t.Context())
		}
	}
}

// The address may hold a password, so an error does not repeat it.
func TestErrorsKeepSecrets(t *testing.T) {
	_, err := profile.Start(profile.Options{PyroscopeURL: "http://user:secret@192.0.2.1:bad"})
	if err == nil || strings.Contains(fmt.Sprint(err), "secret") {
		t.Errorf("error %v", err)
	}
}
