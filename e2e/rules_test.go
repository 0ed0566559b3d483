package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Each rule fires on its threshold and not one below it. Brute force is in
// login_test.go.

func (s *server) expect(kind gatehouse.Kind, want int, when string) {
	s.t.Helper()
	if got := s.count(kind); got != want {
		s.t.Fatalf("%s: %d records of %s, want %d", when, got, kind, want)
	}
}

func TestBotActivity(t *testing.T) {
	s := start(t, cheapHash+proxied)
	ask := call{method: "GET", path: "/api/auth/me", from: "192.0.2.1"}
	for i := range 50 {
		if i == 49 {
			s.expect(gatehouse.BotActivityDetected, 0, "after 49 requests")
		}
		if a := s.do(ask); a.status != http.StatusUnauthorized {
			t.Fatalf("request %d: %d", i+1, a.status)
		}
	}
	s.expect(gatehouse.BotActivityDetected, 1, "after 50 requests")
	if a := s.do(ask); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Fatalf("request 51: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	other := ask
	other.path = "/api/auth/devices"
	if a := s.do(other); a.status != http.StatusUnauthorized {
		t.Errorf("another endpoint: %d", a.status)
	}
	if a := s.login("ada@example.com", "wrong", "192.0.2.2"); a.status != http.StatusUnauthorized {
		t.Errorf("another address: %d", a.status)
	}
}

func TestRapidSignup(t *testing.T) {
	s := start(t, cheapHash+proxied)
	signup := func(i int) int {
		return s.do(call{method: "POST", path: "/api/auth/signup", from: "192.0.2.1", body: map[string]string{
			"email": fmt.Sprintf("person%d@example.com", i), "password": password, "name": "Person"}}).status
	}
	for i := range 50 {
		if i == 49 {
			s.expect(gatehouse.BotActivityDetected, 0, "after 49 signups")
		}
		if status := signup(i); status != http.StatusCreated {
			t.Fatalf("signup %d: %d", i+1, status)
		}
	}
	s.expect(gatehouse.BotActivityDetected, 1, "after 50 signups")
	if status := signup(50); status != http.StatusTooManyRequests {
		t.Fatalf("signup 51: %d", status)
	}
	blocked := s.log("--type", string(gatehouse.IPAddressBlocked))
	if len(blocked) != 1 || blocked[0].Block.Rule != "rapid_signup" ||
		blocked[0].Block.Until.Sub(blocked[0].Block.Created) != 30*time.Minute {
		t.Fatalf("the block: %+v", blocked)
	}
	if a := s.do(call{method: "GET", path: "/api/auth/me", from: "192.0.2.1"}); a.status != http.StatusTooManyRequests {
		t.Errorf("a blocked address asks for something else: %d", a.status)
	}
}

func TestRapidTokenRefresh(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	k := s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	for i := range 10 {
		if i == 9 {
			s.expect(gatehouse.RapidTokenRefresh, 0, "after 9 refreshes")
		}
		k = s.do(call{method: "POST", path: "/api/auth/refresh", from: "192.0.2.1",
			body: map[string]string{"refresh_token": k.Refresh}}).tokens(t)
	}
	s.expect(gatehouse.RapidTokenRefresh, 1, "after 10 refreshes")
	f := s.log("--type", string(gatehouse.RapidTokenRefresh))[0]
	if f.Severity != gatehouse.High || f.Finding.Observed != 10 || f.Finding.Threshold != 10 || f.User == "" {
		t.Errorf("the finding: %+v", f)
	}
}

func TestMultipleDevices(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	login := func(agent string) {
		t.Helper()
		c := loginCall("ada@example.com", password, "192.0.2.1")
		c.agent = agent
		s.do(c).tokens(t)
	}
	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	for range 3 {
		login(firefox)
		login(chrome)
	}
	s.expect(gatehouse.MultipleDeviceLogin, 0, "with two devices, several times")
	login(phone)
	s.expect(gatehouse.MultipleDeviceLogin, 1, "with three devices")
	f := s.log("--type", string(gatehouse.MultipleDeviceLogin))[0]
	if f.Severity != gatehouse.Warning || len(f.Finding.Evidence.Devices) != 3 {
		t.Fatalf("the finding: %+v", f)
	}
	for _, d := range f.Finding.Evidence.Devices {
		if d.Device.Name == "" || !d.IP.IsValid() || d.Time.IsZero() {
			t.Errorf("a device without name, address or last use: %+v", d)
		}
	}
}

// places gives documentation networks a place.
const places = `
geoip:
  networks:
    192.0.2.0/24: {country: DE, city: Berlin, lat: 52.52, lon: 13.40}
    198.51.100.0/24: {country: AU, city: Sydney, lat: -33.87, lon: 151.21}
`

func TestGeographicAnomaly(t *testing.T) {
	s := start(t, cheapHash+proxied+places)
	s.signup("ada@example.com")
	for _, from := range []string{"192.0.2.1", "192.0.2.99", "10.0.0.1", "203.0.113.9", "192.0.2.1"} {
		s.login("ada@example.com", password, from).tokens(t)
	}
	s.expect(gatehouse.GeographicAnomaly, 0, "from one country and unknown places")
	s.login("ada@example.com", password, "198.51.100.1").tokens(t)
	s.expect(gatehouse.GeographicAnomaly, 1, "from another country")
	s.expect(gatehouse.AccountTakeoverAttempt, 0, "on the same device")
	f := s.log("--type", string(gatehouse.GeographicAnomaly))[0]
	if w := f.Finding.Evidence.Travel; w == nil || !w.CountryChanged || !w.Impossible || w.DistanceKm < 15_000 {
		t.Errorf("the way: %+v", w)
	}
}

func TestAccountTakeover(t *testing.T) {
	s := start(t, cheapHash+proxied+places)
	s.signup("ada@example.com")
	s.login("ada@example.com", password, "192.0.2.1").tokens(t)
	c := loginCall("ada@example.com", password, "198.51.100.1")
	c.agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	s.do(c).tokens(t)
	s.expect(gatehouse.GeographicAnomaly, 1, "from another country")
	s.expect(gatehouse.AccountTakeoverAttempt, 1, "on another device from another country")
}

// The country data built in tells real addresses apart.
func TestBuiltInCountries(t *testing.T) {
	s := start(t, cheapHash+proxied)
	s.signup("ada@example.com")
	s.login("ada@example.com", password, "193.0.6.139").tokens(t)   // RIPE NCC, Amsterdam
	s.login("ada@example.com", password, "202.12.29.205").tokens(t) // APNIC, Brisbane
	s.expect(gatehouse.GeographicAnomaly, 1, "from two countries")
}

func TestSuspiciousUserAgent(t *testing.T) {
	s := start(t, cheapHash+proxied)
	login := func(agent string) {
		c := loginCall("ada@example.com", "wrong", "192.0.2.1")
		c.agent = agent
		s.do(c)
	}
	login(firefox)
	s.expect(gatehouse.SuspiciousActivity, 0, "with a browser")
	login("curl/8.5.0")
	s.expect(gatehouse.SuspiciousActivity, 1, "with curl")
	login("sqlmap/1.7")
	s.expect(gatehouse.SuspiciousActivity, 2, "with a scanner")
	s.do(call{method: "POST", path: "/api/auth/signup", from: "192.0.2.2", agent: "python-requests/2.32",
		body: map[string]string{"email": "bot@example.com", "password": password}})
	s.expect(gatehouse.SuspiciousActivity, 3, "with a script that signs up")
}

// A window slides: a failure leaves it when it is as old as the window is long,
// wherever the calendar stands.
func TestWindowsSlide(t *testing.T) {
	s := start(t, cheapHash+proxied+"rules: {brute_force: {threshold: 3, window: 4s}, rapid_signup: {enabled: false}}\n")
	wrong := func() int { return s.login("ada@example.com", "wrong", "192.0.2.1").status }
	began := time.Now()
	wrong()
	wait(t, began.Add(3*time.Second))
	wrong()
	wait(t, began.Add(5*time.Second)) // the first is gone, the second is not
	wrong()
	s.expect(gatehouse.BruteForceDetected, 0, "with never more than two in four seconds")
	wrong()
	s.expect(gatehouse.BruteForceDetected, 1, "with three within four seconds, over a calendar window's edge or not")
}

// wait waits for a point of time that the server's clock must pass.
func wait(t *testing.T, until time.Time) {
	t.Helper()
	select {
	case <-time.After(time.Until(until)):
	case <-t.Context().Done():
		t.Fatal("the test ended")
	}
}
