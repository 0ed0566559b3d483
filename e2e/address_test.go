package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
)

// Without a trusted proxy nothing that a client writes changes its address.
func TestForgedAddressHeadersChangeNothing(t *testing.T) {
	s := start(t, cheapHash)
	for i := range 8 {
		forged := fmt.Sprintf("192.0.2.%d", i+1)
		a := s.do(call{method: "POST", path: "/api/auth/login", body: credentials("ada@example.com", "wrong"),
			header: http.Header{
				"X-Forwarded-For": {forged}, "X-Real-Ip": {forged},
				"Forwarded":        {"for=" + forged},
				"X-Correlation-Id": {"forged-correlation-id"},
			}})
		want := http.StatusUnauthorized
		if i >= 5 {
			want = http.StatusTooManyRequests
		}
		if a.status != want {
			t.Fatalf("attempt %d: %d, want %d", i+1, a.status, want)
		}
		if id := a.header.Get("X-Correlation-ID"); id == "forged-correlation-id" || id == "" {
			t.Fatalf("a stranger chose the correlation ID %q", id)
		}
	}
	for _, r := range s.log() {
		if r.IP.String() != "127.0.0.1" {
			t.Errorf("%s is recorded from %s", r.Kind, r.IP)
		}
	}
}

// The addresses of one /64 are one client; those of the next are another.
func TestIPv6CountsByNetwork(t *testing.T) {
	s := start(t, cheapHash+proxied)
	for i := range 6 {
		a := s.login("ada@example.com", "wrong", fmt.Sprintf("2001:db8:1:2::%x", i+1))
		if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusTooManyRequests}[i < 5]; a.status != want {
			t.Fatalf("attempt %d: %d, want %d", i+1, a.status, want)
		}
	}
	if a := s.login("ada@example.com", "wrong", "2001:db8:1:3::1"); a.status != http.StatusUnauthorized {
		t.Errorf("the neighbouring network: %d", a.status)
	}
	if a := s.login("ada@example.com", "wrong", "::ffff:192.0.2.1"); a.status != http.StatusUnauthorized {
		t.Errorf("an IPv4 address in IPv6 form: %d", a.status)
	}
	if n := len(s.log("--ip", "192.0.2.1")); n != 1 {
		t.Errorf("%d records of the IPv4 address, want 1", n)
	}
}

// A trusted proxy's correlation ID joins the answer to the record.
func TestCorrelationID(t *testing.T) {
	s := start(t, cheapHash+proxied)
	a := s.do(call{method: "POST", path: "/api/auth/login", from: "192.0.2.1", body: credentials("ada@example.com", "wrong"),
		header: http.Header{"X-Correlation-Id": {"from-the-proxy.1"}}})
	if got := a.header.Get("X-Correlation-ID"); got != "from-the-proxy.1" {
		t.Fatalf("correlation ID %q", got)
	}
	if n := len(s.log("--correlation", "from-the-proxy.1")); n != 1 {
		t.Errorf("%d records with it, want 1", n)
	}
	a = s.login("ada@example.com", "wrong", "192.0.2.1")
	if n := len(s.log("--correlation", a.header.Get("X-Correlation-ID"))); n != 1 {
		t.Errorf("%d records with the ID that was made, want 1", n)
	}
}
