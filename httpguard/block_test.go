package httpguard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/iplist"
	"github.com/fluxstudio/gatehouse/store/memory"
)

func listOf(prefixes ...string) *iplist.List {
	var all []netip.Prefix
	for _, p := range prefixes {
		all = append(all, netip.MustParsePrefix(p))
	}
	return iplist.NewList(iplist.Of(all...))
}

// Any handler is kept from those on a list, whatever it serves.
func ExampleBlock() {
	bad, office := listOf("192.0.2.0/24"), listOf("192.0.2.7/32")
	files := http.FileServer(http.Dir("."))
	h := httpguard.Block(httpguard.BlockOptions{
		Deny: []*iplist.List{bad}, Allow: []*iplist.List{office},
		OnRefused: func(_ *http.Request, b gatehouse.Block) { fmt.Println("kept out by", b.Prefix) },
	})(files)
	for _, client := range []string{"192.0.2.1:1234", "192.0.2.7:1234"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = client
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// kept out by 192.0.2.0/24
	// 403 application/problem+json
	// 200 text/html; charset=utf-8
}

// from is a request from an address.
func from(ip string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = ip
	return r
}

func status(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var teapot = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })

func blocksOf(t testing.TB, list ...gatehouse.Block) gatehouse.Blocks {
	blocks := memory.NewBlocks()
	for _, b := range list {
		if _, err := blocks.Place(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	return blocks
}

func TestBlockKeepsOut(t *testing.T) {
	var told []gatehouse.Block
	o := httpguard.BlockOptions{
		Blocks: blocksOf(t, gatehouse.Block{ID: "1", Prefix: netip.MustParsePrefix("198.51.100.0/24"), Created: noon, Until: noon.Add(90 * time.Second)}),
		Deny:   []*iplist.List{listOf("192.0.2.0/24"), listOf("2001:db8::/32")},
		Allow:  []*iplist.List{new(iplist.List), listOf("192.0.2.7/32", "198.51.100.7/32")},
		Now:    func() time.Time { return noon }, OnRefused: func(_ *http.Request, b gatehouse.Block) { told = append(told, b) },
	}
	forbidding := httpguard.Block(o)(teapot)
	o.TooMany = true
	limiting := httpguard.Block(o)(teapot)
	o.TooMany, o.Shadow = false, true
	shadow := httpguard.Block(o)(teapot)
	for ip, want := range map[string]struct {
		prefix string // "": goes on
		retry  string
	}{
		"203.0.113.1:1":           {},
		"192.0.2.7:1":             {},
		"198.51.100.7:1":          {},
		"@":                       {}, // a Unix socket
		"192.0.2.1:1":             {"192.0.2.0/24", "3600"},
		"[::ffff:192.0.2.1]:1":    {"192.0.2.0/24", "3600"},
		"[2001:db8::1%eth0]:1":    {"2001:db8::/32", "3600"},
		"198.51.100.1:1":          {"198.51.100.0/24", "90"},
		"[::ffff:198.51.100.1]:1": {"198.51.100.0/24", "90"},
	} {
		t.Run(ip, func(t *testing.T) {
			told = nil
			a, b, c := status(forbidding, from(ip)), status(limiting, from(ip)), status(shadow, from(ip))
			if c.Code != http.StatusTeapot {
				t.Errorf("shadow: %d", c.Code)
			}
			if want.prefix == "" {
				if a.Code != http.StatusTeapot || b.Code != http.StatusTeapot || told != nil {
					t.Errorf("%d, %d, %v", a.Code, b.Code, told)
				}
				return
			}
			if a.Code != http.StatusForbidden || a.Header().Get("Retry-After") != "" || a.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %v", a.Code, a.Header())
			}
			if b.Code != http.StatusTooManyRequests || b.Header().Get("Retry-After") != want.retry {
				t.Errorf("%d %v", b.Code, b.Header())
			}
			if len(told) != 3 || told[2].Prefix.String() != want.prefix {
				t.Errorf("told %v", told)
			}
		})
	}
}

// Within a Middleware the client is the one that it has found, behind a proxy.
func TestBlockGoesByTheClientBehindTheProxy(t *testing.T) {
	block := httpguard.Block(httpguard.BlockOptions{Deny: []*iplist.List{listOf("192.0.2.0/24")}})
	alone := options()
	for name, h := range map[string]http.Handler{
		"within": httpguard.New(allowing(), options()).Wrap(block(teapot)),
		"alone":  httpguard.Block(httpguard.BlockOptions{Deny: []*iplist.List{listOf("192.0.2.0/24")}, Clients: alone.Clients})(teapot),
	} {
		r := from(proxy)
		r.Header.Set("X-Forwarded-For", "192.0.2.1")
		if w := status(h, r); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
		r = from("192.0.2.1:1") // not the proxy: what it says counts for nothing
		r.Header.Set("X-Forwarded-For", "203.0.113.1")
		if w := status(h, r); w.Code != http.StatusForbidden {
			t.Errorf("%s, forged: %d", name, w.Code)
		}
	}
}

// deadBlocks cannot be asked.
type deadBlocks struct{ gatehouse.Blocks }

func (deadBlocks) Blocked(context.Context, netip.Addr, time.Time) (gatehouse.Block, bool, error) {
	return gatehouse.Block{}, false, gatehouse.ErrUnavailable
}

func TestBlockWithADeadStoreOpensNothing(t *testing.T) {
	failures := 0
	o := httpguard.BlockOptions{
		Blocks: deadBlocks{}, Allow: []*iplist.List{listOf("192.0.2.7/32")}, Deny: []*iplist.List{listOf("192.0.2.1/32")},
		OnError: func(context.Context, error) { failures++ },
	}
	h := httpguard.Block(o)(teapot)
	for ip, want := range map[string]int{"203.0.113.1:1": 503, "192.0.2.7:1": 418, "192.0.2.1:1": 403} {
		if w := status(h, from(ip)); w.Code != want || want == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d, want %d", ip, w.Code, want)
		}
	}
	if failures != 1 {
		t.Errorf("told of %d failures", failures)
	}
	o.Shadow = true
	if w := status(httpguard.Block(o)(teapot), from("203.0.113.1:1")); w.Code != 418 {
		t.Errorf("shadow: %d", w.Code)
	}
}

// What a request costs that goes on: no allocation, within a Middleware and
// without.
func TestBlockAllocatesNothingForWhoGoesOn(t *testing.T) {
	o := httpguard.BlockOptions{
		Blocks: blocksOf(t), Deny: []*iplist.List{listOf("192.0.2.0/24")}, Allow: []*iplist.List{listOf("198.51.100.0/24")},
	}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	bare := httpguard.New(allowingAll{}, options()).Wrap(nothing)
	within := httpguard.New(allowingAll{}, options()).Wrap(httpguard.Block(o)(nothing))
	alone := httpguard.Block(o)(nothing)
	w, r := discard{http.Header{}}, from("203.0.113.1:1")
	cost := func(h http.Handler) float64 {
		return testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) })
	}
	if a, b, c := cost(bare), cost(within), cost(alone); b > a || c > 0 {
		t.Errorf("bare %v, within %v, alone %v allocations", a, b, c)
	}
}

// allowingAll keeps nothing, unlike admitter.
type allowingAll struct{}

func (allowingAll) Admit(context.Context, gatehouse.Event) gatehouse.Decision {
	return gatehouse.Decision{Verdict: gatehouse.Allow}
}

// While a list is swapped, 64 clients see one list or the other.
func TestBlockWhileListsAreSwapped(t *testing.T) {
	a, b := listOf("192.0.2.0/24").Load(), listOf("192.0.2.0/25", "198.51.100.0/24").Load()
	l := iplist.NewList(a)
	h := httpguard.Block(httpguard.BlockOptions{Deny: []*iplist.List{l}})(teapot)
	var wrong atomic.Int64
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			for range 50 {
				if status(h, from("192.0.2.1:1")).Code != http.StatusForbidden || status(h, from("203.0.113.1:1")).Code != http.StatusTeapot {
					wrong.Add(1)
				}
			}
		})
	}
	for i := range 1000 {
		l.Swap([]*iplist.Set{a, b}[i%2])
	}
	clients.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d wrong answers", n)
	}
}
