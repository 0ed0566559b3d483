package httpguard_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// start serves h on loopback as Server sets it up.
func start(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = httpguard.Server(h, quiet())
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestServerLimits(t *testing.T) {
	var log bytes.Buffer
	s := httpguard.Server(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)))
	for name, d := range map[string]time.Duration{"header": s.ReadHeaderTimeout, "read": s.ReadTimeout, "write": s.WriteTimeout, "idle": s.IdleTimeout} {
		if d <= 0 {
			t.Errorf("no %s timeout", name)
		}
	}
	s.ErrorLog.Print("complaint")
	if !strings.Contains(log.String(), "complaint") {
		t.Error("ErrorLog goes elsewhere")
	}
	if httpguard.Server(nil, nil).ErrorLog == nil {
		t.Error("no ErrorLog by default")
	}
}

func TestHugeUserAgentOverTheWire(t *testing.T) {
	a := allowing()
	o := options()
	o.Clients = nil
	s := start(t, httpguard.New(a, o).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", strings.Repeat("A", 1<<20))
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	if agent := a.last(t).UserAgent; len(agent) > 512 {
		t.Errorf("%d bytes kept", len(agent))
	}
}

func TestHostileBytesOverTheWire(t *testing.T) {
	o := options()
	o.Clients = nil
	s := start(t, httpguard.New(allowing(), o).Wrap(httpguard.Routes(http.NewServeMux())))
	for name, request := range map[string]string{
		"NUL in a header":       "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\x00b\r\n\r\n",
		"an escape in a header": "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[31m\r\n\r\n",
		"not UTF-8":             "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\r\nX-Correlation-ID: \xff\r\n\r\n",
		"a folded header":       "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\r\n b\r\n\r\n",
		"an odd path":           "GET /%00%0d%0a/..%2f HTTP/1.1\r\nHost: a\r\n\r\n",
		"an odd method":         "G\u00e9T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"a star":                "BREW * HTTP/1.1\r\nHost: a\r\n\r\n",
		"no host":               "GET / HTTP/1.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, request)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode/100 != 4 {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
}

func TestPanicsOverTheWire(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/before", func(http.ResponseWriter, *http.Request) { panic("now") })
	mux.HandleFunc("/hints", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints); panic("now") })
	mux.HandleFunc("/after", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic("now")
	})
	s := start(t, httpguard.New(allowing(), httpguard.Options{Logger: quiet()}).Wrap(mux))
	for _, path := range []string{"/before", "/hints"} {
		res, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, res, 500)
	}
	res, err := s.Client().Get(s.URL + "/after")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("half an answer was taken for a whole one: %q", b)
	}
}

func TestTooLargeOverTheWire(t *testing.T) {
	s := start(t, httpguard.New(nil, options()).Wrap(httpguard.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		_, err := io.ReadAll(r.Body)
		return err
	})))
	res, err := s.Client().Post(s.URL, "application/json", strings.NewReader(strings.Repeat("x", httpguard.DefaultMaxBody+1)))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, res, 413)
	if !res.Close {
		t.Error("the connection is kept with the rest of the body in it")
	}
}

// Handlers find what the server's writer can do, old way and new.
func TestWriterPassesOn(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/deadline", func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/flush", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/copy", func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("copied")); n != 6 || err != nil {
			t.Error(n, err)
		}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nown")
		conn.Close()
	})
	s := start(t, httpguard.New(allowing(), httpguard.Options{Logger: quiet()}).Wrap(mux))
	for path, want := range map[string]string{"/deadline": "", "/flush": "", "/copy": "copied", "/hijack": "own"} {
		res, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, res); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestParallel(t *testing.T) {
	o := httpguard.Options{Logger: quiet()}
	mux := http.NewServeMux()
	mux.Handle("POST /{who}", httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		q, ok := httpguard.FromContext(r.Context())
		b, err := io.ReadAll(r.Body)
		if err != nil || !ok {
			return fmt.Errorf("read: %v, known: %v", err, ok)
		}
		if string(b) == "panic" {
			panic(q)
		}
		if r.PathValue("who") != string(b) {
			return httpguard.ProblemDetails{Status: 400}
		}
		fmt.Fprint(w, q.CorrelationID)
		return nil
	}))
	a := allowing()
	s := start(t, httpguard.New(a, o).Wrap(mux))
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for n := range 10 {
				who, want := fmt.Sprint(i, "-", n), 200
				if n == 5 {
					who, want = "panic", 500
				}
				res, err := s.Client().Post(s.URL+"/"+url.PathEscape(who), "text/plain", strings.NewReader(who))
				if err != nil {
					t.Error(err)
					return
				}
				b, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != want || want == 200 && string(b) != res.Header.Get("X-Correlation-ID") {
					t.Errorf("%s: status %d, body %q, ID %q", who, res.StatusCode, b, res.Header.Get("X-Correlation-ID"))
				}
			}
		})
	}
	wg.Wait()
	if len(a.events) != 640 {
		t.Errorf("the engine was asked %d times", len(a.events))
	}
}
