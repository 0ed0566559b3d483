package profile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse/telemetry/profile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	return w
}

// unpacked returns the protobuf inside a profile.
func unpacked(t *testing.T, gz io.Reader) []byte {
	t.Helper()
	z, err := gzip.NewReader(gz)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestHandler(t *testing.T) {
	h := profile.Handler()
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/debug/pprof/", 200, "goroutine?debug=1"},
		{"/debug/pprof/goroutine?debug=1", 200, "TestHandler"},
		{"/debug/pprof/heap?gc=1&debug=1", 200, "heap profile:"},
		{"/debug/pprof/nothing", 404, "no such profile"},
		{"/debug/pprof/cmdline", 404, "no such profile"},
		{"/debug/pprof/profile?seconds=x", 400, "seconds must be"},
		{"/debug/pprof/profile?seconds=0", 400, "seconds must be"},
		{"/debug/pprof/profile?seconds=-1", 400, "seconds must be"},
		{"/debug/pprof/profile?seconds=NaN", 400, "seconds must be"},
		{"/debug/pprof/trace?seconds=1e300", 400, "seconds must be"},
		{"/debug/pprof/trace?seconds=0.01", 200, "go 1."},
	} {
		t.Run(c.path, func(t *testing.T) {
			w := get(t, h, c.path)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("status %d, body %.200q", w.Code, w.Body)
			}
		})
	}
	for _, path := range []string{"profile?seconds=0.01", "heap", "allocs", "goroutine"} {
		if text := unpacked(t, get(t, h, "/debug/pprof/"+path).Body); !bytes.Contains(text, []byte("nanoseconds")) && !bytes.Contains(text, []byte("count")) {
			t.Errorf("%s is no profile", path)
		}
	}
}

// What embeds Gatehouse must not serve profiles without knowing.
func TestDefaultMuxIsLeftAlone(t *testing.T) {
	if _, pattern := http.DefaultServeMux.Handler(httptest.NewRequest("GET", "/debug/pprof/profile", nil)); pattern != "" {
		t.Errorf("http.DefaultServeMux serves %s", pattern)
	}
}

func TestOneAtATime(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(io.Writer) error
		stop  func()
	}{
		{"profile", pprof.StartCPUProfile, pprof.StopCPUProfile},
		{"trace", trace.Start, trace.Stop},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.start(io.Discard); err != nil {
				t.Fatal(err)
			}
			path := "/debug/pprof/" + c.name + "?seconds=0.001"
			w := get(t, profile.Handler(), path)
			c.stop()
			if w.Code != http.StatusConflict || w.Header().Get("Content-Disposition") != "" {
				t.Errorf("status %d, header %v", w.Code, w.Header())
			}
			if w := get(t, profile.Handler(), path); w.Code != http.StatusOK {
				t.Errorf("status %d after the first has ended", w.Code)
			}
		})
	}
}

// A client that leaves ends the recording.
func TestClientLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	profile.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/debug/pprof/profile?seconds=60", nil))
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("recorded for %s", took)
	}
}

// The server's write timeout is shorter than a profile takes.
func TestWriteTimeout(t *testing.T) {
	s := httptest.NewUnstartedServer(profile.Handler())
	s.Config.WriteTimeout = 20 * time.Millisecond
	s.Start()
	defer s.Close()
	res, err := s.Client().Get(s.URL + "/debug/pprof/profile?seconds=0.2")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if len(unpacked(t, res.Body)) == 0 {
		t.Error("no profile")
	}
}

func TestRecorder(t *testing.T) {
	r, err := profile.StartRecorder(profile.RecorderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := profile.StartRecorder(profile.RecorderOptions{}); err == nil {
		t.Error("two at a time")
	}
	for range 2 {
		w := get(t, r, "/debug/flight")
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "go 1.") {
			t.Errorf("status %d, body %.20q", w.Code, w.Body)
		}
	}
	r.Stop()
	r.Stop()
	if w := get(t, r, "/debug/flight"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d after Stop", w.Code)
	}
	again, err := profile.StartRecorder(profile.RecorderOptions{Age: time.Second, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	again.Stop()
}

// A client that takes its time does not make a second one wait for it.
func TestRecorderOneAtATime(t *testing.T) {
	r, err := profile.StartRecorder(profile.RecorderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	w := &stuck{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), free: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ServeHTTP(w, httptest.NewRequest("GET", "/debug/flight", nil))
	}()
	<-w.writing
	if second := get(t, r, "/debug/flight"); second.Code != http.StatusConflict {
		t.Errorf("status %d", second.Code)
	}
	close(w.free)
	<-done
}

// stuck is a client that does not read until it is free.
type stuck struct {
	*httptest.ResponseRecorder
	writing, free chan struct{}
	begun         bool
}

func (s *stuck) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		close(s.writing)
		<-s.free
	}
	return s.ResponseRecorder.Write(b)
}
