package httpguard_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// site is a handler behind the real engine, with a clock to move.
type site struct {
	http.Handler
	engine *guard.Guard
	served atomic.Int64

	mu      sync.Mutex
	now     time.Time
	records []gatehouse.Record
}

func (s *site) Append(_ context.Context, records ...gatehouse.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
	return nil
}

func (s *site) See(context.Context, string, gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	return nil, nil
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) count(kind gatehouse.Kind) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{now: noon}
	var err error
	s.engine, err = guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: memory.NewBlocks(), Sightings: s, Journal: s,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", func(http.ResponseWriter, *http.Request) { s.served.Add(1) })
	mux.HandleFunc("GET /other", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /signup", func(http.ResponseWriter, *http.Request) {})
	o := options()
	o.Now = s.clock
	o.Refusal = func(r *http.Request) gatehouse.Kind {
		if r.URL.Path == "/signup" {
			return gatehouse.SignupRefused
		}
		return gatehouse.RequestRefused
	}
	s.Handler = httpguard.New(s.engine, o).Wrap(httpguard.Routes(mux))
	return s
}

func (s *site) get(path, peer string) *http.Response {
	r := get(path)
	r.RemoteAddr = peer
	return serve(s, r)
}

const visitor = "192.0.2.9:5000"

func TestFiftyRequestsAMinute(t *testing.T) {
	s := newSite(t)
	for i := range 50 {
		if res := s.get("/page", visitor); res.StatusCode != 200 {
			t.Fatalf("request %d: %d", i+1, res.StatusCode)
		}
		if found, want := s.count(gatehouse.BotActivityDetected), i/49; found != want {
			t.Fatalf("after %d requests %d findings, want %d", i+1, found, want)
		}
		s.wait(time.Second)
	}
	res := s.get("/page", visitor) // the first was 50 s ago
	wantProblem(t, res, 429)
	if got := res.Header.Get("Retry-After"); got != "10" {
		t.Errorf("Retry-After %q, want 10", got)
	}
	if s.served.Load() != 50 || s.count(gatehouse.RequestRefused) != 1 {
		t.Errorf("%d served, %d refusals recorded", s.served.Load(), s.count(gatehouse.RequestRefused))
	}
	if res := s.get("/other", visitor); res.StatusCode != 200 {
		t.Errorf("another endpoint: %d", res.StatusCode)
	}
	if res := s.get("/page", "192.0.2.10:5000"); res.StatusCode != 200 {
		t.Errorf("another address: %d", res.StatusCode)
	}
	s.wait(10*time.Second - time.Millisecond)
	wantProblem(t, s.get("/page", visitor), 429)
	s.wait(time.Millisecond) // the window slides: one has room again
	if res := s.get("/page", visitor); res.StatusCode != 200 {
		t.Errorf("a minute after the first: %d", res.StatusCode)
	}
	wantProblem(t, s.get("/page", visitor), 429)
}

func TestInventedPathsShareOneCounter(t *testing.T) {
	s := newSite(t)
	for i := range 50 {
		wantProblem(t, s.get("/invented/"+strconv.Itoa(i), visitor), 404)
	}
	wantProblem(t, s.get("/invented/more", visitor), 429)
}

func TestInventedAddressesAreNotBelieved(t *testing.T) {
	s := newSite(t)
	ask := func(i int) *http.Response {
		r := get("/page")
		r.RemoteAddr = visitor
		ip := "203.0.113." + strconv.Itoa(i)
		for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP"} {
			r.Header.Set(name, ip)
		}
		r.Header.Set("Forwarded", "for="+ip)
		return serve(s, r)
	}
	for i := range 50 {
		if res := ask(i); res.StatusCode != 200 {
			t.Fatalf("request %d: %d", i+1, res.StatusCode)
		}
	}
	wantProblem(t, ask(51), 429)
	for _, r := range s.records {
		if r.IP.String() != "192.0.2.9" {
			t.Errorf("recorded for %v", r.IP)
		}
	}
}

func TestAddressesOfOneIPv6NetworkShareACounter(t *testing.T) {
	s := newSite(t)
	for i := range 50 {
		if res := s.get("/page", "[2001:db8::"+strconv.Itoa(i)+"]:5000"); res.StatusCode != 200 {
			t.Fatalf("request %d: %d", i+1, res.StatusCode)
		}
	}
	wantProblem(t, s.get("/page", "[2001:db8::ffff]:5000"), 429)
	if res := s.get("/page", "[2001:db8:0:1::1]:5000"); res.StatusCode != 200 {
		t.Errorf("the next network: %d", res.StatusCode)
	}
}

func TestBlockedAndLimitedAnswersOfTheEngineLookAlike(t *testing.T) {
	s := newSite(t)
	signup := func() *http.Response {
		r := httptest.NewRequest("POST", "/signup", nil)
		r.RemoteAddr = "192.0.2.20:5000"
		return serve(s, r)
	}
	for range 50 {
		signup()
		s.get("/page", visitor)
	}
	blocked, limited := signup(), s.get("/page", visitor)
	if got := blocked.Header.Get("Retry-After"); got != "1800" {
		t.Errorf("Retry-After %q, want 1800", got)
	}
	for _, h := range []http.Header{blocked.Header, limited.Header} {
		h.Del("X-Correlation-Id")
		h.Del("Retry-After")
	}
	if a, b := body(t, blocked), body(t, limited); a != b || len(blocked.Header) != len(limited.Header) {
		t.Errorf("they differ:\n%v %s\n%v %s", blocked.Header, a, limited.Header, b)
	}
	kinds := []gatehouse.Kind{gatehouse.BotActivityDetected, gatehouse.IPAddressBlocked, gatehouse.SignupRefused, gatehouse.RequestRefused}
	if i := slices.IndexFunc(kinds, func(k gatehouse.Kind) bool { return s.count(k) == 0 }); i >= 0 {
		t.Errorf("%s is not recorded", kinds[i])
	}
}

func TestSixtyFourAtOnceGetFiftyThrough(t *testing.T) {
	s := newSite(t)
	var refused atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if s.get("/page", visitor).StatusCode == 429 {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if s.served.Load() != 50 || refused.Load() != 14 || s.count(gatehouse.BotActivityDetected) != 1 {
		t.Errorf("%d served, %d refused, %d findings", s.served.Load(), refused.Load(), s.count(gatehouse.BotActivityDetected))
	}
}
