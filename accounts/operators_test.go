package accounts_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func TestRoles(t *testing.T) {
	order := append([]accounts.Role{accounts.Holder}, accounts.Roles()...)
	for i, r := range order {
		for j, other := range order {
			if r.Includes(other) != (i >= j) {
				t.Errorf("%s includes %s: %t", r, other, r.Includes(other))
			}
		}
		for _, text := range []string{string(r), r.String()} {
			if got, err := accounts.ParseRole(text); got != r || err != nil {
				t.Errorf("ParseRole(%q) = %q, %v", text, got, err)
			}
		}
	}
	const unknown = accounts.Role("root")
	if unknown.Includes(accounts.Holder) || accounts.Administrator.Includes(unknown) || unknown.Includes(unknown) {
		t.Error("a role that is not known is worth something")
	}
	for _, text := range []string{"root", "Administrator", " viewer"} {
		if _, err := accounts.ParseRole(text); err == nil {
			t.Errorf("ParseRole(%q) returned nil", text)
		}
	}
	slices.Reverse(accounts.Roles()) // a copy
	if !accounts.Administrator.Includes(accounts.Viewer) {
		t.Error("the order of roles can be changed from outside")
	}
}

func TestFirstAdministrator(t *testing.T) {
	s := newService(t, accounts.Options{})
	ctx := t.Context()
	signup(t, s)
	if has, err := s.HasAdministrator(ctx); has || err != nil {
		t.Errorf("HasAdministrator: %t, %v", has, err)
	}
	var policy *accounts.PolicyError
	if _, err := s.CreateFirstAdministrator(ctx, "root@example.com", "password", ""); !errors.As(err, &policy) {
		t.Errorf("with a bad password: %v", err)
	}
	if _, err := s.CreateFirstAdministrator(ctx, "alice@example.com", goodPassword, ""); !errors.Is(err, accounts.ErrTaken) {
		t.Errorf("with an address that is taken: %v", err)
	}
	const clients = 64
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			_, errs[i] = s.CreateFirstAdministrator(ctx, fmt.Sprintf("root%d@example.com", i), goodPassword, "Root")
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, accounts.ErrAdministratorExists) {
			t.Error(err)
		}
	}
	list, err := s.Operators(ctx)
	if err != nil || won != 1 || len(list) != 1 || list[0].Role != accounts.Administrator {
		t.Errorf("%d succeeded; operators %+v, %v", won, list, err)
	}
	if has, err := s.HasAdministrator(ctx); !has || err != nil {
		t.Errorf("HasAdministrator: %t, %v", has, err)
	}
	before := list[0]
	if _, err := s.SetRole(ctx, before.ID, accounts.Administrator, accounts.Viewer); !errors.Is(err, accounts.ErrLastAdministrator) {
		t.Errorf("SetRole of the last one: %v", err)
	}
	if _, err := s.Lock(ctx, before.ID); !errors.Is(err, accounts.ErrLastAdministrator) {
		t.Errorf("Lock of the last one: %v", err)
	}
	if _, err := s.SetRole(ctx, before.ID, accounts.Administrator, "root"); err == nil {
		t.Error("SetRole to a role that there is not")
	}
	if _, err := s.CreateOperator(ctx, "ann@example.com", goodPassword, "Ann", "root"); err == nil {
		t.Error("CreateOperator with a role that there is not")
	}
	if u, err := s.CreateOperator(ctx, "ann@example.com", goodPassword, "Ann", accounts.Analyst); err != nil || u.Role != accounts.Analyst {
		t.Errorf("CreateOperator: %+v, %v", u, err)
	}
}

func TestLockedAccountIsLikeAWrongPassword(t *testing.T) {
	hasher := newHasher(t, accounts.HasherOptions{})
	s := newService(t, accounts.Options{Hasher: hasher})
	ctx := t.Context()
	u := signup(t, s)
	g := login(t, s, firefox)
	if n, err := s.Lock(ctx, u.ID); n != 1 || err != nil {
		t.Fatalf("Lock: %d, %v", n, err)
	}
	if _, _, err := s.VerifyAccess(ctx, g.AccessToken); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("the session of a locked account: %v", err)
	}
	if outcome, _, err := s.Refresh(ctx, g.RefreshToken, client(firefox)); outcome != accounts.SessionOver || err != nil {
		t.Errorf("refresh: %v, %v", outcome, err)
	}
	for _, c := range []struct {
		account, password string
		want              error
	}{
		{"alice@example.com", goodPassword, accounts.ErrLocked},
		{"alice@example.com", "wrong", accounts.ErrWrongPassword},
		{"nobody@example.com", goodPassword, accounts.ErrUnknownAccount},
	} {
		before := hasher.Verifications()
		_, _, err := s.Login(ctx, accounts.Login{Account: c.account, Password: c.password, Client: client(firefox)})
		_, _, browserErr := s.LoginBrowser(ctx, accounts.Login{Account: c.account, Password: c.password, Client: client(firefox)}, time.Hour)
		for _, err := range []error{err, browserErr} {
			if !errors.Is(err, c.want) || !errors.Is(err, accounts.ErrWrongPassword) {
				t.Errorf("%s with %q: %v, want %v", c.account, c.password, err, c.want)
			}
		}
		if _, err := s.Authenticate(ctx, c.account, c.password); !errors.Is(err, c.want) {
			t.Errorf("Authenticate %s with %q: %v, want %v", c.account, c.password, err, c.want)
		}
		if n := hasher.Verifications() - before; n != 3 {
			t.Errorf("%s with %q: %d verifications, want one each", c.account, c.password, n)
		}
	}
	if _, _, err := s.Login(ctx, accounts.Login{Account: "alice@example.com", Password: "wrong"}); errors.Is(err, accounts.ErrLocked) {
		t.Error("a wrong password tells that the account is locked")
	}
	if err := s.Unlock(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	login(t, s, firefox)
	if err := s.Unlock(ctx, u.ID); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("Unlock of an account that is not locked: %v", err)
	}
}

// A login whose password was right before the lock has no session after it.
func TestLockDuringLogin(t *testing.T) {
	s := newService(t, accounts.Options{})
	u := signup(t, s)
	verified, err := s.Authenticate(t.Context(), "alice@example.com", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartSession(t.Context(), verified, client(firefox)); !errors.Is(err, accounts.ErrLocked) {
		t.Errorf("StartSession: %v", err)
	}
	if _, err := s.StartBrowserSession(t.Context(), verified, client(firefox), "", time.Hour); !errors.Is(err, accounts.ErrLocked) {
		t.Errorf("StartBrowserSession: %v", err)
	}

	for range 8 {
		if err := s.Unlock(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				_, _, err := s.LoginBrowser(t.Context(), accounts.Login{Account: "alice@example.com", Password: goodPassword, Client: client(firefox)}, time.Hour)
				if err != nil && !errors.Is(err, accounts.ErrLocked) {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if _, err := s.Lock(t.Context(), u.ID); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if live, err := s.Sessions(t.Context(), u.ID); err != nil || len(live) != 0 {
			t.Fatalf("%d sessions live after the lock, %v", len(live), err)
		}
	}
}

func TestStepUp(t *testing.T) {
	c := newClock()
	s := newService(t, accounts.Options{Now: c.now})
	ctx := t.Context()
	u := signup(t, s)
	first, second := login(t, s, firefox), login(t, s, safari)
	needs := func(g accounts.Grant) bool {
		t.Helper()
		session, user, err := s.VerifyAccess(ctx, g.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		return s.NeedsStepUp(user, session)
	}
	if needs(first) {
		t.Error("needed before anybody asked")
	}
	if err := s.RequireStepUp(ctx, u.ID); err != nil { // at the same instant
		t.Fatal(err)
	}
	if !needs(first) || !needs(second) {
		t.Error("not needed although it was asked for")
	}
	if third := login(t, s, firefox); needs(third) {
		t.Error("needed by somebody who has just logged in")
	}
	if err := s.StepUp(ctx, first.Session, "wrong"); !errors.Is(err, accounts.ErrWrongPassword) || !needs(first) {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := s.StepUp(ctx, first.Session, goodPassword); err != nil || needs(first) {
		t.Errorf("with the right password: %v", err)
	}
	if !needs(second) {
		t.Error("a step in one session is enough for another")
	}
	outcome, refreshed, err := s.Refresh(ctx, second.RefreshToken, client(safari))
	if outcome != accounts.Rotated || err != nil || !needs(refreshed) {
		t.Errorf("a refresh is as good as a password: %v, %v", outcome, err)
	}
	c.advance(-time.Hour) // and asked again by a node whose clock is behind
	if err := s.RequireStepUp(ctx, u.ID); err != nil || !needs(first) {
		t.Errorf("asked again: %v", err)
	}
	if err := s.StepUp(ctx, first.Session, goodPassword); err != nil || needs(first) {
		t.Errorf("taken again: %v", err)
	}
	if err := s.Logout(ctx, second.Session); err != nil {
		t.Fatal(err)
	}
	if err := s.StepUp(ctx, second.Session, goodPassword); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("in a session that is over: %v", err)
	}
	if err := s.RequireStepUp(ctx, "nobody"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestSearch(t *testing.T) {
	s := newService(t, accounts.Options{})
	signup(t, s)
	for _, prefix := range []string{"", "ali", " ALI", "Alice@Example.com"} {
		if list, err := s.Search(t.Context(), prefix, "", 10); err != nil || len(list) != 1 {
			t.Errorf("Search(%q): %v, %v", prefix, list, err)
		}
	}
	if list, err := s.Search(t.Context(), "bob", "", 10); err != nil || len(list) != 0 {
		t.Errorf("Search: %v, %v", list, err)
	}
}
