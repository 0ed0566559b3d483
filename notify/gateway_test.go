package notify_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/safedial"
	"github.com/fluxstudio/gatehouse/notify"
)

func newGateway(t *testing.T, o notify.GatewayOptions) *notify.Gateway {
	t.Helper()
	g, err := notify.NewGateway(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// chatServer keeps the last request and answers as it is told.
type chatServer struct {
	*httptest.Server
	host   string
	mu     sync.Mutex
	header http.Header
	url    *url.URL
	body   string
	count  int
	status int
	answer string
}

func startChat(t *testing.T, secure bool) (*chatServer, *x509.CertPool) {
	t.Helper()
	c := &chatServer{status: http.StatusOK, answer: `{"ok":true,"id":"1","status":1,"code":200,"result":{}}`}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.header, c.url, c.body = r.Header, r.URL, string(body)
		c.count++
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(c.status)
		if c.answer == "echo" { // Pushbullet says back what it has pushed
			c.answer = strings.Replace(c.body, "{", `{"active":true,`, 1)
		}
		fmt.Fprint(w, c.answer)
	}))
	roots := x509.NewCertPool()
	if secure {
		c.StartTLS()
		roots.AddCert(c.Certificate())
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	c.host = c.Listener.Addr().String()
	return c, roots
}

// Services of which the URL names the host, against a local server.
var hosted = []struct {
	name, url string // %s is the host
	secure    bool
	path      string
	secret    string
}{
	{"generic", "generic://%s/hook?disabletls=yes&template=json&@X-Token=s3cretheader&$team=ops", false, "/hook", "s3cretheader"},
	{"generic plain", "generic://%s/s3crethook?disabletls=yes", false, "/s3crethook", "s3crethook"},
	{"generic custom", "generic+http://%s/s3crethook?template=json", false, "/s3crethook", "s3crethook"},
	{"ntfy", "ntfy://user:s3cretpass@%s/s3crettopic?disabletls=yes", false, "/s3crettopic", "s3cret"},
	{"gotify", "gotify://%s/As3cret.aaaaaaa?disabletls=yes", false, "/message", "s3cret"},
	{"mattermost", "mattermost://bot@%s/s3cret0token?disabletls=yes", false, "/hooks/s3cret0token", "s3cret"},
	{"rocketchat", "rocketchat://%s/s3cretA/s3cretB", true, "/hooks/s3cretA/s3cretB", "s3cret"},
	{"bark", "bark://:s3cretkey@%s/?scheme=http", false, "/push", "s3cret"},
	{"signal", "signal://user:s3cret@%s/+491700000000/+491700000001?disabletls=yes", false, "/v2/send", "s3cret"},
	{"matrix", "matrix://:s3cret@%s/?disabletls=yes&rooms=!r:example.com", false, "/_matrix", "s3cret"},
}

const evil = "<!here> @channel [x](https://evil.example) \x1b[31m"

func TestGatewayArrives(t *testing.T) {
	for _, c := range hosted {
		t.Run(c.name, func(t *testing.T) {
			server, roots := startChat(t, c.secure)
			if c.name == "gotify" {
				server.answer = `{"id":1}`
			}
			if c.name == "matrix" {
				server.answer = `{"joined_rooms":["!r:example.com"],"room_id":"!r:example.com","event_id":"1"}`
			}
			reach := loopback
			reach.RootCAs = roots
			g := newGateway(t, notify.GatewayOptions{URL: fmt.Sprintf(c.url, server.host), Reach: reach})
			if err := g.Send(t.Context(), alert(t, evil, "curl/8.5")); err != nil {
				t.Fatal(err)
			}
			got := server.body + server.header.Get("Title")
			if !strings.HasPrefix(server.url.Path, c.path) || !strings.Contains(got, "Somebody is guessing a password") || !strings.Contains(got, "203.0.113.7") {
				t.Errorf("%s: %s", server.url, got)
			}
			for _, bad := range []string{"<!here>", `\u003c!here`, "@channel", "](", "https://evil", "\x1b", `\u001b`} {
				if strings.Contains(got, bad) {
					t.Errorf("%q in %s", bad, got)
				}
			}
		})
	}
}

func TestGenericGateway(t *testing.T) {
	server, _ := startChat(t, false)
	g := newGateway(t, notify.GatewayOptions{Reach: loopback,
		URL: "generic://" + server.host + "/hook?x=1&disabletls=yes&template=json&method=PUT&titlekey=head&messagekey=text&@AccessToken=abc&$team=ops"})
	if err := g.Send(t.Context(), alert(t, "ada@example.com", "")); err != nil {
		t.Fatal(err)
	}
	var doc map[string]string
	if err := json.Unmarshal([]byte(server.body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["team"] != "ops" || doc["head"] != "HIGH · Somebody is guessing a password: ada@example.com" || !strings.Contains(doc["text"], "Account: ada@example.com\n") ||
		server.header.Get("Access-Token") != "abc" || server.url.RequestURI() != "/hook?x=1" || server.header.Get("Idempotency-Key") == "" {
		t.Errorf("%s %v %s", server.url, server.header, server.body)
	}
}

func TestGatewayAnswers(t *testing.T) {
	for _, c := range hosted {
		for _, status := range []int{400, 401, 429, 500} {
			t.Run(fmt.Sprint(c.name, status), func(t *testing.T) {
				server, roots := startChat(t, c.secure)
				server.status, server.answer = status, `{"code":400,"error":"s3cret"}`
				reach := loopback
				reach.RootCAs = roots
				err := newGateway(t, notify.GatewayOptions{URL: fmt.Sprintf(c.url, server.host), Reach: reach}).Send(t.Context(), alert(t, "ada@example.com", ""))
				if err == nil {
					t.Fatal("no error")
				}
				if strings.Contains(err.Error(), c.secret) {
					t.Errorf("a token in %q", err)
				}
				if server.count != 1 {
					t.Errorf("%d attempts, want 1", server.count)
				}
				if ours := c.name != "bark" && c.name != "matrix"; errors.Is(err, notify.ErrPermanent) != (status == 400) && ours {
					t.Errorf("permanent %v: %v", errors.Is(err, notify.ErrPermanent), err)
				}
			})
		}
	}
}

func TestGatewayRefusesInternalAddresses(t *testing.T) {
	for _, c := range hosted {
		t.Run(c.name, func(t *testing.T) {
			server, _ := startChat(t, c.secure)
			g := newGateway(t, notify.GatewayOptions{URL: fmt.Sprintf(c.url, server.host), Reach: notify.Reach{AllowHTTP: true}})
			err := g.Send(t.Context(), alert(t, "ada@example.com", ""))
			if !errors.Is(err, safedial.ErrRefused) || !errors.Is(err, notify.ErrPermanent) || strings.Contains(err.Error(), "s3cret") || server.count > 0 {
				t.Errorf("%v, %d arrived", err, server.count)
			}
		})
	}
}

// Where the client is ours, a name that changes its meaning gains nothing.
func TestGatewayRebinding(t *testing.T) {
	for name, u := range map[string]string{
		"generic": "generic://chat.example.com/hook?template=json", "ntfy": "ntfy://chat.example.com/topic", "gotify": "gotify://chat.example.com/Aaaaaaaaaaaaaaa",
		"mattermost": "mattermost://chat.example.com/token", "rocketchat": "rocketchat://chat.example.com/a/b",
		"discord": "discord://s3cret@123456789", "pushover": "pushover://:s3cret@user/", "pagerduty": "pagerduty://events.pagerduty.com:443/0123456789abcdef0123456789abcdef",
	} {
		t.Run(name, func(t *testing.T) {
			resolver, _ := nameServer(t, "127.0.0.1")
			err := newGateway(t, notify.GatewayOptions{URL: u, Reach: notify.Reach{Resolver: resolver}}).Send(t.Context(), alert(t, "ada@example.com", ""))
			if !errors.Is(err, safedial.ErrRefused) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestGatewayHTTPMustBeAllowed(t *testing.T) {
	for _, c := range hosted[:6] {
		server, _ := startChat(t, false)
		reach := loopback
		reach.AllowHTTP = false
		err := newGateway(t, notify.GatewayOptions{URL: fmt.Sprintf(c.url, server.host), Reach: reach}).Send(t.Context(), alert(t, "ada@example.com", ""))
		if !errors.Is(err, notify.ErrPermanent) || server.count > 0 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// services with an address of their own, seen by the two ways to see what they send.
var fixed = []struct {
	name, url, original string
	answer              string
	ours                bool // sends through our client, else through Go's default client
}{
	{"slack webhook", "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789s3cret@webhook", "https://hooks.slack.com/services/AAAAAAAAA/BBBBBBBBB/123456789123456789s3cret", "", false},
	{"slack bot", "slack://xoxb:123456789012-1234567890123-4mt0t4l1ys3cret000000000@C001CH4NN3L", "https://slack.com/api/chat.postMessage", `{"ok":true}`, false},
	{"teams", "teams://" + id + "@" + id + "/33333333012222222222333333333344/" + id + "/V2ESyijs3cret?host=example.webhook.office.com",
		"https://example.webhook.office.com/webhookb2/" + id + "@" + id + "/IncomingWebhook/33333333012222222222333333333344/" + id + "/V2ESyijs3cret", "", false},
	{"googlechat", "googlechat://8.8.8.8/v1/spaces/FOO/messages?key=s3cret&token=s3cret", "https://8.8.8.8/v1/spaces/FOO/messages?key=s3cret&token=s3cret", "{}", false},
	{"opsgenie", "opsgenie://8.8.8.8/eb243592-faa2-4ba2-a551-1afdf5s3cret", "https://8.8.8.8:443/v2/alerts", "{}", false},
	{"pushbullet", "pushbullet://tokentokentokentokentokentoks3cret/test", "https://api.pushbullet.com/v2/pushes", "echo", false},
	{"wecom", "wecom://693axxx6-7aoc-4bc4-97a0-0ec2sifs3cret", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693axxx6-7aoc-4bc4-97a0-0ec2sifs3cret", `{"errcode":0,"errmsg":"ok"}`, false},
	{"zulip", "zulip://bot%40example.com:s3cret@zulip.example.com?stream=foo", "https://bot%40example.com:s3cret@zulip.example.com/api/v1/messages", `{"result":"success"}`, false},
	{"ifttt", "ifttt://s3cret/?events=foo", "https://maker.ifttt.com/trigger/foo/with/key/s3cret", "ok", false},
	{"join", "join://shoutrrr:s3cret@join/?devices=dev1", "https://joinjoaomgcd.appspot.com/_ah/api/messaging/v1/sendPush?apikey=s3cret", "{}", false},
	{"lark", "lark://open.larksuite.com/s3cret", "https://open.larksuite.com/open-apis/bot/v2/hook/s3cret", `{"code":0}`, false},
	{"notifiarr", "notifiarr://s3cret?channel=123456789", "https://notifiarr.com/api/v1/notification/passthrough/s3cret", "{}", false},
	{"telegram", "telegram://123456789:AAs3cret-aaaaaaaaaaaaaaaaaaaaaaaaaa@telegram/?chats=@alerts", "https://api.telegram.org/bot123456789:AAs3cret-aaaaaaaaaaaaaaaaaaaaaaaaaa/sendMessage", `{"ok":true,"result":{}}`, true},
	{"discord", "discord://s3cret@123456789", "https://discord.com/api/webhooks/123456789/s3cret", "", true},
	{"pushover", "pushover://:s3cret@user/", "https://api.pushover.net/1/messages.json", "{}", true},
	{"pagerduty", "pagerduty://events.pagerduty.com:443/0123456789abcdef0123456789abcdef", "https://events.pagerduty.com:443/v2/enqueue", `{"status":"success"}`, true},
}

const id = "11111111-4444-4444-8444-cccccccccccc"

// detour leads every request of Go's default client to a local server.
type detour struct{ to *chatServer }

func (d detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Original", r.URL.String())
	r.URL.Scheme, r.URL.Host = "http", d.to.host
	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
}

// impersonate answers for every name, behind a proxy and with a certificate that
// the Reach trusts.
func impersonate(t *testing.T, c *chatServer) notify.Reach {
	t.Helper()
	cert, roots := certificate(t, "api.telegram.org", "discord.com", "api.pushover.net", "events.pagerduty.com")
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Original", "https://"+r.Host+r.URL.RequestURI())
		c.Config.Handler.ServeHTTP(w, r)
	}))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	front.StartTLS()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		dead := c.status == 0
		c.mu.Unlock()
		if dead {
			panic(http.ErrAbortHandler)
		}
		to, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			return
		}
		defer to.Close()
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		fmt.Fprint(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, from); to.Close() }()
		_, _ = io.Copy(from, to)
	}))
	t.Cleanup(func() { front.Close(); proxy.Close() })
	proxyURL, _ := url.Parse(proxy.URL)
	return notify.Reach{RootCAs: roots, AllowHosts: []string{"127.0.0.1"}, Proxy: func(*http.Request) (*url.URL, error) { return proxyURL, nil }}
}

func TestGatewayFixedServices(t *testing.T) {
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	for _, c := range fixed {
		t.Run(c.name, func(t *testing.T) {
			server, _ := startChat(t, false)
			server.answer = c.answer
			resolver, _ := nameServer(t, "8.8.8.8")
			reach := notify.Reach{Resolver: resolver}
			if c.ours {
				reach = impersonate(t, server)
			} else {
				http.DefaultTransport = detour{server}
			}
			g := newGateway(t, notify.GatewayOptions{URL: c.url, Reach: reach})
			if err := g.Send(t.Context(), alert(t, evil, "curl/8.5")); err != nil {
				t.Fatal(err)
			}
			if got := server.header.Get("X-Original"); !strings.HasPrefix(got, c.original) {
				t.Errorf("sent to %s", got)
			}
			got := server.body
			if unescaped, err := url.QueryUnescape(server.url.RawQuery); err == nil {
				got += unescaped
			}
			if !strings.Contains(got, "guessing") || strings.Contains(got, "!here") || strings.Contains(got, "@channel") || strings.Contains(got, "](") {
				t.Errorf("%s", got)
			}
			server.count = 0
			for _, status := range []int{400, 401, 403, 404, 410, 429, 500, 502} {
				for _, answer := range []string{"", "<html>s3cret</html>", `{"error":"s3cret"}`} {
					server.status, server.answer = status, answer
					err := g.Send(t.Context(), alert(t, "ada@example.com", ""))
					permanent := errors.Is(err, notify.ErrPermanent)
					switch {
					case err == nil:
						t.Errorf("%d %q counts as delivered", status, answer)
					case strings.Contains(err.Error(), "s3cret"):
						t.Errorf("a token in %v", err)
					case permanent && (status == 401 || status == 403 || status == 429 || status >= 500), !permanent && c.ours && (status == 400 || status == 404):
						t.Errorf("%d: permanent %v: %v", status, permanent, err)
					}
					if after, _ := notify.RetryAfter(err); c.ours && status == 429 && after != 9*time.Second {
						t.Errorf("asked to wait: %v", after)
					}
				}
			}
			if server.count != 24 {
				t.Errorf("%d requests in 24 attempts", server.count)
			}
			server.mu.Lock()
			server.status = 0
			server.mu.Unlock()
			if !c.ours {
				server.Close()
			}
			if err := g.Send(t.Context(), alert(t, "ada@example.com", "")); err == nil || errors.Is(err, notify.ErrPermanent) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("dead: %v", err)
			}
		})
	}
}

func TestGatewayHangs(t *testing.T) {
	arrived := make(chan net.Conn, 64)
	addr := listen(t, func(c net.Conn) { arrived <- c })
	for name, u := range map[string]string{
		"own client":   "gotify://" + addr.String() + "/Aaaaaaaaaaaaaaa?disabletls=yes",
		"generic":      "generic://" + addr.String() + "/?disabletls=yes",
		"their client": "signal://" + addr.String() + "/+491700000000/+491700000001?disabletls=yes",
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, notify.GatewayOptions{URL: u, Reach: loopback, Timeout: 50 * time.Millisecond})
			const attempts = 8
			for range attempts {
				if err := g.Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, notify.ErrPermanent) {
					t.Errorf("%v", err)
				}
			}
			if name == "their client" {
				if err := g.Send(t.Context(), alert(t, "ada@example.com", "")); !errors.Is(err, gatehouse.ErrBusy) {
					t.Errorf("more than %d hang: %v", attempts, err)
				}
			}
			for range attempts {
				if c := <-arrived; name == "their client" {
					c.Close()
				} else {
					hungUp(t, c)
				}
			}
		})
	}
}

func TestGatewayOptions(t *testing.T) {
	for name, u := range map[string]string{
		"empty":         "",
		"broken":        "slack://s3cret:x@[",
		"unknown":       "carrierpigeon://s3cret",
		"smtp":          "smtp://user:s3cret@mail.example.com/?from=a@example.com&to=b@example.com",
		"logger":        "logger://",
		"bad Slack":     "slack://s3cret",
		"bad telegram":  "telegram://s3cret@telegram/?chats=1",
		"parse mode":    "telegram://123456789:AAs3cret-aaaaaaaaaaaaaaaaaaaaaaaaaa@telegram/?chats=@alerts&parseMode=Markdown",
		"template":      "generic://chat.example.com/s3cret?template=other",
		"generic where": "generic://",
		"two chats":     "telegram://123456789:AAs3cret-aaaaaaaaaaaaaaaaaaaaaaaaaa@telegram/?chats=@alerts,@ops",
		"matrix rooms":  "matrix://:s3cret@127.0.0.1:1",
		"matrix login":  "matrix://user:s3cret@127.0.0.1:1",
		"PagerDuty":     "pagerduty://events.pagerduty.com/s3cret",
		"bad custom":    "slack+https://hooks.example.com/s3cret",
	} {
		g, err := notify.NewGateway(notify.GatewayOptions{URL: u})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
	g := newGateway(t, notify.GatewayOptions{URL: "discord://s3cret@123456789"})
	if got := fmt.Sprint(g); got != "gateway discord" {
		t.Errorf("%q", got)
	}
	m := alert(t, "ada@example.com", "")
	m.To = "ada@example.com"
	if err := g.Send(t.Context(), m); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("a message for one person goes to a channel: %v", err)
	}
	if len(notify.Gateways()) < 20 {
		t.Errorf("%q", notify.Gateways())
	}
}

func TestWordless(t *testing.T) {
	for in, want := range map[string]string{
		`Post "https://api.telegram.org/bot1:s3cret/send": dial tcp: lookup s3cret: no such host`: "not delivered: no such host",
		`failed: 404 Not Found s3cret`:                           "answered 404 Not Found",
		`got unexpected HTTP status: 500 Server s3cret`:          "answered 500 Internal Server Error",
		`server returned status 403 s3cret`:                      "answered 403 Forbidden",
		`unexpected status code 429: s3cret`:                     "answered 429 Too Many Requests",
		`s3cret says no`:                                         "not delivered; the service does not say why",
		`Post "https://x/s3cret/500": context deadline exceeded`: "not delivered: context deadline exceeded",
	} {
		if got := notify.Wordless(errors.New(in)); got == nil || got.Error() != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
}
