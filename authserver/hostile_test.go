package authserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

func TestHostileBodies(t *testing.T) {
	s := newSite(t).member()
	tests := []struct {
		name, body string
		status     int
	}{
		{"nothing", " ", http.StatusBadRequest},
		{"not JSON", "email=alice@example.com", http.StatusBadRequest},
		{"null", "null", http.StatusBadRequest},
		{"array", `["alice@example.com","x"]`, http.StatusBadRequest},
		{"string", `"alice@example.com"`, http.StatusBadRequest},
		{"empty object", `{}`, http.StatusBadRequest},
		{"unfinished", `{"email":"alice@example.com"`, http.StatusBadRequest},
		{"two objects", `{"email":"alice@example.com","password":"x"}{}`, http.StatusBadRequest},
		{"trailing text", `{"email":"alice@example.com","password":"x"} x`, http.StatusBadRequest},
		{"trailing comma", `{"email":"alice@example.com","password":"x",}`, http.StatusBadRequest},
		{"byte order mark", "\ufeff" + `{"email":"alice@example.com","password":"x"}`, http.StatusBadRequest},
		{"number", `{"email":"alice@example.com","password":1}`, http.StatusBadRequest},
		{"null password", `{"email":"alice@example.com","password":null}`, http.StatusBadRequest},
		{"object", `{"email":{"$ne":""},"password":"x"}`, http.StatusBadRequest},
		{"list", `{"email":["alice@example.com"],"password":"x"}`, http.StatusBadRequest},
		{"field twice", `{"email":"a@example.com","email":"alice@example.com","password":"x"}`, http.StatusBadRequest},
		{"field twice, escaped", `{"email":"a@example.com","\u0065mail":"alice@example.com","password":"x"}`, http.StatusBadRequest},
		{"unknown field twice", `{"x":1,"x":2,"email":"alice@example.com","password":"x"}`, http.StatusBadRequest},
		{"other case", `{"Email":"alice@example.com","Password":"x"}`, http.StatusBadRequest},
		{"raw NUL", "{\"email\":\"alice@example.com\x00\",\"password\":\"x\"}", http.StatusBadRequest},
		{"invalid UTF-8", "{\"email\":\"alice@example.com\",\"password\":\"\xff\"}", http.StatusBadRequest},
		{"lone high surrogate", `{"email":"alice@example.com","password":"\ud800"}`, http.StatusBadRequest},
		{"lone low surrogate", `{"email":"alice@example.com","password":"\udc00x"}`, http.StatusBadRequest},
		{"high surrogate twice", `{"email":"alice@example.com","password":"\ud800\ud800"}`, http.StatusBadRequest},
		{"deep", `{"x":` + strings.Repeat("[", 8000) + strings.Repeat("]", 8000) + `,"email":"a@example.com","password":"x"}`, http.StatusUnauthorized},
		{"too large", `{"email":"alice@example.com","password":"` + strings.Repeat("x", 17<<10) + `"}`, http.StatusRequestEntityTooLarge},
		{"surrogate pair", `{"email":"b@example.com","password":"\ud83d\ude00"}`, http.StatusUnauthorized},
		{"escaped backslash", `{"email":"c@example.com","password":"\\ud800"}`, http.StatusUnauthorized},
		{"unknown field", `{"email":"d@example.com","password":"x","remember":[true,{"a":null}]}`, http.StatusUnauthorized},
		{"escaped NUL", `{"email":"e@example.com\u0000","password":"x\u0000"}`, http.StatusUnauthorized},
		{"line breaks", `{"email":"f@example.com\r\nX: y","password":"x\r\n\u001b[2J"}`, http.StatusUnauthorized},
		{"bidi and separators", "{\"email\":\"g\u202e\u2028@example.com\",\"password\":\"x\"}", http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := s.hashes.Verifications()
			a := s.expect(call{method: "POST", path: "/login", body: tt.body}, tt.status)
			if hashed := s.hashes.Verifications() != before; hashed != (tt.status == http.StatusUnauthorized) {
				t.Errorf("a password was looked at: %v", hashed)
			}
			records := s.records(gatehouse.Query{Correlation: a.header.Get("X-Correlation-ID"), Kinds: []gatehouse.Kind{gatehouse.LoginFailed}})
			if len(records) != 1 {
				t.Errorf("%d records, want 1: %+v", len(records), records)
			}
			if strings.Contains(a.body, "alice") {
				t.Errorf("the answer repeats the input: %s", a.body)
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	s := newSite(t).member()
	for contentType, want := range map[string]int{
		"application/json":                  http.StatusOK,
		"application/json; charset=utf-8":   http.StatusOK,
		"Application/JSON;charset=UTF-8":    http.StatusOK,
		"application/json; charset=latin1":  http.StatusUnsupportedMediaType,
		"text/plain":                        http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"multipart/form-data; boundary=x":   http.StatusUnsupportedMediaType,
		"application/json, text/plain":      http.StatusUnsupportedMediaType,
		"":                                  http.StatusUnsupportedMediaType,
		"application/json; charset":         http.StatusUnsupportedMediaType,
	} {
		c := loginCall(alice, password)
		c.header = map[string]string{"Content-Type": contentType}
		s.expect(c, want)
	}
	c := loginCall(alice, password)
	c.header = map[string]string{"Content-Encoding": "gzip"}
	s.expect(c, http.StatusUnsupportedMediaType)
}

func TestHostileHeaders(t *testing.T) {
	s := newSite(t).member()
	for i, value := range []string{strings.Repeat("x", 1<<19), "\xff\xfe", "\u202e\u2028", "%s%n", `";drop table`} {
		c := loginCall(alice, password)
		c.header = map[string]string{"User-Agent": value, "Cookie": fmt.Sprintf("gatehouse_device=%s", value), "X-Forwarded-For": fmt.Sprintf("192.0.2.%d", 20+i)}
		k := s.tokens(c)
		if list := s.devices(k.Access).Devices; len(list) == 0 || len(list[0].Name) > gatehouse.MaxText {
			t.Errorf("%.20q: devices %+v", value, list)
		}
	}
}
