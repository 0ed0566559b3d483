package scrub_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crypto/rand"

	"github.com/fluxstudio/gatehouse/scrub"
)

// newCanary returns a secret like no other text.
func newCanary() string {
	b := make([]byte, 9)
	rand.Read(b)
	return "cnry" + hex.EncodeToString(b)
}

// places are texts with a canary %s in them.
var places = []string{
	"password=%s", "Password: %s", "password %s rejected", "passwd='%s'", `passphrase="%s x"`, "mysql_pwd=%s",
	"Authorization: Bearer %s", "authorization=Bearer %s", "Proxy-Authorization: Basic %s", "Bearer %s", "bearer  %s.", "Authorization: Token %s",
	"Cookie: a=1; sid=%s; b=2", "Set-Cookie: gatehouse_device=%s; Path=/", "X-Api-Key: %s", "X-CSRF-Token: %s", "x-auth-token:%s",
	`{"password":"%s"}`, `{"a":{"b":[{"refresh_token":"%s"}]}}`, `{"pass\u0077ord":"%s"}`, `{"token":["%s",{"a":"%s"}]}`,
	`{"name":"client_secret","value":"%s"}`, `"{\"password\":\"%s\"}"`, `{"body":"{\"body\":\"{\\\"otp\\\":\\\"%s\\\"}\"}"}`, `{"password":"%s`,
	"{'apiKey': '%s'}", "apiKey: %s\nuser: bob", "map[password:%s user:bob]", "{Email:a Password:%s x Name:b}", `&T{Secret:"%s"}`, "map[Cookie:[a=%s; b=c]]",
	"https://bob:%s@example.com/", "https://%s@example.com/42", "postgres://u:%s@192.0.2.1/db", "u:%s@tcp(192.0.2.1)/db", "amqp://:%s",
	"/cb?code=%s&state=x", "/cb?x=1&state=%s", "/cb#access_token=%s", "to=%%2Fcb%%3Fcode%%3D%s", "to=%%252Fcb%%253Fcode%%253D%s", "pass%%77ord=%s", "a=1&amp;token=%s",
	"/api/sessions?sid=%s", "/x;jsessionid=%s", "/reset-token/%s", "code_verifier=%s", "id_token=%s&x=1", "client_assertion=%s",
	"curl -u bob:%s https://example.com", "curl -H 'X-Api-Key: %s' x", "curl -b 'cookie=%s' x", "tool --password %s", "tool --token=%s", `["--secret", "%s"]`,
	"<password>%s</password>", `<apiKey a="b">%s</apiKey>`, `<input name="otp" value="%s">`, "form-data; name=\"password\"\r\n\r\n%s\r\n--x",
	"gh" + "r_%s", "ey" + "JhbGciOiJFZERTQSJ9.%s.c2ln", "gh" + "p_%s", "glpat" + "-%s", "$argon2id$v=19$m=1,t=1,p=1$%s$aGFzaA",
	pemKey + "\n%s\n" + pemEnd, pemKey + `\n%s`, "pin: %s", "one-time-code=%s", "sentry_dsn=https://%s@example.com/1", "private_key: %s",
	`invalid token "%s"`, `password => "%s"`, "secret\u00a0=\u00a0%s", "“secret”: “%s”", "SECRET=\n%s", "oauth_state=%s", "X-Hub-Signature-256: sha256=%s",
}

// doors are the ways in, from a text to what leaves.
func doors(s *scrub.Scrubber) map[string]func(text string) string {
	value := func(v any) string { return fmt.Sprintf("%#v", s.Value(v)) + fmt.Sprint(s.Value(v)) }
	return map[string]func(text string) string{
		"Text":         s.Text,
		"JSON":         func(x string) string { return string(s.JSON([]byte(x))) },
		"JSON string":  func(x string) string { b, _ := json.Marshal(map[string]any{"a": []any{x}}); return string(s.JSON(b)) },
		"JSON key":     func(x string) string { b, _ := json.Marshal(map[string]any{x: 1}); return string(s.JSON(b)) },
		"Query":        s.Query,
		"Query value":  func(x string) string { return s.Query("?a=b&m=" + url.QueryEscape(x)) },
		"Query twice":  func(x string) string { return s.Query("m=" + url.QueryEscape(url.QueryEscape(x))) },
		"Values":       func(x string) string { return fmt.Sprint(s.Values(url.Values{"m": {x}, x: {"1"}})) },
		"URL":          s.URL,
		"URL path":     func(x string) string { return s.URL("https://example.com/a/" + url.PathEscape(x)) },
		"URL fragment": func(x string) string { return s.URL("https://example.com/a#" + x) },
		"Header":       func(x string) string { return fmt.Sprint(s.Header(http.Header{"X-Note": {"a", x}, x: {"b"}})) },
		"Body form": func(x string) string {
			return string(s.Body("application/x-www-form-urlencoded", []byte("m="+url.QueryEscape(x))))
		},
		"Body text": func(x string) string { return string(s.Body("text/plain", []byte(x))) },
		"Body":      func(x string) string { return string(s.Body("", []byte(x))) },
		"Body part": func(x string) string {
			return string(s.Body("multipart/form-data; boundary=q", []byte("--q\r\nContent-Disposition: form-data; name=\"m\"\r\n\r\n"+x+"\r\n--q--\r\n")))
		},
		"Value":        func(x string) string { return value(x) },
		"Value bytes":  func(x string) string { return value([]byte(x)) },
		"Value error":  func(x string) string { return value(fmt.Errorf("a: %w", errors.New(x))) },
		"Value nested": func(x string) string { return value(map[string]any{"a": []any{map[string]string{"b": x}}, x: 1}) },
		"Value struct": func(x string) string { return value(struct{ A *string }{&x}) },
		"slog": func(x string) string {
			var b bytes.Buffer
			l := slog.New(scrub.NewHandler(slog.NewTextHandler(&b, nil), s))
			l.With("a", x).WithGroup("g").Info(x, "b", x, "c", errors.New(x), "d", []string{x})
			return b.String()
		},
	}
}

// A canary in any place never comes out of any door.
func TestCanary(t *testing.T) {
	s := scrub.New(scrub.Options{})
	if len(places) < 40 {
		t.Fatal("too few places")
	}
	for name, door := range doors(s) {
		for _, place := range places {
			canary := newCanary()
			in := strings.ReplaceAll(strings.ReplaceAll(place, "%s", canary), "%%", "%")
			for _, in := range []string{in, "error: " + in, "a b\n" + in + "\nc d", `x="y" ` + in, in + " (code 5)"} {
				if out := door(in); leaks(out, canary) {
					t.Errorf("%s: %q\nlets out %q", name, in, out)
				}
			}
		}
	}
}

// leaks reports whether a canary, or a good part of it, is in a text, as it is or
// in hexadecimal or base64.
func leaks(out, canary string) bool {
	for i := 0; i+10 <= len(canary); i++ {
		if strings.Contains(out, canary[i:i+10]) {
			return true
		}
	}
	out = strings.ToLower(out)
	return strings.Contains(out, hex.EncodeToString([]byte(canary)))
}

// Under a secret name a value goes whatever it is and however it is encoded.
func TestCanaryUnderNames(t *testing.T) {
	s := scrub.New(scrub.Options{})
	for _, name := range []string{"password", "apiKey", "X-Api-Key", "refresh_token", "client_secret", "code", "state", "sid", "auth", "otp", "new%50assword"} {
		canary := newCanary()
		b64 := base64.StdEncoding.EncodeToString([]byte("bob:" + canary))
		for _, v := range []string{canary, "a b " + canary, "a&b" + canary, `a"b` + canary, "{" + canary, "\x00\n" + canary, "[scrubbed]" + canary, b64} {
			quoted, _ := json.Marshal(v)
			outs := map[string]string{
				"JSON":   string(s.JSON([]byte(`{"a":[{"` + name + `":` + string(quoted) + `}]}`))),
				"deep":   string(s.JSON([]byte(`{"` + name + `":[{"x":` + string(quoted) + `}]}`))),
				"text":   s.Text(`saw {"` + name + `":` + string(quoted) + `}, then`),
				"%q":     s.Text(fmt.Sprintf("map[%q:%q]", name, v)),
				"query":  s.Query("a=1&" + name + "=" + url.QueryEscape(v) + "&b=2"),
				"twice":  s.Query("to=" + url.QueryEscape("/x?"+name+"="+url.QueryEscape(v)+"&b=2")),
				"url":    s.URL("https://example.com/?" + name + "=" + url.QueryEscape(v)),
				"line":   s.Text("GET /?a=1&" + name + "=" + url.QueryEscape(v) + "&b=2 HTTP/1.1"),
				"values": fmt.Sprint(s.Values(url.Values{name: {v}})),
				"header": fmt.Sprint(s.Header(http.Header{name: {v}})),
				"cookie": s.Cookie(name + "=" + url.QueryEscape(v)),
				"value":  fmt.Sprint(s.Value(map[string]any{"a": map[string]string{name: v}, name: []any{v}})),
				"named":  fmt.Sprint(s.Named(name, v)),
				"part":   string(s.Body("multipart/form-data; boundary=q", []byte("--q\r\nContent-Disposition: form-data; name=\""+name+"\"\r\n\r\n"+v+"\r\n--q--"))),
			}
			for where, out := range outs {
				if leaks(out, canary) || strings.Contains(out, b64[:20]) && v == b64 {
					t.Errorf("%s: %s = %q: %q", where, name, v, out)
				}
			}
		}
	}
}
