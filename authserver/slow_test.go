package authserver_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/rules"
)

// An attempt begins when its password is there. If the arrival of the header
// counted, a client that dawdles could hold a place that is about to expire.
func TestSlowBodyBeginsLate(t *testing.T) {
	s := newSite(t)
	s.rules.BruteForce.Respond = rules.Responses{} // refused for as long as the window is full, no longer
	s.member()
	for range 5 {
		s.expect(loginCall(alice, "wrong"), http.StatusUnauthorized)
	}
	s.expect(loginCall(alice, "wrong"), http.StatusTooManyRequests)

	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := object("email", alice, "password", "wrong")
	fmt.Fprintf(conn, "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil { // the empty line after it
		t.Fatal(err)
	}
	s.advance(6 * time.Minute)
	fmt.Fprint(conn, body)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a guess six minutes later: %s", res.Status)
	}
}
