package sentrytel_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	sentryhttp "github.com/getsentry/sentry-go/http"
	"golang.org/x/crypto/argon2"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// sink is an ingest server in a process of its own, so that its work is not
// counted as ours.
func sink(b *testing.B) (dsn string) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSinkProcess$")
	cmd.Env = append(os.Environ(), "GATEHOUSE_SINK=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	stop, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stop.Close(); cmd.Wait() })
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return "http://public@" + strings.TrimSpace(string(line[:n])) + "/42"
}

// TestSinkProcess is the other process of sink. As a test it checks that nobody
// asked for it.
func TestSinkProcess(t *testing.T) {
	if os.Getenv("GATEHOUSE_SINK") == "" {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString(l.Addr().String() + "\n")
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "{}")
	}))
	io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	os.Exit(0)
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkChain measures processor time and allocations of a request over
// loopback HTTP, client and server together and the sending to Sentry included,
// and reports them as multiples of the bare handler's. The rounds of all chains
// take turns, so that a busy machine harms all alike.
func BenchmarkChain(b *testing.B) {
	dsn := sink(b)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/auth/me", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"ok":true}`) })
	monitor := func(o sentrytel.Options) *sentrytel.Monitor {
		m, err := sentrytel.New(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			m.Close(ctx)
		})
		return m
	}
	guarded := func(around ...func(http.Handler) http.Handler) http.Handler {
		return httpguard.New(nil, httpguard.Options{Around: around, Logger: slog.New(slog.DiscardHandler)}).Wrap(mux)
	}
	off := monitor(sentrytel.Options{})
	on := monitor(sentrytel.Options{DSN: dsn, TracesSampleRate: rate(0.1)})
	all := monitor(sentrytel.Options{DSN: dsn, TracesSampleRate: rate(0.1), TracesPerMinute: 1e9})
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: dsn, EnableTracing: true, TracesSampleRate: 0.1, Release: "x"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	hub := sentry.NewHub(client, sentry.NewScope())
	stock := sentryhttp.New(sentryhttp.Options{Repanic: true}).Handle(mux)
	chains := []struct {
		name    string
		handler http.Handler
	}{
		{"bare", mux},
		{"httpguard", guarded()},
		{"no-dsn", guarded(off.Around)},
		{"traces-10%", guarded(on.Around)},
		{"traces-10%-unlimited", guarded(all.Around)},
		{"stock-10%", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stock.ServeHTTP(w, r.WithContext(sentry.SetHubOnContext(r.Context(), hub.Clone())))
		})},
	}
	const round = 500
	var spent [8]time.Duration
	var allocs [8]uint64
	var urls [8]string
	for i, c := range chains {
		s := httptest.NewServer(c.handler)
		b.Cleanup(s.Close)
		urls[i] = s.URL + "/api/auth/me"
	}
	quiesce := func() {
		on.Flush(b.Context())
		all.Flush(b.Context())
		client.Flush(5 * time.Second)
	}
	n := 0
	for b.Loop() {
		for i := range chains {
			var m1, m2 runtime.MemStats
			runtime.ReadMemStats(&m1)
			before := processorTime(b)
			for range round {
				res, err := http.Get(urls[i])
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			quiesce() // what was sampled is paid for by who sampled it
			spent[i] += processorTime(b) - before
			runtime.ReadMemStats(&m2)
			allocs[i] += m2.Mallocs - m1.Mallocs
		}
		n += round
	}
	for i, c := range chains {
		b.ReportMetric(float64(spent[i].Nanoseconds())/float64(n)/1000, c.name+"-us/req")
		b.ReportMetric(float64(spent[i])/float64(spent[0]), c.name+"-cpu-x")
		b.ReportMetric(float64(allocs[i])/float64(n), c.name+"-allocs/req")
	}
	b.Logf("sent %d, dropped %v; unlimited %d, %v", on.Stats().Sent, on.Stats().Dropped, all.Stats().Sent, all.Stats().Dropped)
}

// BenchmarkAround measures what the monitor adds to a request in the goroutine
// that serves it, without the network.
func BenchmarkAround(b *testing.B) {
	dsn := sink(b)
	for name, r := range map[string]float64{"never": 0, "10%": 0.1, "always": 1} {
		m, err := sentrytel.New(sentrytel.Options{DSN: dsn, TracesSampleRate: &r})
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close(context.Background())
		h := m.Around(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nil, r)
			}
		})
	}
}

// BenchmarkOnError measures the capture of an error that is let through.
func BenchmarkOnError(b *testing.B) {
	m, err := sentrytel.New(sentrytel.Options{DSN: sink(b), EventsPerMinute: 1e9, SameEventsPerMinute: 1e9, Queue: 1e6})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/api/auth/login", nil)
	cause := errors.New("disk is full")
	b.ReportAllocs()
	for b.Loop() {
		m.OnError(r, cause)
	}
	b.StopTimer()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	m.Close(ctx)
}

// BenchmarkTransaction measures all that a kept trace costs in this process, from
// the request to Sentry's answer.
func BenchmarkTransaction(b *testing.B) {
	m, err := sentrytel.New(sentrytel.Options{DSN: sink(b), TracesSampleRate: rate(1), TracesPerMinute: 1e9, Senders: 1})
	if err != nil {
		b.Fatal(err)
	}
	h := site(m, map[string]http.HandlerFunc{"GET /{$}": func(http.ResponseWriter, *http.Request) {}})
	r := httptest.NewRequest("GET", "/", nil)
	n := 0
	before := processorTime(b)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
		if n++; n%64 == 0 {
			m.Flush(b.Context())
		}
	}
	m.Close(context.Background())
	b.ReportMetric(float64(processorTime(b)-before)/float64(n)/1000, "cpu-us/op")
}

// BenchmarkLoginWhileSentryHangs compares how long a login takes, at the median
// and at p99, with a Sentry that never answers and with none, taking turns. The
// login costs about a millisecond of processor time, a failure is recorded, and
// every trace is kept.
func BenchmarkLoginWhileSentryHangs(b *testing.B) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	b.Cleanup(hang.Close)
	var handlers [2]http.Handler
	for i, dsn := range []string{"", dsnOf(hang.URL)} {
		m, err := sentrytel.New(sentrytel.Options{DSN: dsn, TracesSampleRate: rate(1)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			m.Close(ctx)
		})
		handlers[i] = site(m, map[string]http.HandlerFunc{"POST /api/auth/login": func(http.ResponseWriter, *http.Request) {
			argon2.IDKey([]byte("wrong"), []byte("0123456789abcdef"), 1, 1<<10, 1, 32)
			m.Records([]gatehouse.Record{failed(attacker, "jane@example.com")})
		}})
	}
	var took [2][]time.Duration
	r := httptest.NewRequest("POST", "/api/auth/login", nil)
	for b.Loop() {
		for i, h := range handlers {
			start := time.Now()
			h.ServeHTTP(httptest.NewRecorder(), r)
			took[i] = append(took[i], time.Since(start))
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	for name, share := range map[string]float64{"p50": 0.5, "p99": 0.99} {
		at := func(i int) float64 { return float64(took[i][int(share*float64(len(took[i])-1))]) }
		b.ReportMetric(at(1)/at(0), name+"-x")
	}
}
