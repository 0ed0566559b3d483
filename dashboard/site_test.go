package dashboard_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/dashboard"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/sql"
)

const (
	password   = "seven quiet herons"
	setupToken = "setup-token-of-the-tests"
	firefox    = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// site is the dashboard on a real socket over a SQLite file.
type site struct {
	t       testing.TB
	store   *sql.Store
	guard   *guard.Guard
	service *accounts.Service
	feed    gatehouse.Feed
	blocks  gatehouse.Blocks
	allowed *allowList
	handler *dashboard.Server
	url     string

	mu      sync.Mutex
	offset  time.Duration // of the site's clock
	shadows []string      // what SetShadow was told
	health  dashboard.Health
}

// feeding publishes what was appended, as the application does.
type feeding struct {
	gatehouse.Journal
	feed gatehouse.Feed
}

func (f feeding) Append(ctx context.Context, records ...gatehouse.Record) error {
	err := f.Journal.Append(ctx, records...)
	if err == nil {
		f.feed.Publish(records...)
	}
	return err
}

// places knows the test networks.
type places struct{}

func (places) Place(ip netip.Addr) gatehouse.Place {
	switch {
	case netip.MustParsePrefix("198.51.100.0/24").Contains(ip):
		return gatehouse.Place{Country: "NL", City: "Utrecht", Lat: 52.09, Lon: 5.12, RadiusKm: 20}
	case netip.MustParsePrefix("203.0.113.0/24").Contains(ip):
		return gatehouse.Place{Country: "JP", City: "Tokyo", Lat: 35.68, Lon: 139.69, RadiusKm: 20}
	}
	return gatehouse.Place{}
}

// newSite starts a dashboard over an empty SQLite file. Nobody has an account yet; see
// signIn.
func newSite(t testing.TB) *site {
	t.Helper()
	store, err := sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return newSiteOn(t, store)
}

func newSiteOn(t testing.TB, store *sql.Store) *site {
	t.Helper()
	s := &site{store: store, t: t, feed: memory.NewFeed(memory.FeedOptions{Buffer: 8192}), blocks: memory.NewBlocks(), allowed: &allowList{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hasher, err := accounts.NewHasher(accounts.HasherOptions{Params: accounts.Argon2{Memory: 64, Time: 1, Threads: 1}})
	must(err)
	s.service, err = accounts.New(accounts.Options{Store: s.store, Hasher: hasher, Now: s.now})
	must(err)
	set := rules.Default()
	set.BotActivity.Enabled = false // tests ask more often than people do
	s.guard, err = guard.New(guard.Options{
		Rules: set, Windows: memory.NewWindows(memory.Options{}), Blocks: s.blocks, Sightings: s.store,
		Journal: feeding{s.store, s.feed}, Log: s.store, Places: places{},
	})
	must(err)
	s.health = dashboard.Health{Parts: []dashboard.Part{{Name: "records", State: "ok"}, {Name: "Sentry", State: "off"}}}
	s.handler, err = dashboard.New(dashboard.Options{
		Accounts: s.service, SignIn: s.login, Guard: s.guard, Blocks: s.blocks, Log: s.store, Stats: s.store, Feed: s.feed,
		SetShadow: s.setShadow, Allowed: s.allowed, Health: s.healthNow,
		Attribution: "IP Geolocation by DB-IP", AttributionURL: "https://db-ip.com", SetupToken: setupToken, Now: s.now,
		Logger: slog.New(slog.DiscardHandler), OnError: func(_ *http.Request, err error) { t.Errorf("unforeseen: %v", err) },
	})
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.handler.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	proxied, err := clientip.New(clientip.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	must(err)
	mux := http.NewServeMux()
	s.handler.Register(mux)
	server := httptest.NewServer(httpguard.New(nil, httpguard.Options{Now: s.now, Clients: proxied, Mux: mux, Logger: slog.New(slog.DiscardHandler)}).Wrap(httpguard.Routes(mux)))
	t.Cleanup(server.Close)
	s.url = server.URL
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

func (s *site) healthNow() dashboard.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

func (s *site) setShadow(_ context.Context, rule string, on bool, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shadows = append(s.shadows, rule+map[bool]string{true: " on by ", false: " off by "}[on]+by)
	set := s.guard.Rules()
	for _, r := range set.All() {
		if r.Name == rule {
			r.Shadow = on
		}
	}
	s.guard.SetRules(set)
	return nil
}

// login is a login without the guard, which has tests of its own.
func (s *site) login(ctx context.Context, q httpguard.Request, deviceCookie, email, password string, ttl time.Duration) (accounts.User, accounts.BrowserGrant, error) {
	u, g, err := s.service.LoginBrowser(ctx, accounts.Login{Account: email, Password: password, Client: q.Client, DeviceCookie: deviceCookie}, ttl)
	if err != nil {
		err = httpguard.ProblemDetails{Status: http.StatusUnauthorized, Detail: "Wrong e-mail address or password."}
	}
	return u, g, err
}

// observe has the guard record an event, with all that follows from it.
func (s *site) observe(kind gatehouse.Kind, account, ip string) {
	s.t.Helper()
	e := gatehouse.Event{Kind: kind, Time: s.now(), Subject: gatehouse.Subject{Account: account}, Client: gatehouse.Client{IP: netip.MustParseAddr(ip), UserAgent: firefox}}
	if _, err := s.guard.Observe(s.t.Context(), e); err != nil {
		s.t.Fatal(err)
	}
}

// failLogins fails so many logins; the fifth is brute force.
func (s *site) failLogins(n int, account, ip string) {
	s.t.Helper()
	for range n {
		e := gatehouse.Event{Time: s.now(), Subject: gatehouse.Subject{Account: account}, Client: gatehouse.Client{IP: netip.MustParseAddr(ip), UserAgent: firefox}, Endpoint: "POST /api/auth/login"}
		if a, _ := s.guard.Begin(s.t.Context(), e); a != nil {
			if _, err := a.Fail(s.t.Context(), s.now(), "wrong_password"); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// browser is one with cookies, that does not follow redirects.
type browser struct {
	*site
	http *http.Client
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil) // without options it does not fail
	return &browser{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// signIn returns the browser of a new user with a role, whose account is
// ROLE@example.com.
func (s *site) signIn(role accounts.Role) *browser {
	s.t.Helper()
	name := string(role)
	if role == accounts.Holder {
		name = "holder"
	}
	email := name + "@example.com"
	var err error
	if role == accounts.Holder {
		_, err = s.service.Signup(s.t.Context(), email, password, name)
	} else {
		_, err = s.service.CreateOperator(s.t.Context(), email, password, name, role)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	b := s.browser()
	if res := b.post("/login", url.Values{"email": {email}, "password": {password}}); role != accounts.Holder && res.status != http.StatusSeeOther {
		s.t.Fatalf("signing in as %s: %d %s", role, res.status, res.body)
	}
	return b
}

// answer is what a page was answered.
type answer struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	return b.do(http.MethodPost, path, form)
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("User-Agent", firefox)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Get("Location"), res.Header, string(body)}
}

// allowList keeps what it is told.
type allowList struct {
	mu   sync.Mutex
	list []dashboard.Allowed
}

func (l *allowList) List() []dashboard.Allowed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]dashboard.Allowed(nil), l.list...)
}

func (l *allowList) Add(_ context.Context, p netip.Prefix, reason, by string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, dashboard.Allowed{Prefix: p, Reason: reason, By: by, Since: time.Now()})
	return nil
}

func (l *allowList) Remove(_ context.Context, p netip.Prefix, by string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range l.list {
		if e.Prefix == p && e.Origin == "" {
			l.list = append(l.list[:i:i], l.list[i+1:]...)
			return nil
		}
	}
	return gatehouse.ErrNotFound
}
