package accounts_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func TestSignup(t *testing.T) {
	s := newService(t, accounts.Options{})
	u, err := s.Signup(t.Context(), "  Alice@Example.COM ", goodPassword, " Alice Liddell ")
	if err != nil {
		t.Fatal(err)
	}
	if u.Account != "alice@example.com" || u.Email != "Alice@Example.COM" || u.Name != "Alice Liddell" || u.ID == "" ||
		!strings.HasPrefix(u.PasswordHash, "$argon2id$") {
		t.Errorf("user %+v", u)
	}
	if _, err := s.Signup(t.Context(), "ALICE@example.com", goodPassword, "Mallory"); !errors.Is(err, accounts.ErrTaken) {
		t.Errorf("second signup: %v, want ErrTaken", err)
	}
	for _, tt := range []struct{ email, password, name, reason string }{
		{"not an address", goodPassword, "", "email_invalid"},
		{"", goodPassword, "", "email_invalid"},
		{"bob@example.com\x00", goodPassword, "", "email_invalid"},
		{"bob@example.com", "short", "", "password_too_short"},
		{"bob@example.com", goodPassword, strings.Repeat("x", 201), "name_invalid"},
		{"bob@example.com", goodPassword, "B\x1b[31mob", "name_invalid"},
		{"bob@example.com", goodPassword, "B\u202eob", "name_invalid"},
		{"bob@example.com", goodPassword, "B\xffob", "name_invalid"},
	} {
		var policy *accounts.PolicyError
		if _, err := s.Signup(t.Context(), tt.email, tt.password, tt.name); !errors.As(err, &policy) || policy.Reason != tt.reason {
			t.Errorf("Signup(%q, %q, %.20q) = %v, want %s", tt.email, tt.password, tt.name, err, tt.reason)
		}
	}
	if _, err := s.Signup(t.Context(), "bob@example.com", goodPassword, ""); err != nil {
		t.Errorf("without a name: %v", err)
	}
}

func TestParallelSignupsMakeOneAccount(t *testing.T) {
	s := newService(t, accounts.Options{})
	var mu sync.Mutex
	made := 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, err := s.Signup(t.Context(), "alice@example.com", goodPassword, "")
			if err == nil {
				mu.Lock()
				made++
				mu.Unlock()
			} else if !errors.Is(err, accounts.ErrTaken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d accounts, want 1", made)
	}
}

func TestAuthenticateDoesTheSameWork(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	s := newService(t, accounts.Options{Hasher: h})
	u := signup(t, s)
	tests := []struct {
		name, account, password string
		want                    error
	}{
		{"right", "alice@example.com", goodPassword, nil},
		{"other spelling", " ALICE@example.com", goodPassword, nil},
		{"wrong", "alice@example.com", "wrong", accounts.ErrWrongPassword},
		{"too long", "alice@example.com", strings.Repeat("x", 10_000), accounts.ErrWrongPassword},
		{"invalid UTF-8", "alice@example.com", goodPassword + "\xff", accounts.ErrWrongPassword},
		{"unknown account", "nobody@example.com", goodPassword, accounts.ErrUnknownAccount},
		{"impossible account", strings.Repeat("x", 10_000) + "\x00", "x", accounts.ErrUnknownAccount},
	}
	for _, tt := range tests {
		before := h.Verifications()
		got, err := s.Authenticate(t.Context(), tt.account, tt.password)
		if !errors.Is(err, tt.want) || err == nil && got.ID != u.ID {
			t.Errorf("%s: %v, %v; want %v", tt.name, got.ID, err, tt.want)
		}
		if n := h.Verifications() - before; n != 1 {
			t.Errorf("%s: %d verifications, want 1", tt.name, n)
		}
	}
	if !errors.Is(accounts.ErrUnknownAccount, accounts.ErrWrongPassword) {
		t.Error("ErrUnknownAccount does not wrap ErrWrongPassword")
	}
}

// Sixteen logins at once after the parameters have been raised: all get in, and
// the hash is upgraded, with no session ended.
func TestHashIsUpgradedAtLogin(t *testing.T) {
	store := newStore(t)
	old := newService(t, accounts.Options{Store: store})
	u := signup(t, old)
	before := login(t, old, firefox)

	raised := accounts.Argon2{Memory: 128, Time: 1, Threads: 1}
	s := newService(t, accounts.Options{Store: store, Hasher: newHasher(t, accounts.HasherOptions{Params: raised})})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, _, err := s.Login(t.Context(), accounts.Login{Account: u.Account, Password: goodPassword, Client: client(safari)})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	after, err := store.UserByID(t.Context(), u.ID)
	if err != nil || !strings.HasPrefix(after.PasswordHash, "$argon2id$v=19$m=128,") || !after.PasswordChanged.Equal(u.PasswordChanged.Truncate(time.Microsecond)) {
		t.Errorf("user %+v, %v; want the new parameters and the old time of change", after, err)
	}
	if outcome, _, err := old.Refresh(t.Context(), before.RefreshToken, client(firefox)); outcome == accounts.SessionOver || err != nil {
		t.Errorf("the earlier session: %v, %v", outcome, err)
	}
	login(t, s, firefox)
}

// lateStore is a store where, before a session is created, somebody replaces
// the password hash a number of times.
type lateStore struct {
	accounts.Store
	hash  string
	times int
}

func (l *lateStore) CreateSession(ctx context.Context, s accounts.Session, first accounts.TokenHash, hash string) error {
	if l.times--; l.times >= 0 {
		if err := l.UpgradeHash(ctx, s.User, hash, l.hash); err != nil {
			return err
		}
		l.hash = hash // for the next time
	}
	return l.Store.CreateSession(ctx, s, first, hash)
}

func TestPasswordIsLookedAtAgain(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	same, err := h.Hash(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.Hash(t.Context(), "nine loud magpies")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		hash          string
		times         int
		verifications uint64
		want          error
	}{
		{"upgraded meanwhile", same, 1, 2, nil},
		{"changed meanwhile", other, 1, 2, accounts.ErrWrongPassword},
		{"again and again", same, 100, 3, gatehouse.ErrBusy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, accounts.Options{Hasher: h, Store: &lateStore{newStore(t), tt.hash, tt.times}})
			u := signup(t, s)
			before := h.Verifications()
			_, g, err := s.Login(t.Context(), accounts.Login{Account: u.Account, Password: goodPassword, Client: client(firefox)})
			if !errors.Is(err, tt.want) || (err == nil) != (g.RefreshToken != "") {
				t.Errorf("Login = %v, want %v", err, tt.want)
			}
			if n := h.Verifications() - before; n != tt.verifications {
				t.Errorf("%d verifications, want %d", n, tt.verifications)
			}
		})
	}
}

func TestChangePassword(t *testing.T) {
	h := newHasher(t, accounts.HasherOptions{})
	s := newService(t, accounts.Options{Hasher: h})
	u := signup(t, s)
	keep, other := login(t, s, firefox), login(t, s, safari)

	const next = "nine loud magpies"
	for _, tt := range []struct {
		current, next string
		verifications uint64
		want          error
	}{
		{"wrong", next, 1, accounts.ErrWrongPassword},
		{goodPassword, "password", 0, &accounts.PolicyError{}},
		{goodPassword, goodPassword, 0, &accounts.PolicyError{}},
		{goodPassword, next, 1, nil},
		{goodPassword, "eleven slow geese", 1, accounts.ErrWrongPassword},
	} {
		before := h.Verifications()
		err := s.ChangePassword(t.Context(), u.ID, tt.current, tt.next, keep.Session.ID)
		if policy := new(accounts.PolicyError); errors.As(tt.want, &policy) {
			if !errors.As(err, &policy) {
				t.Errorf("%q to %q: %v, want a *PolicyError", tt.current, tt.next, err)
			}
		} else if !errors.Is(err, tt.want) {
			t.Errorf("%q to %q: %v, want %v", tt.current, tt.next, err, tt.want)
		}
		if n := h.Verifications() - before; n != tt.verifications {
			t.Errorf("%q to %q: %d verifications, want %d", tt.current, tt.next, n, tt.verifications)
		}
	}
	if _, _, err := s.VerifyAccess(t.Context(), keep.AccessToken); err != nil {
		t.Errorf("the session that changed it: %v", err)
	}
	if _, _, err := s.VerifyAccess(t.Context(), other.AccessToken); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("the other session: %v, want ErrSignedOut", err)
	}
	if _, err := s.Authenticate(t.Context(), u.Account, next); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if _, err := s.StartSession(t.Context(), u, client(firefox)); !errors.Is(err, accounts.ErrPasswordChanged) {
		t.Errorf("a session on the old verification: %v, want ErrPasswordChanged", err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	store := newStore(t)
	for name, o := range map[string]accounts.Options{
		"no store":            {},
		"half keys":           {Store: store, Keys: accounts.Keys{Signing: accounts.GenerateKeys().Signing}},
		"tiny access TTL":     {Store: store, AccessTTL: time.Millisecond},
		"refresh < access":    {Store: store, AccessTTL: time.Hour, RefreshTTL: time.Minute},
		"negative access TTL": {Store: store, AccessTTL: -1},
	} {
		if _, err := accounts.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// deadStore is a store that cannot answer.
type deadStore struct{ accounts.Store }

func (deadStore) UserByAccount(context.Context, string) (accounts.User, error) {
	return accounts.User{}, gatehouse.ErrUnavailable
}

func (deadStore) Rotate(context.Context, accounts.Rotation) (accounts.RotationResult, error) {
	return accounts.RotationResult{}, gatehouse.ErrUnavailable
}

func (deadStore) SessionWithUser(context.Context, string) (accounts.Session, accounts.User, error) {
	return accounts.Session{}, accounts.User{}, gatehouse.ErrUnavailable
}

func TestDeadStoreIsNoRefusal(t *testing.T) {
	store := newStore(t)
	keys := accounts.GenerateKeys()
	alive := newService(t, accounts.Options{Store: store, Keys: keys})
	signup(t, alive)
	g := login(t, alive, firefox)
	s := newService(t, accounts.Options{Store: deadStore{store}, Keys: keys})
	if _, err := s.Authenticate(t.Context(), "alice@example.com", "x"); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Authenticate: %v", err)
	}
	if _, _, err := s.VerifyAccess(t.Context(), g.AccessToken); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("VerifyAccess: %v", err)
	}
	if _, _, err := s.VerifyBrowser(t.Context(), loginBrowser(t, alive, time.Hour).Cookie, client(firefox), time.Hour); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("VerifyBrowser: %v", err)
	}
	if _, _, err := s.Refresh(t.Context(), g.RefreshToken, client(firefox)); !errors.Is(err, gatehouse.ErrUnavailable) {
		t.Errorf("Refresh: %v", err)
	}
	if outcome, _, err := alive.Refresh(t.Context(), g.RefreshToken, client(firefox)); outcome != accounts.Rotated || err != nil {
		t.Errorf("the same token once the store is back: %v, %v", outcome, err)
	}
}
