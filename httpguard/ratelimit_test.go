package httpguard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

func per(n int, window time.Duration) gatehouse.Limit {
	return gatehouse.Limit{Threshold: n, Window: window}
}

// limited returns a handler behind a rate limit whose clock is at now.
func limited(t testing.TB, rates gatehouse.Rates, now *time.Time, o httpguard.RateLimitOptions) http.Handler {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet()
	}
	o.Now = func() time.Time { return *now }
	limit, err := httpguard.RateLimit(rates, o)
	if err != nil {
		t.Fatal(err)
	}
	return limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

func fromAddr(addr string) *http.Request {
	r := get("/")
	r.RemoteAddr = addr
	return r
}

func newRates() gatehouse.Rates { return memory.NewRates(memory.Options{MaxBytes: 1}) }

func TestRateLimitHeaders(t *testing.T) {
	now := noon
	h := limited(t, newRates(), &now, httpguard.RateLimitOptions{Policies: []httpguard.Policy{
		{Name: "burst", Limit: per(2, 10*time.Second)},
		{Name: "per-hour", Limit: per(100, time.Hour), Algorithm: gatehouse.GCRA},
		{Name: "keys", Limit: per(1, time.Minute), By: httpguard.ByHeader("X-API-Key")},
	}})
	for i, want := range []struct {
		after  time.Duration
		status int
		limit  string
		retry  string
	}{
		{0, 204, `"burst";r=1;t=10, "per-hour";r=99;t=36`, ""},
		{1500 * time.Millisecond, 204, `"burst";r=0;t=10, "per-hour";r=98;t=71`, ""},
		{time.Second, 429, `"burst";r=0;t=9, "per-hour";r=98;t=70`, "8"},
		{7500 * time.Millisecond, 204, `"burst";r=0;t=10, "per-hour";r=97;t=98`, ""},
	} {
		now = now.Add(want.after)
		res := serve(h, fromAddr("192.0.2.1:1000"))
		if got := res.Header.Get("RateLimit"); res.StatusCode != want.status || got != want.limit {
			t.Errorf("request %d: %d, RateLimit: %s; want %d, %s", i+1, res.StatusCode, got, want.status, want.limit)
		}
		if got := res.Header.Get("RateLimit-Policy"); got != `"burst";q=2;w=10, "per-hour";q=100;w=3600` {
			t.Errorf("request %d: RateLimit-Policy: %s", i+1, got)
		}
		if got := res.Header.Get("Retry-After"); got != want.retry {
			t.Errorf("request %d: Retry-After %q, want %q", i+1, got, want.retry)
		}
	}
	r := fromAddr("192.0.2.2:1000")
	r.Header.Set("X-API-Key", "k")
	if got := serve(h, r).Header.Get("RateLimit"); !strings.HasSuffix(got, `, "keys";r=0;t=60`) {
		t.Errorf("with an API key: %s", got)
	}
	res := serve(h, r)
	doc := wantProblem(t, res, http.StatusTooManyRequests)
	if doc["detail"] != "Too many requests. Try again later." {
		t.Errorf("document %v", doc)
	}
}

func TestRateLimitBy(t *testing.T) {
	mux := http.NewServeMux()
	ok := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("GET /a/{id}", ok)
	mux.HandleFunc("GET /b", ok)
	type request struct{ path, from, key string }
	for name, test := range map[string]struct {
		by    func(*http.Request) string
		first request
		same  []request
		other []request
	}{
		"prefix": {httpguard.ByPrefix, request{"/b", "[2001:db8::1]:1", ""},
			[]request{{"/a/1", "[2001:db8::ffff]:2", ""}}, []request{{"/b", "[2001:db8:0:1::1]:1", ""}, {"/b", "192.0.2.1:1", ""}}},
		"mapped": {httpguard.ByPrefix, request{"/b", "192.0.2.1:1", ""},
			[]request{{"/b", "[::ffff:192.0.2.1]:2", ""}}, []request{{"/b", "192.0.2.2:1", ""}}},
		"endpoint": {httpguard.ByEndpoint, request{"/a/1", "192.0.2.1:1", ""},
			[]request{{"/a/2", "192.0.2.2:1", ""}}, []request{{"/b", "192.0.2.1:1", ""}}},
		"header": {httpguard.ByHeader("X-API-Key"), request{"/b", "192.0.2.1:1", "x"},
			[]request{{"/a/1", "192.0.2.2:1", "x"}}, []request{{"/b", "192.0.2.1:1", "y"}, {"/b", "192.0.2.1:1", ""}, {"/b", "192.0.2.1:1", ""}}},
		"all": {httpguard.ByAll(httpguard.ByPrefix, httpguard.ByEndpoint, httpguard.ByHeader("X-API-Key")), request{"/b", "192.0.2.1:1", "x"},
			[]request{{"/b", "192.0.2.1:7", "x"}}, []request{{"/b", "192.0.2.1:1", "y"}, {"/a/1", "192.0.2.1:1", "x"}, {"/b", "192.0.2.3:1", "x"}, {"/b", "192.0.2.1:1", ""}, {"/b", "192.0.2.1:1", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			limit, err := httpguard.RateLimit(newRates(), httpguard.RateLimitOptions{
				Policies: []httpguard.Policy{{Name: "one", Limit: per(1, time.Hour), By: test.by}},
			})
			if err != nil {
				t.Fatal(err)
			}
			o := options()
			o.Around = append(o.Around, limit)
			h := httpguard.New(nil, o).Wrap(mux)
			status := func(q request) int {
				r := get(q.path)
				r.RemoteAddr = q.from
				if q.key != "" {
					r.Header.Set("X-API-Key", q.key)
				}
				return serve(h, r).StatusCode
			}
			if got := status(test.first); got != 200 {
				t.Errorf("first: %d", got)
			}
			for _, q := range test.same {
				if got := status(q); got != 429 {
					t.Errorf("%+v: %d", q, got)
				}
			}
			for _, q := range test.other {
				if got := status(q); got != 200 {
					t.Errorf("%+v: %d", q, got)
				}
			}
		})
	}
}

// Behind a trusted proxy it is the client that is limited; on its own, the
// connection.
func TestRateLimitClient(t *testing.T) {
	now := noon
	ask := func(h http.Handler, client string) int {
		r := fromAddr(proxy)
		r.Header.Set("X-Forwarded-For", client)
		return serve(h, r).StatusCode
	}
	o := httpguard.RateLimitOptions{
		Policies: []httpguard.Policy{{Name: "one", Limit: per(1, time.Hour)}},
		Allow:    []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
	}
	h := httpguard.New(nil, options()).Wrap(limited(t, newRates(), &now, o))
	for client, want := range map[string][]int{"192.0.2.1": {204, 429}, "192.0.2.2": {204, 429}, "203.0.113.7": {204, 204, 204}} {
		for i, status := range want {
			if got := ask(h, client); got != status {
				t.Errorf("%s, request %d: %d", client, i+1, got)
			}
		}
	}
	h = limited(t, newRates(), &now, o)
	if a, b := ask(h, "192.0.2.1"), ask(h, "203.0.113.7"); a != 204 || b != 429 {
		t.Errorf("by itself it must not believe headers: %d, %d", a, b)
	}
	for _, strange := range []string{"", "@", "nonsense"} {
		h := limited(t, newRates(), &now, o)
		if a, b := serve(h, fromAddr(strange)).StatusCode, serve(h, fromAddr(strange)).StatusCode; a != 204 || b != 429 {
			t.Errorf("%q: %d, %d", strange, a, b)
		}
	}
}

func TestRateLimitCosts(t *testing.T) {
	now := noon
	h := limited(t, newRates(), &now, httpguard.RateLimitOptions{Policies: []httpguard.Policy{{
		Name: "units", Limit: per(10, time.Minute),
		Cost: func(r *http.Request) int { n, _ := strconv.Atoi(r.Header.Get("Cost")); return n },
	}}})
	for _, test := range []struct {
		cost   int
		status int
		limit  string
		retry  string
	}{
		{7, 204, `"units";r=3;t=60`, ""},
		{4, 429, `"units";r=3;t=60`, "60"},
		{0, 204, "", ""},
		{-5, 204, "", ""},
		{11, 429, `"units";r=3;t=60`, ""}, // never
		{1 << 40, 429, `"units";r=3;t=60`, ""},
		{3, 204, `"units";r=0;t=60`, ""},
	} {
		r := fromAddr("192.0.2.1:1")
		r.Header.Set("Cost", strconv.Itoa(test.cost))
		res := serve(h, r)
		if got := res.Header; res.StatusCode != test.status || got.Get("RateLimit") != test.limit || got.Get("Retry-After") != test.retry {
			t.Errorf("cost %d: %d, %v", test.cost, res.StatusCode, got)
		}
	}
}

func TestRateLimitShadow(t *testing.T) {
	now := noon
	var log bytes.Buffer
	var refused []string
	h := limited(t, newRates(), &now, httpguard.RateLimitOptions{
		Policies:  []httpguard.Policy{{Name: "one", Limit: per(1, time.Hour)}},
		Shadow:    true,
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		OnRefused: func(_ *http.Request, policy string) { refused = append(refused, policy) },
	})
	for i := range 5 {
		if res := serve(h, fromAddr("192.0.2.1:1")); res.StatusCode != 204 || res.Header.Get("RateLimit") != `"one";r=0;t=3600` {
			t.Errorf("request %d: %d, %v", i+1, res.StatusCode, res.Header)
		}
	}
	if len(refused) != 4 {
		t.Errorf("refused %v", refused)
	}
	now = now.Add(time.Minute)
	serve(h, fromAddr("192.0.2.1:1"))
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 ||
		!strings.Contains(lines[0], "policy=one requests=1 shadow=true") || !strings.Contains(lines[1], "policy=one requests=4 shadow=true") {
		t.Errorf("the log: %v", lines)
	}
}

// breakable fails as long as err is set.
type breakable struct {
	gatehouse.Rates
	err   atomic.Pointer[error]
	asked atomic.Int32
}

func (b *breakable) Take(ctx context.Context, at time.Time, takes []gatehouse.Take) error {
	b.asked.Add(1)
	if err := b.err.Load(); err != nil {
		return *err
	}
	return b.Rates.Take(ctx, at, takes)
}

func (b *breakable) fail(err error) { b.err.Store(&err) }

func TestRateLimitFailingStore(t *testing.T) {
	now := noon
	var told atomic.Int32
	store, fallback := &breakable{Rates: newRates()}, &breakable{Rates: newRates()}
	o := httpguard.RateLimitOptions{
		Policies: []httpguard.Policy{{Name: "p", Limit: per(7, time.Hour)}},
		Fallback: fallback,
		OnError:  func(context.Context, error) { told.Add(1) },
	}
	h := limited(t, store, &now, o)
	store.fail(fmt.Errorf("gone: %w", gatehouse.ErrUnavailable))
	var passed int
	for range 20 {
		if serve(h, fromAddr("192.0.2.1:1")).StatusCode == 204 {
			passed++
		}
	}
	if passed != 4 {
		t.Errorf("%d requests passed while the store failed, want 4: half of 7", passed)
	}
	if asked := store.asked.Load(); asked > 5 || told.Load() != 1 {
		t.Errorf("a dead store was asked %d times, and told of %d times", asked, told.Load())
	}
	fallback.fail(gatehouse.ErrBusy)
	wantProblem(t, serve(h, fromAddr("192.0.2.1:1")), http.StatusServiceUnavailable)

	store = &breakable{Rates: newRates()}
	store.fail(fmt.Errorf("full: %w", gatehouse.ErrBusy))
	o.Fallback = nil
	h = limited(t, store, &now, o)
	for range 4 {
		if got := serve(h, fromAddr("192.0.2.1:1")).StatusCode; got != 204 {
			t.Errorf("a full store: %d", got)
		}
	}
	store.err.Store(nil) // it has room again, and is asked at once
	if got := serve(h, fromAddr("192.0.2.1:1")).Header.Get("RateLimit"); got != `"p";r=6;t=3600` {
		t.Errorf("with room again: %s", got)
	}

	store = &breakable{Rates: newRates()}
	h = limited(t, store, &now, o)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	store.fail(ctx.Err())
	serve(h, fromAddr("192.0.2.1:1").WithContext(ctx))
	before := store.asked.Load()
	if serve(h, fromAddr("192.0.2.1:1")); store.asked.Load() != before+1 {
		t.Error("a client that went away has the store taken for dead")
	}
}

func TestRateLimitParallel(t *testing.T) {
	now := noon
	h := limited(t, newRates(), &now, httpguard.RateLimitOptions{Policies: []httpguard.Policy{
		{Name: "a", Limit: per(50, time.Hour)}, {Name: "b", Limit: per(40, time.Minute), Algorithm: gatehouse.GCRA},
	}})
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 3 {
				if serve(h, fromAddr("192.0.2.1:1")).StatusCode == 204 {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 40 {
		t.Errorf("%d passed, want 40", passed.Load())
	}
}

// Several limiters around one another, each with its own items.
func TestRateLimitNested(t *testing.T) {
	now := noon
	shared, secret := newRates(), []byte("shared")
	inner := limited(t, shared, &now, httpguard.RateLimitOptions{Secret: secret, Policies: []httpguard.Policy{{Name: "in", Limit: per(5, time.Minute)}}})
	outer, err := httpguard.RateLimit(shared, httpguard.RateLimitOptions{Secret: secret, Policies: []httpguard.Policy{{Name: "out", Limit: per(5, time.Minute)}}})
	if err != nil {
		t.Fatal(err)
	}
	res := serve(outer(inner), fromAddr("192.0.2.1:1"))
	if got := strings.Join(res.Header.Values("RateLimit"), ", "); got != `"out";r=4;t=60, "in";r=4;t=60` {
		t.Errorf("RateLimit: %s", got)
	}
	if got := serve(inner, fromAddr("192.0.2.1:1")).Header.Get("RateLimit"); got != `"in";r=3;t=60` {
		t.Errorf("a limiter of the same name, secret and store: %s", got)
	}
}

func TestRateLimitMistakes(t *testing.T) {
	good := httpguard.Policy{Name: "p", Limit: per(1, time.Second)}
	if _, err := httpguard.RateLimit(nil, httpguard.RateLimitOptions{Policies: []httpguard.Policy{good}}); err == nil {
		t.Error("no store")
	}
	change := func(f func(*httpguard.Policy)) []httpguard.Policy {
		p := good
		f(&p)
		return []httpguard.Policy{p}
	}
	for name, policies := range map[string][]httpguard.Policy{
		"none":      nil,
		"twice":     {good, good},
		"no name":   change(func(p *httpguard.Policy) { p.Name = "" }),
		"quote":     change(func(p *httpguard.Policy) { p.Name = `a"b` }),
		"line":      change(func(p *httpguard.Policy) { p.Name = "a\r\nb" }),
		"umlaut":    change(func(p *httpguard.Policy) { p.Name = "grün" }),
		"long":      change(func(p *httpguard.Policy) { p.Name = strings.Repeat("a", 65) }),
		"no limit":  change(func(p *httpguard.Policy) { p.Limit = gatehouse.Limit{} }),
		"negative":  change(func(p *httpguard.Policy) { p.Limit.Window = -time.Second }),
		"too large": change(func(p *httpguard.Policy) { p.Limit.Threshold = 10_001 }),
		"algorithm": change(func(p *httpguard.Policy) { p.Algorithm = 9 }),
	} {
		if _, err := httpguard.RateLimit(newRates(), httpguard.RateLimitOptions{Policies: policies}); err == nil || errors.Is(err, gatehouse.ErrBusy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleRateLimit() {
	limit, err := httpguard.RateLimit(memory.NewRates(memory.Options{}), httpguard.RateLimitOptions{
		Policies: []httpguard.Policy{
			{Name: "burst", Limit: gatehouse.Limit{Threshold: 2, Window: time.Second}, Algorithm: gatehouse.GCRA},
			{Name: "hour", Limit: gatehouse.Limit{Threshold: 1000, Window: time.Hour}},
		},
		Now:    func() time.Time { return noon },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }))
	for range 3 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		fmt.Println(w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// 200 "burst";r=1;t=1, "hour";r=999;t=3600
	// 200 "burst";r=0;t=1, "hour";r=998;t=3600
	// 429 "burst";r=0;t=1, "hour";r=998;t=3600
}
