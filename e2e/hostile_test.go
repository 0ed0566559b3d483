package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
)

// Whatever a client writes in whatever field, it makes one well-formed record
// of a login, and the server lives on.
func TestHostileFields(t *testing.T) {
	s := start(t, cheapHash+proxied+"rules: {bot_activity: {enabled: false}}\n")
	hostile := map[string]string{
		"CRLF":               "a\r\nX-Injected: 1",
		"NUL":                "a\x00b",
		"ANSI escape":        "\x1b[2J\x1b[31mred",
		"line separator":     "a\u2028b\u2029c",
		"bidi override":      "a\u202eb",
		"quotes":             `"},{"type":"login_succeeded","x":"`,
		"percent and format": "%s%n%x",
		"long":               strings.Repeat("x", 40<<10),
	}
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			a := s.do(call{method: "POST", path: "/api/auth/login", from: "192.0.2.1", body: credentials(text+"@example.com", text)})
			if a.status >= 500 {
				t.Errorf("in the body: %d %s", a.status, a.body)
			}
			s.wellFormed(t, a)
			if strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 }) {
				s.refusesHeader(t, text)
				return
			}
			c := loginCall(name+"@example.com", "wrong", "192.0.2.2")
			c.agent = text
			s.wellFormed(t, s.do(c))
		})
	}
	t.Run("user agent of 1 MiB", func(t *testing.T) {
		c := loginCall("long@example.com", "wrong", "192.0.2.3")
		c.agent = strings.Repeat("x", 1<<20)
		s.wellFormed(t, s.do(c))
	})
	t.Run("invalid UTF-8", func(t *testing.T) {
		c := loginCall("bad@example.com", "wrong", "192.0.2.4")
		c.agent = "bad\xff\xfe"
		s.wellFormed(t, s.do(c))
		req, err := http.NewRequest("POST", s.url+"/api/auth/login", strings.NewReader("{\"email\":\"\xff\xfe@example.com\",\"password\":\"\xc3\x28\"}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 500 {
			t.Errorf("in the body: %d", resp.StatusCode)
		}
	})
	if a := s.login("ada@example.com", "wrong", "192.0.2.9"); a.status != http.StatusUnauthorized {
		t.Errorf("an ordinary login afterwards: %d", a.status)
	}
}

// refusesHeader checks that a header which RFC 9110 forbids is answered with
// 400 by net/http itself, or that what follows a line's end is a line of its own.
func (s *server) refusesHeader(t *testing.T, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"email":"raw@example.com","password":"wrong"}`
	fmt.Fprintf(conn, "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\nUser-Agent: %s\r\n\r\n%s", len(body), text, body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if injected := strings.Contains(text, "\r\n"); !injected && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a forbidden header: %d", resp.StatusCode)
	} else if injected && resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a header of two lines: %d", resp.StatusCode)
	}
}

// wellFormed checks that an answer left exactly one record of a login, on one
// clean line.
func (s *server) wellFormed(t *testing.T, a answer) {
	t.Helper()
	out, code := s.command("log", "--json", "--limit", "0", "--correlation", a.header.Get("X-Correlation-ID"))
	if code != 0 {
		t.Fatalf("gatehouse log: exit %d: %s", code, out)
	}
	logins := 0
	for line := range strings.Lines(out) {
		var r gatehouse.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("a line is no record: %v: %.200q", err, line)
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
			return r < 0x20 || r == utf8.RuneError || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\u202e'
		}) && !strings.Contains(line, "\ufffd") {
			t.Errorf("a line carries control characters: %.200q", line)
		}
		if len(line) > 8<<10 {
			t.Errorf("a record of %d bytes", len(line))
		}
		if r.Kind == gatehouse.LoginFailed || r.Kind == gatehouse.LoginRefused {
			logins++
		}
	}
	if want := 1; a.status != http.StatusBadRequest && logins != want {
		t.Errorf("%d records of a login answered with %d, want %d:\n%.2000s", logins, a.status, want, out)
	}
	table, code := s.command("log", "--limit", "20")
	if code != 0 || strings.ContainsAny(table, "\x1b\x00\r\u2028\u202e") {
		t.Errorf("the table carries control characters: exit %d", code)
	}
}
