package authserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/sql"
)

const (
	alice    = "alice@example.com"
	password = "seven quiet herons"
	firefox  = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	safari   = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
)

// site is a whole login server on a real socket. Its settings may be changed
// before start.
type site struct {
	t       testing.TB
	rules   rules.Set
	hasher  accounts.HasherOptions
	journal func(gatehouse.Journal) gatehouse.Journal
	origins []string
	unread  bool                                        // the pages cannot read the log
	mail    func(*accounts.Service) *accountmail.Mailer // nil: none

	store    *sql.Store
	accounts *accounts.Service
	server   *authserver.Server
	hashes   *accounts.Hasher
	url      string
	http     *http.Client

	mu       sync.Mutex
	offset   time.Duration // of the site's clock
	failures []error       // what OnError heard
}

func newSite(t testing.TB) *site {
	s := &site{t: t, rules: rules.Default(), hasher: accounts.HasherOptions{Params: accounts.Argon2{Memory: 64, Time: 1, Threads: 1}}}
	s.rules.BotActivity.Enabled = false // most tests ask more often than people do
	return s
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}

func (s *site) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

// places knows the test networks.
type places struct{}

func (places) Place(ip netip.Addr) gatehouse.Place {
	if netip.MustParsePrefix("198.51.100.0/24").Contains(ip) {
		return gatehouse.Place{Country: "NL", City: "Utrecht"}
	}
	return gatehouse.Place{}
}

func (s *site) start() *site {
	t := s.t
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	s.store, err = sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sql.Options{})
	must(err)
	t.Cleanup(func() { s.store.Close() })
	s.hashes, err = accounts.NewHasher(s.hasher)
	must(err)
	var journal gatehouse.Journal = s.store
	if s.journal != nil {
		journal = s.journal(journal)
	}
	service, err := accounts.New(accounts.Options{Store: s.store, Hasher: s.hashes, Now: s.now})
	must(err)
	s.accounts = service
	o := authserver.Options{Accounts: service, Places: places{}, Now: s.now, TrustedOrigins: s.origins, Log: s.store}
	if s.unread {
		o.Log = nil
	}
	if s.mail != nil {
		o.Mail = s.mail(service) // which may change the rules
	}
	g, err := guard.New(guard.Options{
		Rules: s.rules, Windows: memory.NewWindows(memory.Options{}), Blocks: s.store, Sightings: s.store,
		Journal: journal, Log: s.store,
	})
	must(err)
	o.Guard = g
	server, err := authserver.New(o)
	must(err)
	s.server = server
	proxied, err := clientip.New(clientip.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	must(err)
	chain := httpguard.New(g, httpguard.Options{
		Clients: proxied, Refusal: authserver.Refusal, Now: s.now, Logger: slog.New(slog.DiscardHandler),
		Around: []func(http.Handler) http.Handler{server.ErrorPages},
		OnError: func(_ *http.Request, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failures = append(s.failures, err)
		},
	})
	ts := httptest.NewServer(chain.Wrap(server.Handler()))
	t.Cleanup(ts.Close)
	s.url, s.http = ts.URL, ts.Client()
	s.http.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// call is one request. An empty body is none. A path is one of the API, unless it
// begins with /account.
type call struct {
	method, path, body string
	bearer             string
	header             map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(c call) answer {
	s.t.Helper()
	path := "/api/auth" + c.path
	if strings.HasPrefix(c.path, "/account") {
		path = c.path
	}
	req, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+path, strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("User-Agent", firefox)
	req.Header.Set("X-Forwarded-For", "192.0.2.1")
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	res, err := s.http.Do(req)
	if err != nil {
		s.t.Error(err)
		return answer{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func object(pairs ...string) string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(m)
	return b.String()
}

func (s *site) signup(email, password string) answer {
	s.t.Helper()
	return s.do(call{method: "POST", path: "/signup", body: object("email", email, "password", password, "name", "Alice")})
}

func loginCall(email, password string) call {
	return call{method: "POST", path: "/login", body: object("email", email, "password", password)}
}

func refreshCall(token string) call {
	return call{method: "POST", path: "/refresh", body: object("refresh_token", token)}
}

// tokens is an answer to a login or refresh.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
}

func (s *site) tokens(c call) tokens {
	s.t.Helper()
	a := s.do(c)
	var k tokens
	if err := json.Unmarshal([]byte(a.body), &k); err != nil || a.status != http.StatusOK || k.Access == "" || k.Refresh == "" {
		s.t.Fatalf("%s: %d %s", c.path, a.status, a.body)
	}
	return k
}

// member starts the site with Alice's account.
func (s *site) member() *site {
	s.t.Helper()
	s.start()
	if a := s.signup(alice, password); a.status != http.StatusCreated {
		s.t.Fatalf("signup: %d %s", a.status, a.body)
	}
	return s
}

// expect checks a status, and that anything but a success is a problem document
// of that status.
func (s *site) expect(c call, status int) answer {
	s.t.Helper()
	a := s.do(c)
	if a.status != status {
		s.t.Errorf("%s %s: %d %s, want %d", c.method, c.path, a.status, a.body, status)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Correlation-ID") == "" {
		s.t.Errorf("%s %s: headers %v", c.method, c.path, a.header)
	}
	if a.status >= 400 {
		var p struct {
			Status int
			Title  string
		}
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != a.status || p.Title == "" || a.header.Get("Content-Type") != "application/problem+json" {
			s.t.Errorf("%s %s: no problem document: %v %s", c.method, c.path, a.header, a.body)
		}
	}
	if (a.status == http.StatusUnauthorized) != strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
		s.t.Errorf("%s %s: %d with challenge %q", c.method, c.path, a.status, a.header.Get("WWW-Authenticate"))
	}
	if needs := a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable; needs != (a.header.Get("Retry-After") != "") {
		s.t.Errorf("%s %s: %d with Retry-After %q", c.method, c.path, a.status, a.header.Get("Retry-After"))
	}
	return a
}

// records returns the security log, oldest first.
func (s *site) records(q gatehouse.Query) []gatehouse.Record {
	s.t.Helper()
	var list []gatehouse.Record
	for r, err := range s.store.Query(s.t.Context(), q) {
		if err != nil {
			s.t.Fatal(err)
		}
		list = append([]gatehouse.Record{r}, list...)
	}
	return list
}

// user returns the account of an address.
func (s *site) user(email string) accounts.User {
	s.t.Helper()
	u, err := s.accounts.UserByAccount(s.t.Context(), email)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

func (s *site) count(kind gatehouse.Kind) int {
	s.t.Helper()
	n := 0
	for _, r := range s.records(gatehouse.Query{Kinds: []gatehouse.Kind{kind}}) {
		n += max(1, r.Count)
	}
	return n
}

func (s *site) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.failures...)
}
