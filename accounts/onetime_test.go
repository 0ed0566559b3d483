package accounts_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// issue returns the token of a new link of u.
func issue(t testing.TB, s *accounts.Service, u accounts.User, p accounts.Purpose) string {
	t.Helper()
	ticket, _, err := s.IssueLink(t.Context(), u.ID, p, gatehouse.LoginSucceeded, accounts.Allowance{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.LinkToken(ticket)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.LinkToken(ticket); err != nil || again != token || strings.Contains(token, ticket) || !strings.HasPrefix(token, "ghl_") {
		t.Fatalf("ticket %s gives %s, then %s (%v)", ticket, token, again, err)
	}
	return token
}

const nextPassword = "eight loud cormorants"

func TestResetPassword(t *testing.T) {
	at := newClock()
	s := newService(t, accounts.Options{Now: at.now})
	u := signup(t, s)
	login(t, s, firefox)
	first, second := issue(t, s, u, accounts.ToReset), issue(t, s, u, accounts.ToReset)
	disown := issue(t, s, u, accounts.ToDisown)

	var policy *accounts.PolicyError
	if _, err := s.ResetPassword(t.Context(), first, "short"); !errors.As(err, &policy) {
		t.Errorf("a bad password: %v", err)
	}
	at.advance(time.Hour - time.Microsecond)
	got, err := s.ResetPassword(t.Context(), first, nextPassword)
	if err != nil || got.ID != u.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, use := range map[string]func() (accounts.User, error){
		"the same link":        func() (accounts.User, error) { return s.ResetPassword(t.Context(), first, "nine brave puffins") },
		"another link":         func() (accounts.User, error) { return s.ResetPassword(t.Context(), second, "nine brave puffins") },
		"the link to disown":   func() (accounts.User, error) { return s.Disown(t.Context(), disown) },
		"with a bad password ": func() (accounts.User, error) { return s.ResetPassword(t.Context(), first, "short") },
	} {
		if got, err := use(); !errors.Is(err, accounts.ErrLinkOver) || !errors.Is(err, accounts.ErrLink) || got.ID != u.ID {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := s.Authenticate(t.Context(), u.Account, goodPassword); !errors.Is(err, accounts.ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), u.Account, nextPassword); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if devices, err := s.SignedIn(t.Context(), u.ID); err != nil || len(devices) != 0 {
		t.Errorf("still signed in: %+v, %v", devices, err)
	}
	for purpose, ttl := range map[accounts.Purpose]time.Duration{accounts.ToReset: time.Hour, accounts.ToDisown: 7 * 24 * time.Hour} {
		use := func(token string) error {
			if purpose == accounts.ToDisown {
				_, err := s.Disown(t.Context(), token)
				return err
			}
			_, err := s.ResetPassword(t.Context(), token, nextPassword)
			return err
		}
		token := issue(t, s, u, purpose)
		at.advance(ttl)
		if err := use(token); !errors.Is(err, accounts.ErrLinkOver) {
			t.Errorf("%s as it expires: %v", purpose, err)
		}
		token = issue(t, s, u, purpose)
		at.advance(ttl - time.Microsecond)
		if err := use(token); err != nil {
			t.Errorf("%s before it expires: %v", purpose, err)
		}
	}
}

// After Disown nobody has the password, and a login costs what any other does.
func TestDisown(t *testing.T) {
	hasher := newHasher(t, accounts.HasherOptions{})
	s := newService(t, accounts.Options{Hasher: hasher})
	u := signup(t, s)
	g := login(t, s, firefox)
	token := issue(t, s, u, accounts.ToDisown)
	reset := issue(t, s, u, accounts.ToReset)
	if _, err := s.ResetPassword(t.Context(), token, nextPassword); !errors.Is(err, accounts.ErrLink) || errors.Is(err, accounts.ErrLinkOver) {
		t.Errorf("a reset with a link to disown: %v", err)
	}
	if got, err := s.Disown(t.Context(), token); err != nil || got.ID != u.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, _, err := s.VerifyAccess(t.Context(), g.AccessToken); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("the session: %v", err)
	}
	if _, err := s.ResetPassword(t.Context(), reset, nextPassword); !errors.Is(err, accounts.ErrLinkOver) {
		t.Errorf("a link from before: %v", err)
	}
	before := hasher.Verifications()
	for _, password := range []string{goodPassword, "", "-"} {
		if _, err := s.Authenticate(t.Context(), u.Account, password); !errors.Is(err, accounts.ErrWrongPassword) || errors.Is(err, accounts.ErrUnknownAccount) {
			t.Errorf("password %q: %v", password, err)
		}
	}
	if n := hasher.Verifications() - before; n != 3 {
		t.Errorf("%d passwords were verified, want 3", n)
	}
	if _, err := s.ResetPassword(t.Context(), issue(t, s, u, accounts.ToReset), nextPassword); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), u.Account, nextPassword); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// Another server's keys give other tokens: a copy of the database is no use
// without them.
func TestTicketsNeedTheKeys(t *testing.T) {
	store := newStore(t)
	ours, theirs := newService(t, accounts.Options{Store: store}), newService(t, accounts.Options{Store: store})
	u := signup(t, ours)
	ticket, _, err := ours.IssueLink(t.Context(), u.ID, accounts.ToReset, "", accounts.Allowance{})
	if err != nil {
		t.Fatal(err)
	}
	forged, err := theirs.LinkToken(ticket)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{forged, "ghl_" + ticket, ticket} {
		if _, err := ours.ResetPassword(t.Context(), token, nextPassword); !errors.Is(err, accounts.ErrLink) {
			t.Errorf("token %s: %v", token, err)
		}
	}
	for _, bad := range []string{"", "x", ticket + "A", ticket[:42], strings.Repeat("=", 43), ticket + "\n"} {
		if token, err := ours.LinkToken(bad); err == nil {
			t.Errorf("ticket %q gives %s", bad, token)
		}
	}
}

// One token has one spelling, and 64 uses at once set one password.
func TestLinkTokens(t *testing.T) {
	s := newService(t, accounts.Options{})
	u := signup(t, s)
	token := issue(t, s, u, accounts.ToReset)
	for _, other := range []string{
		"", "ghl_", token[4:], "ghr_" + token[4:], strings.ToUpper(token), token + "=", " " + token, token + "\n", token[:46],
		token[:46] + string(token[46]+1), // the last character has bits to spare
	} {
		if _, err := s.ResetPassword(t.Context(), other, nextPassword); !errors.Is(err, accounts.ErrLink) || errors.Is(err, accounts.ErrLinkOver) {
			t.Errorf("%q: %v", other, err)
		}
	}
	errs := make([]error, 64)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.ResetPassword(t.Context(), token, nextPassword) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, accounts.ErrLinkOver) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d uses won", won)
	}
}

func FuzzLinkTokens(f *testing.F) {
	s := newService(f, accounts.Options{})
	u := signup(f, s)
	good := issue(f, s, u, accounts.ToDisown)
	f.Add(good + "x")
	f.Add("ghl_" + strings.Repeat("A", 43))
	f.Add(strings.Repeat("\xff", 47))
	f.Fuzz(func(t *testing.T, token string) {
		if token == good {
			return
		}
		if _, err := s.Disown(t.Context(), token); !errors.Is(err, accounts.ErrLink) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
