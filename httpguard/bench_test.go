package httpguard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// benchHandlers returns a handler bare and behind the real engine, on a clock
// that runs fast enough for no rate to be exceeded.
func benchHandlers(b *testing.B) (bare, chain http.Handler) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/auth/me", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"ok":true}`) })
	s := new(site)
	engine, err := guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: memory.NewBlocks(), Sightings: s, Journal: s,
	})
	if err != nil {
		b.Fatal(err)
	}
	var ticks atomic.Int64
	o := httpguard.Options{Logger: quiet(), Now: func() time.Time { return noon.Add(2 * time.Second * time.Duration(ticks.Add(1))) }}
	return mux, httpguard.New(engine, o).Wrap(httpguard.Routes(mux))
}

// discard is the cheapest writer, so that what is measured is the chain.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkChain measures what middleware and engine add, without the network.
func BenchmarkChain(b *testing.B) {
	bare, chain := benchHandlers(b)
	for name, h := range map[string]http.Handler{"bare": bare, "guarded": chain} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/api/auth/me", nil)
			r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkLoopback measures the processor time of client and server together
// for a request over real HTTP, and reports the guarded handler's share beyond
// the bare one's as "ratio". Rounds alternate, so that a busy machine harms
// both alike.
func BenchmarkLoopback(b *testing.B) {
	bare, chain := benchHandlers(b)
	var urls [2]string
	for i, h := range []http.Handler{bare, chain} {
		s := httptest.NewServer(h)
		defer s.Close()
		urls[i] = s.URL + "/api/auth/me"
	}
	const round = 200
	var spent [2]time.Duration
	var n int
	for b.Loop() {
		for i, url := range urls {
			before := processorTime(b)
			for range round {
				res, err := http.Get(url)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			spent[i] += processorTime(b) - before
		}
		n += round
	}
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(n), "bare-ns/req")
	b.ReportMetric(float64(spent[1].Nanoseconds())/float64(n), "guarded-ns/req")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
