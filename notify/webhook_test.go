package notify_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/fluxstudio/gatehouse/internal/safedial"
	"github.com/fluxstudio/gatehouse/notify"
)

const (
	secret    = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	oldSecret = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

func newWebhook(t *testing.T, o notify.WebhookOptions) *notify.Webhook {
	t.Helper()
	if o.Secret == "" {
		o.Secret = secret
	}
	w, err := notify.NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhookIsSigned(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	var got request
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got.header = r.Header
		got.body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	reach := loopback
	reach.AllowHTTP, reach.RootCAs = false, roots
	w := newWebhook(t, notify.WebhookOptions{URL: s.URL + "/hook", OldSecret: oldSecret, Reach: reach})
	m := alert(t, "zoë<b>@example.com\x1b", "curl/8.5")
	m.Key = "a key. with \r\n all: sorts"
	if err := w.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{secret, oldSecret} {
		verifier, err := standard.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(got.body, got.header); err != nil {
			t.Error(err)
		}
		if err := verifier.Verify(append(got.body, ' '), got.header); err == nil {
			t.Error("a changed body verifies")
		}
	}
	if id := got.header.Get("webhook-id"); strings.ContainsAny(id, ". \r\n") || id == "" {
		t.Errorf("id %q", id)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cookie") != "" {
		t.Errorf("headers %v", got.header)
	}
	var doc struct {
		Type      string
		Timestamp time.Time
		Data      struct {
			Key, Event, Severity, Title string
			Facts                       []struct{ Name, Value string }
			Links                       []struct{ Label, URL string }
		}
	}
	if err := json.Unmarshal(got.body, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Type != "finding.opened" || !doc.Timestamp.Equal(m.Time) || doc.Data.Event != "brute_force_detected" || doc.Data.Severity != "high" ||
		doc.Data.Key != got.header.Get("webhook-id") || doc.Data.Facts[0].Value != "zoë<b>@example.com\ufffd" || len(doc.Data.Links) != 1 {
		t.Errorf("%s", got.body)
	}
	if first := got.header.Get("webhook-id"); w.Send(t.Context(), m) != nil || got.header.Get("webhook-id") != first {
		t.Error("a second attempt has another ID")
	}
}

func TestWebhookAnswers(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		ok         bool
		permanent  bool
		after      time.Duration
	}{
		{status: 200, ok: true}, {status: 204, ok: true}, {status: 202, ok: true},
		{status: 410, permanent: true},
		{status: 400}, {status: 401}, {status: 404}, {status: 500}, {status: 502}, {status: 302}, {status: 308},
		{status: 429, retryAfter: "17", after: 17 * time.Second},
		{status: 503, retryAfter: "Mon, 23 Nov 2026 12:01:00 GMT", after: time.Minute},
		{status: 503, retryAfter: "Mon, 23 Nov 2026 11:00:00 GMT"},
		{status: 503, retryAfter: "99999999", after: 24 * time.Hour},
		{status: 503, retryAfter: "-5"}, {status: 503, retryAfter: "soon"},
		{status: 410, retryAfter: "17", permanent: true},
	} {
		t.Run(fmt.Sprint(c.status, c.retryAfter), func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://192.0.2.1/")
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				w.WriteHeader(c.status)
			}))
			defer s.Close()
			w := newWebhook(t, notify.WebhookOptions{URL: s.URL, Reach: loopback, Now: func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }})
			err := w.Send(t.Context(), alert(t, "ada@example.com", ""))
			after, asked := notify.RetryAfter(err)
			if (err == nil) != c.ok || errors.Is(err, notify.ErrPermanent) != c.permanent || after != c.after || asked != (c.after > 0) {
				t.Errorf("%v, permanent %v, after %v", err, errors.Is(err, notify.ErrPermanent), after)
			}
		})
	}
}

// Nothing is sent to where it must not be, however it is spelled.
func TestWebhookRefusesInternalAddresses(t *testing.T) {
	var hits atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "[::]", "0.0.0.0", "[fd00:ec2::254]"} {
		w := newWebhook(t, notify.WebhookOptions{URL: "http://" + host + ":" + port, Reach: notify.Reach{AllowHTTP: true}})
		err := w.Send(t.Context(), alert(t, "ada@example.com", ""))
		if !errors.Is(err, safedial.ErrRefused) || !errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if hits.Load() > 0 {
		t.Error("something arrived")
	}
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	var hits atomic.Int32
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer inner.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		outer := httptest.NewServer(http.RedirectHandler(inner.URL, status))
		w := newWebhook(t, notify.WebhookOptions{URL: outer.URL, Reach: loopback})
		if err := w.Send(t.Context(), alert(t, "ada@example.com", "")); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v", status, err)
		}
		outer.Close()
	}
	if hits.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// nameServer is a resolver whose n-th answer for any name is the n-th of
// addresses, and the last from then on.
func nameServer(t *testing.T, addresses ...string) (*net.Resolver, *atomic.Int32) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buf[:n]) != nil || len(q.Questions) == 0 {
				continue
			}
			q.Response, q.Additionals = true, nil
			name, kind := q.Questions[0].Name, q.Questions[0].Type
			i := min(int(asked.Load()), len(addresses)-1)
			ip := net.ParseIP(addresses[i])
			head := dnsmessage.ResourceHeader{Name: name, Type: kind, Class: dnsmessage.ClassINET}
			if v4 := ip.To4(); kind == dnsmessage.TypeA {
				asked.Add(1)
				if v4 != nil && !strings.Contains(addresses[i], ":") {
					q.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte(v4)}}}
				}
			} else if kind == dnsmessage.TypeAAAA && strings.Contains(addresses[i], ":") {
				q.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip.To16())}}}
			}
			if out, err := q.Pack(); err == nil {
				_, _ = c.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}, &asked
}

// A name that is public when it is looked at, and loopback when it is used.
func TestWebhookRebinding(t *testing.T) {
	var hits atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"} {
		t.Run(address, func(t *testing.T) {
			resolver, asked := nameServer(t, "8.8.8.8", address)
			if _, err := resolver.LookupNetIP(t.Context(), "ip4", "hook.example.com"); err != nil { // the look beforehand
				t.Fatal(err)
			}
			w := newWebhook(t, notify.WebhookOptions{URL: "http://hook.example.com:" + port, Reach: notify.Reach{AllowHTTP: true, Resolver: resolver}})
			if err := w.Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, safedial.ErrRefused) {
				t.Errorf("%v", err)
			}
			if asked.Load() < 2 {
				t.Error("the name was not resolved again: the test shows nothing")
			}
		})
	}
	if hits.Load() > 0 {
		t.Error("something arrived")
	}
	t.Run("allowed by name", func(t *testing.T) {
		resolver, _ := nameServer(t, "127.0.0.1")
		w := newWebhook(t, notify.WebhookOptions{URL: "http://hook.example.com:" + port,
			Reach: notify.Reach{AllowHTTP: true, Resolver: resolver, AllowHosts: []string{"hook.example.com"}}})
		if err := w.Send(t.Context(), alert(t, "ada@example.com", "")); err != nil || hits.Load() != 1 {
			t.Errorf("%v, %d arrived", err, hits.Load())
		}
	})
}

func TestWebhookHangs(t *testing.T) {
	arrived := make(chan net.Conn, 4)
	addr := listen(t, func(c net.Conn) { arrived <- c })
	o := notify.WebhookOptions{URL: "http://" + addr.String() + "/?token=s3cret", Reach: loopback, Timeout: 50 * time.Millisecond}
	err := newWebhook(t, o).Send(t.Context(), alert(t, "ada@example.com", ""))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || errors.Is(err, notify.ErrPermanent) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	hungUp(t, <-arrived)
	ctx, cancel := context.WithCancel(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() { c := <-arrived; cancel(); accepted <- c }()
	o.Timeout = 0
	if err := newWebhook(t, o).Send(ctx, alert(t, "ada@example.com", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	hungUp(t, <-accepted)
}

// An answer without end holds nothing up.
func TestWebhookEndlessAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 64<<10))
		}
	}))
	defer s.Close()
	if err := newWebhook(t, notify.WebhookOptions{URL: s.URL, Reach: loopback}).Send(t.Context(), alert(t, "ada@example.com", "")); err != nil {
		t.Error(err)
	}
}

func TestWebhookUsesNoProxyUnlessAsked(t *testing.T) {
	var proxied atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	reach := notify.Reach{AllowHTTP: true}
	resolver, _ := nameServer(t, "192.0.2.1")
	reach.Resolver = resolver
	if err := newWebhook(t, notify.WebhookOptions{URL: "http://hook.example.com/", Reach: reach}).Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, safedial.ErrRefused) {
		t.Errorf("%v", err)
	}
	reach.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	w := newWebhook(t, notify.WebhookOptions{URL: "http://hook.example.com/", Reach: reach})
	if err := w.Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, safedial.ErrRefused) || proxied.Load() > 0 {
		t.Errorf("the proxy is on loopback, which is not allowed: %v", err)
	}
	reach.AllowHosts = []string{"127.0.0.1"}
	w = newWebhook(t, notify.WebhookOptions{URL: "http://hook.example.com/", Reach: reach})
	if err := w.Send(t.Context(), alert(t, "ada@example.com", "")); err != nil || proxied.Load() != 1 {
		t.Errorf("%v, %d through the proxy", err, proxied.Load())
	}
}

func TestWebhookOptions(t *testing.T) {
	for name, o := range map[string]notify.WebhookOptions{
		"no URL":         {Secret: secret},
		"not a URL":      {URL: "https://x:y:z/s3cret", Secret: secret},
		"no TLS":         {URL: "http://example.com/s3cret", Secret: secret},
		"other scheme":   {URL: "ftp://example.com/s3cret", Secret: secret},
		"file":           {URL: "file:///etc/s3cret", Secret: secret},
		"no secret":      {URL: "https://example.com/s3cret"},
		"only the old":   {URL: "https://example.com/s3cret", OldSecret: secret},
		"no prefix":      {URL: "https://example.com/s3cret", Secret: strings.TrimPrefix(secret, "whsec_")},
		"short":          {URL: "https://example.com/s3cret", Secret: "whsec_c2hvcnQ="},
		"not base64":     {URL: "https://example.com/s3cret", Secret: "whsec_s3cret!!"},
		"bad old secret": {URL: "https://example.com/s3cret", Secret: secret, OldSecret: "s3cret"},
	} {
		if w, err := notify.NewWebhook(o); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, %v", name, w, err)
		}
	}
	w := newWebhook(t, notify.WebhookOptions{URL: "https://user:s3cret@hook.example.com/s3cret?k=s3cret"})
	if got := fmt.Sprint(w); got != "webhook hook.example.com" {
		t.Errorf("%q", got)
	}
	m := alert(t, "ada@example.com", "")
	m.To = "ada@example.com"
	if err := w.Send(t.Context(), m); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("a message for one person goes to a webhook: %v", err)
	}
}
