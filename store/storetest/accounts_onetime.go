package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// link is a one-time link named name of user n, good for an hour from noon.
func link(name string, n int, p accounts.Purpose) accounts.OneTime {
	return accounts.OneTime{
		Hash: hash(name), User: user(n).ID, Purpose: p, Topic: gatehouse.LoginSucceeded,
		Created: noon.Add(time.Microsecond), Expires: noon.Add(time.Hour),
	}
}

func withUser(t testing.TB, s accounts.Store, n int) {
	t.Helper()
	if err := s.CreateUser(t.Context(), user(n)); err != nil && !errors.Is(err, accounts.ErrTaken) {
		t.Fatal(err)
	}
}

func issue(t testing.TB, s accounts.Store, o accounts.OneTime) {
	t.Helper()
	if _, err := s.IssueOneTime(t.Context(), o, accounts.Allowance{Window: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

// linkLives reports whether a link is good at an instant.
func linkLives(t testing.TB, s accounts.Store, name string, p accounts.Purpose, at time.Time) bool {
	t.Helper()
	o, err := s.OneTime(t.Context(), p, hash(name))
	must(t, err)
	return o.LiveAt(at)
}

func linksKept(t *testing.T, s accounts.Store) {
	withUser(t, s, 1)
	want := link("a", 1, accounts.ToReset)
	issue(t, s, want)
	got, err := s.OneTime(t.Context(), accounts.ToReset, hash("a"))
	must(t, err)
	got.Created, got.Expires = got.Created.UTC(), got.Expires.UTC()
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for name, p := range map[string]accounts.Purpose{"a": accounts.ToDisown, "b": accounts.ToReset, "": accounts.ToReset} {
		if _, err := s.OneTime(t.Context(), p, hash(name)); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("link %q to %s: %v", name, p, err)
		}
		if _, err := s.SpendOneTime(t.Context(), p, hash(name), "new", noon); err == nil {
			t.Errorf("link %q to %s was used", name, p)
		}
	}
	if _, err := s.IssueOneTime(t.Context(), want, accounts.Allowance{}); err == nil {
		t.Error("a second link with one hash")
	}
	if _, err := s.IssueOneTime(t.Context(), link("c", 2, accounts.ToReset), accounts.Allowance{}); err == nil {
		t.Error("a link of nobody")
	}
}

func linksSpent(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	for _, id := range []string{"s1", "s2"} {
		withSession(t, s, 1, id)
	}
	withSession(t, s, 2, "other")
	issue(t, s, link("a", 1, accounts.ToReset))
	issue(t, s, link("b", 1, accounts.ToReset))
	issue(t, s, link("c", 1, accounts.ToDisown))
	issue(t, s, link("d", 2, accounts.ToReset))
	at := noon.Add(time.Minute)
	if _, err := s.SpendOneTime(ctx, accounts.ToReset, hash("a"), "late", noon.Add(time.Hour)); !errors.Is(err, accounts.ErrLinkOver) {
		t.Errorf("a link as it expires: %v", err)
	}
	n, err := s.SpendOneTime(ctx, accounts.ToReset, hash("a"), "new", at)
	if err != nil || n != 2 {
		t.Errorf("ended %d sessions, %v", n, err)
	}
	for name, p := range map[string]accounts.Purpose{"a": accounts.ToReset, "b": accounts.ToReset, "c": accounts.ToDisown} {
		if linkLives(t, s, name, p, at) {
			t.Errorf("link %s is still good", name)
		}
		if _, err := s.SpendOneTime(ctx, p, hash(name), "again", at); !errors.Is(err, accounts.ErrLinkOver) {
			t.Errorf("link %s a second time: %v", name, err)
		}
	}
	u, err := s.UserByID(ctx, "u1")
	must(t, err)
	if u.PasswordHash != "new" || !u.PasswordChanged.Equal(at) {
		t.Errorf("the user after it: %+v", u)
	}
	ss, err := s.Session(ctx, "s1")
	must(t, err)
	if ss.EndReason != "password_reset" {
		t.Errorf("the session ended because of %q", ss.EndReason)
	}
	if got := sessionIDs(t, s, "u2", at); len(got) != 1 || !linkLives(t, s, "d", accounts.ToReset, at) {
		t.Errorf("somebody else's sessions %v or link are gone", got)
	}
}

// A password change voids what could undo it from an old mail. That a login is
// disowned must stay possible: the stranger may be who changed the password.
func linksAndPasswords(t *testing.T, s accounts.Store) {
	withUser(t, s, 1)
	issue(t, s, link("reset", 1, accounts.ToReset))
	issue(t, s, link("disown", 1, accounts.ToDisown))
	if _, err := s.SetPassword(t.Context(), "u1", "wrong", "new", "", noon); err == nil {
		t.Fatal("a password was set in place of another one")
	}
	if !linkLives(t, s, "reset", accounts.ToReset, noon) {
		t.Error("a password change that failed voids links")
	}
	if _, err := s.SetPassword(t.Context(), "u1", "hash", "new", "", noon); err != nil {
		t.Fatal(err)
	}
	if linkLives(t, s, "reset", accounts.ToReset, noon) || !linkLives(t, s, "disown", accounts.ToDisown, noon) {
		t.Error("after a password change the reset link should be void, the other one good")
	}
}

func linksAllowance(t *testing.T, s accounts.Store) {
	withUser(t, s, 1)
	withUser(t, s, 2)
	a := accounts.Allowance{Window: time.Hour, Purpose: 3, Topic: 2}
	n := 0
	give := func(who int, topic gatehouse.Kind, at time.Time) (int, error) {
		n++
		o := link(fmt.Sprint("link", n), who, accounts.ToDisown)
		o.Topic, o.Created, o.Expires = topic, at, at.Add(time.Hour)
		return s.IssueOneTime(t.Context(), o, a)
	}
	for i, c := range []struct {
		who     int
		topic   gatehouse.Kind
		minutes int
		held    int
		refused bool
	}{
		{1, gatehouse.LoginSucceeded, 0, 0, false},
		{1, gatehouse.LoginSucceeded, 1, 0, false},
		{1, gatehouse.LoginSucceeded, 2, 0, true}, // the topic is full
		{1, gatehouse.PasswordChanged, 3, 1, false},
		{1, gatehouse.PasswordChanged, 4, 0, true}, // the purpose is full
		{1, gatehouse.PasswordChanged, 5, 0, true},
		{2, gatehouse.PasswordChanged, 5, 0, false},
		{1, gatehouse.LoginSucceeded, 59, 0, true},
		{1, gatehouse.LoginSucceeded, 60, 3, false}, // the first has left the window
		{1, gatehouse.LoginSucceeded, 60, 0, true},
		{1, gatehouse.LoginSucceeded, 61, 1, false},
		{1, gatehouse.LoginSucceeded, 300, 0, false},
		{1, gatehouse.LoginSucceeded, -300, 0, false}, // a clock that was ahead
	} {
		held, err := give(c.who, c.topic, noon.Add(time.Duration(c.minutes)*time.Minute))
		if errors.Is(err, accounts.ErrTooManyLinks) != c.refused || err != nil && !c.refused || !c.refused && held != c.held {
			t.Errorf("step %d: %d held, %v", i+1, held, err)
		}
	}
	for range 20 { // no allowance, no limit
		n++
		o := link(fmt.Sprint("link", n), 1, accounts.ToDisown)
		issue(t, s, o)
	}
}

func linksParallel(t *testing.T, s accounts.Store) {
	const clients = 64
	withUser(t, s, 1)
	issue(t, s, link("a", 1, accounts.ToReset))
	issue(t, s, link("b", 1, accounts.ToReset))
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			_, errs[i] = s.SpendOneTime(t.Context(), accounts.ToReset, hash([]string{"a", "b"}[i%2]), fmt.Sprint("new", i), noon)
		})
	}
	wg.Wait()
	u, err := s.UserByID(t.Context(), "u1")
	must(t, err)
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			if u.PasswordHash != fmt.Sprint("new", i) {
				t.Errorf("use %d won, but %s is in force", i, u.PasswordHash)
			}
		case !errors.Is(err, accounts.ErrLinkOver):
			t.Errorf("SpendOneTime: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d uses won", won, clients)
	}
}

func linksIssuedInParallel(t *testing.T, s accounts.Store) {
	const clients = 64
	withUser(t, s, 1)
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			o := link(fmt.Sprint("link", i), 1, accounts.ToReset)
			_, errs[i] = s.IssueOneTime(t.Context(), o, accounts.Allowance{Window: time.Hour, Purpose: 3})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, accounts.ErrTooManyLinks) {
			t.Errorf("IssueOneTime: %v", err)
		}
	}
	if won != 3 {
		t.Errorf("%d links, want 3", won)
	}
}

func linksCleanUp(t *testing.T, s accounts.Store) {
	withUser(t, s, 1)
	for i := range 5 {
		o := link(fmt.Sprint("link", i), 1, accounts.ToReset)
		o.Expires = noon.Add(time.Duration(i) * time.Hour)
		issue(t, s, o)
	}
	for _, c := range []struct{ hours, limit, want int }{{0, 10, 0}, {3, 2, 2}, {3, 10, 1}, {3, 10, 0}} {
		n, err := s.DeleteExpiredLinks(t.Context(), noon.Add(time.Duration(c.hours)*time.Hour), c.limit)
		if err != nil || n != c.want {
			t.Errorf("before %d h, at most %d: %d, %v; want %d", c.hours, c.limit, n, err, c.want)
		}
	}
	for i := range 5 {
		_, err := s.OneTime(t.Context(), accounts.ToReset, hash(fmt.Sprint("link", i)))
		if gone := errors.Is(err, gatehouse.ErrNotFound); gone != (i < 3) {
			t.Errorf("link %d: %v", i, err)
		}
	}
}
