package httpguard_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
)

var made = regexp.MustCompile(`^[0-9a-f]{32}$`)

func TestCorrelationID(t *testing.T) {
	tests := map[string]struct {
		peer string
		ids  []string
		keep bool
	}{
		"none":                {proxy, nil, false},
		"from a proxy":        {proxy, []string{"Req-1.a_B"}, true},
		"64 characters":       {proxy, []string{strings.Repeat("x", 64)}, true},
		"65 characters":       {proxy, []string{strings.Repeat("x", 65)}, false},
		"empty":               {proxy, []string{""}, false},
		"two":                 {proxy, []string{"one", "two"}, false},
		"from a stranger":     {"192.0.2.9:5000", []string{"Req-1"}, false},
		"line break":          {proxy, []string{"a\r\nSet-Cookie: x=y"}, false},
		"NUL":                 {proxy, []string{"a\x00b"}, false},
		"escape":              {proxy, []string{"\x1b[31m"}, false},
		"space":               {proxy, []string{"a b"}, false},
		"line separator":      {proxy, []string{"a\u2028b"}, false},
		"not UTF-8":           {proxy, []string{"a\xffb"}, false},
		"slash":               {proxy, []string{"../../etc"}, false},
		"letter beyond ASCII": {proxy, []string{"é"}, false},
		"1 MiB":               {proxy, []string{strings.Repeat("x", 1<<20)}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var q httpguard.Request
			a := allowing()
			r := get("/")
			r.RemoteAddr = tt.peer
			r.Header["X-Correlation-Id"] = tt.ids
			res := serve(httpguard.New(a, options()).Wrap(seen(&q)), r)
			switch {
			case tt.keep && q.CorrelationID != tt.ids[0]:
				t.Errorf("ID %q, want the incoming one", q.CorrelationID)
			case !tt.keep && !made.MatchString(q.CorrelationID):
				t.Errorf("ID %q, want a new one", q.CorrelationID)
			}
			if got := res.Header.Get("X-Correlation-ID"); got != q.CorrelationID {
				t.Errorf("answered with ID %q, request has %q", got, q.CorrelationID)
			}
			if got := a.last(t).CorrelationID; got != q.CorrelationID {
				t.Errorf("the engine was told ID %q, request has %q", got, q.CorrelationID)
			}
		})
	}
}

func TestCorrelationIDsDiffer(t *testing.T) {
	var q httpguard.Request
	h := httpguard.New(nil, options()).Wrap(seen(&q))
	ids := map[string]bool{}
	for range 1000 {
		serve(h, get("/"))
		ids[q.CorrelationID] = true
	}
	if len(ids) != 1000 {
		t.Errorf("%d IDs for 1000 requests", len(ids))
	}
}

func TestUserAgentIsSafeToKeep(t *testing.T) {
	agents := map[string]string{
		"ordinary":       "Mozilla/5.0 (X11; Linux x86_64)",
		"missing":        "",
		"1 MiB":          strings.Repeat("A", 1<<20),
		"line breaks":    "curl\r\nX-Evil: 1",
		"NUL":            "a\x00b",
		"escape":         "\x1b]0;owned\x07",
		"line separator": "a\u2028b",
		"not UTF-8":      "a\xff\xfeb",
		"override":       "a\u202eb",
	}
	for name, agent := range agents {
		t.Run(name, func(t *testing.T) {
			var q httpguard.Request
			a := allowing()
			r := get("/")
			r.Header["User-Agent"] = []string{agent}
			if res := serve(httpguard.New(a, options()).Wrap(seen(&q)), r); res.StatusCode != 200 {
				t.Errorf("status %d", res.StatusCode)
			}
			got := q.Client.UserAgent
			if len(got) > gatehouse.MaxText || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b\x07\u2028\u202e") {
				t.Errorf("kept %q", got)
			}
			if got != a.last(t).UserAgent {
				t.Error("the engine was told something else")
			}
			if name == "ordinary" && got != agent {
				t.Errorf("changed to %q", got)
			}
		})
	}
}

func TestSecure(t *testing.T) {
	tests := map[string]struct {
		peer  string
		tls   bool
		proto []string
		want  bool
	}{
		"plain":                    {proxy, false, nil, false},
		"TLS":                      {"192.0.2.9:5000", true, nil, true},
		"TLS behind a proxy":       {proxy, false, []string{"https"}, true},
		"capitals":                 {proxy, false, []string{"HTTPS"}, true},
		"plain behind a proxy":     {proxy, false, []string{"http"}, false},
		"a stranger's word":        {"192.0.2.9:5000", false, []string{"https"}, false},
		"the client's first word":  {proxy, false, []string{"https, http"}, false},
		"the proxy's last word":    {proxy, false, []string{"http", "http, https"}, true},
		"our TLS, their plain hop": {proxy, true, []string{"http"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var q httpguard.Request
			r := get("/")
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-Proto"] = tt.proto
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			serve(httpguard.New(nil, options()).Wrap(seen(&q)), r)
			if q.Secure != tt.want {
				t.Errorf("secure: %v, want %v", q.Secure, tt.want)
			}
		})
	}
}

func TestWithoutProxies(t *testing.T) {
	tests := map[string]string{
		"192.0.2.7:1234":          "192.0.2.7",
		"[::ffff:192.0.2.7]:1234": "192.0.2.7",
		"[2001:db8::7]:1234":      "2001:db8::7",
		"[fe80::7%eth0]:1234":     "fe80::7",
	}
	for peer, want := range tests {
		var q httpguard.Request
		r := get("/")
		r.RemoteAddr = peer
		for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "True-Client-IP", "Client-IP"} {
			r.Header.Set(name, "203.0.113.66")
		}
		r.Header.Set("Forwarded", "for=203.0.113.66;proto=https")
		r.Header.Set("X-Forwarded-Proto", "https")
		serve(httpguard.New(nil, httpguard.Options{Logger: quiet()}).Wrap(seen(&q)), r)
		if q.Client.IP != netip.MustParseAddr(want) || q.Secure {
			t.Errorf("%s: address %v, secure %v", peer, q.Client.IP, q.Secure)
		}
	}
}

func TestContextIsPassedOn(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "outer"))
	h := httpguard.New(nil, options()).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		child, stop := context.WithCancel(r.Context())
		defer stop()
		if child.Value(key{}) != "outer" {
			t.Error("the outer value is gone")
		}
		if q, ok := httpguard.FromContext(child); !ok || !q.Time.Equal(noon) {
			t.Errorf("found %v, %v", q, ok)
		}
		cancel()
		<-child.Done()
	}))
	serve(h, get("/").WithContext(ctx))
	if _, ok := httpguard.FromContext(t.Context()); ok {
		t.Error("found a request where there is none")
	}
}

func TestEndpoint(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("POST /api/auth/login", http.NotFoundHandler())
	mux.Handle("DELETE /devices/{id}", http.NotFoundHandler())
	plain := http.NotFoundHandler()
	named := func(*http.Request) string { return "named" }
	tests := []struct {
		name, method, path string
		next               http.Handler
		o                  httpguard.Options
		want               string
	}{
		{"a mux", "POST", "/api/auth/login", mux, httpguard.Options{}, "POST /api/auth/login"},
		{"a query", "POST", "/api/auth/login?a=b", mux, httpguard.Options{}, "POST /api/auth/login"},
		{"a variable", "DELETE", "/devices/123", mux, httpguard.Options{}, "DELETE /devices/{id}"},
		{"an unknown path", "GET", "/random-1", mux, httpguard.Options{}, httpguard.Unmatched},
		{"another method", "GET", "/api/auth/login", mux, httpguard.Options{}, httpguard.Unmatched},
		{"routes", "POST", "/api/auth/login", httpguard.Routes(mux), httpguard.Options{}, "POST /api/auth/login"},
		{"a mux further in", "POST", "/api/auth/login", plain, httpguard.Options{Mux: mux}, "POST /api/auth/login"},
		{"no mux", "GET", "/random-2", plain, httpguard.Options{}, httpguard.AnyEndpoint},
		{"a function", "POST", "/api/auth/login", mux, httpguard.Options{Endpoint: named, Mux: mux}, "named"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := allowing()
			tt.o.Logger = quiet()
			serve(httpguard.New(a, tt.o).Wrap(tt.next), httptest.NewRequest(tt.method, tt.path, nil))
			if got := a.last(t).Endpoint; got != tt.want {
				t.Errorf("endpoint %q, want %q", got, tt.want)
			}
		})
	}
}
