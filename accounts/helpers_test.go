package accounts_test

import (
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// cheap are parameters that a test can afford.
var cheap = accounts.Argon2{Memory: 64, Time: 1, Threads: 1}

func newHasher(t testing.TB, o accounts.HasherOptions) *accounts.Hasher {
	t.Helper()
	if o.Params.Memory == 0 {
		o.Params = cheap
	}
	h, err := accounts.NewHasher(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newStore(t testing.TB) *sql.Store {
	t.Helper()
	store, err := sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func newService(t testing.TB, o accounts.Options) *accounts.Service {
	t.Helper()
	if o.Hasher == nil {
		o.Hasher = newHasher(t, accounts.HasherOptions{})
	}
	if o.Store == nil {
		o.Store = newStore(t)
	}
	s, err := accounts.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const goodPassword = "seven quiet herons"

func signup(t testing.TB, s *accounts.Service) accounts.User {
	t.Helper()
	u, err := s.Signup(t.Context(), "alice@example.com", goodPassword, "Alice")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	safari  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
)

func client(userAgent string) gatehouse.Client {
	return gatehouse.Client{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: userAgent}
}

func login(t testing.TB, s *accounts.Service, userAgent string) accounts.Grant {
	t.Helper()
	_, g, err := s.Login(t.Context(), accounts.Login{Account: "alice@example.com", Password: goodPassword, Client: client(userAgent)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}
