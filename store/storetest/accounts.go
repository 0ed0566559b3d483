package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// Accounts runs the suite of the accounts: users, sessions and the rotation of
// refresh tokens. open returns an empty store. Times are compared to the
// microsecond.
func Accounts(t *testing.T, open func(t *testing.T) accounts.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s accounts.Store)
	}{
		{"users", accountsUsers},
		{"one of many signups with one name wins", accountsTaken},
		{"users in order of account", accountsList},
		{"passwords", accountsPasswords},
		{"one of many password changes wins", accountsPasswordRace},
		{"sessions", accountsSessions},
		{"a session ended when the password changed is not made anew", accountsLateSession},
		{"which sessions are ended", accountsEnd},
		{"clean-up", accountsCleanUp},
		{"nothing is found in an empty store", accountsEmpty},
		{"a context that has ended changes nothing", accountsCancelled},

		{"rotation", rotateChain},
		{"a retry within the grace", rotateGrace},
		{"a token that comes back", rotateReuse},
		{"a clock that steps back", rotateClock},
		{"a session that is over", rotateOver},
		{"64 rotations of one token", rotateParallel},
		{"rotations while the sessions are ended", rotateEnding},
		{"rotation agrees with a model", rotateModel},

		{"one-time links", linksKept},
		{"a link is used once", linksSpent},
		{"links when the password changes", linksAndPasswords},
		{"how many links a user gets", linksAllowance},
		{"64 uses of one user's links", linksParallel},
		{"64 links at once", linksIssuedInParallel},
		{"clean-up of links", linksCleanUp},

		{"roles", operatorsRoles},
		{"64 first administrators", operatorsFirst},
		{"the last administrator", operatorsLast},
		{"a locked account", operatorsLock},
		{"logins while the account is locked", operatorsLockRace},
		{"the password given again", operatorsStepUp},
		{"sessions held by a cookie", operatorsBrowser},
		{"users by the beginning of their name", operatorsSearch},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func user(n int) accounts.User {
	return accounts.User{
		ID: fmt.Sprintf("u%d", n), Account: fmt.Sprintf("person%d@example.com", n), Email: fmt.Sprintf("Person%d@Example.com", n),
		Name: "Zoë O'Neill", PasswordHash: "hash", Created: noon.Add(1234567 * time.Microsecond), PasswordChanged: noon.Add(time.Hour),
	}
}

func session(id string, of accounts.User, device string) accounts.Session {
	return accounts.Session{
		ID: id, User: of.ID, Created: noon, LastUsed: noon.Add(time.Microsecond), Expires: noon.Add(24 * time.Hour),
		Authenticated: noon,
		Client: gatehouse.Client{
			IP: netip.MustParseAddr("192.0.2.1"), UserAgent: "Mozilla/5.0", Place: gatehouse.Place{Country: "NL"},
			Device: gatehouse.Device{ID: device, Name: "Firefox on Linux"},
		},
	}
}

func hash(name string) (h accounts.TokenHash) { copy(h[:], name); return h }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// withSession adds user n with one session whose first token is of its name.
func withSession(t testing.TB, s accounts.Store, n int, id string) accounts.Session {
	t.Helper()
	u := user(n)
	if err := s.CreateUser(t.Context(), u); err != nil && !errors.Is(err, accounts.ErrTaken) {
		t.Fatal(err)
	}
	ss := session(id, u, "device of "+id)
	must(t, s.CreateSession(t.Context(), ss, hash(id), "hash"))
	return ss
}

func utc(u accounts.User) accounts.User {
	u.Created, u.PasswordChanged = u.Created.UTC(), u.PasswordChanged.UTC()
	return u
}

func sameSession(t testing.TB, got, want accounts.Session) {
	t.Helper()
	for _, s := range []*accounts.Session{&got, &want} {
		for _, at := range []*time.Time{&s.Created, &s.LastUsed, &s.Expires, &s.Ended, &s.Authenticated} {
			*at = at.UTC()
		}
	}
	if got != want {
		t.Errorf("session\n got %+v\nwant %+v", got, want)
	}
}

func accountsUsers(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	u := user(1)
	must(t, s.CreateUser(ctx, u))
	byID, err := s.UserByID(ctx, u.ID)
	must(t, err)
	byAccount, err := s.UserByAccount(ctx, u.Account)
	must(t, err)
	if utc(byID) != u || utc(byAccount) != u {
		t.Errorf("got %+v\n and %+v\nwant %+v", byID, byAccount, u)
	}
	again := user(2)
	again.Account = u.Account
	if err := s.CreateUser(ctx, again); !errors.Is(err, accounts.ErrTaken) {
		t.Errorf("the same account again: %v", err)
	}
	if _, err := s.UserByID(ctx, again.ID); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("the refused user is there: %v", err)
	}
}

func accountsTaken(t *testing.T, s accounts.Store) {
	const clients = 32
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			u := user(i)
			u.Account = "same@example.com"
			errs[i] = s.CreateUser(t.Context(), u)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, accounts.ErrTaken) {
			t.Errorf("CreateUser: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d signups with one name won", won)
	}
}

func accountsList(t *testing.T, s accounts.Store) {
	for _, n := range []int{3, 1, 5, 2, 4} {
		must(t, s.CreateUser(t.Context(), user(n)))
	}
	for _, c := range []struct {
		after string
		limit int
		want  []string
	}{
		{"", 10, []string{"u1", "u2", "u3", "u4", "u5"}},
		{"", 2, []string{"u1", "u2"}},
		{user(2).Account, 2, []string{"u3", "u4"}},
		{"person3", 1, []string{"u3"}},
		{user(5).Account, 2, nil},
		{"", 0, nil},
	} {
		users, err := s.Users(t.Context(), c.after, c.limit)
		must(t, err)
		var got []string
		for _, u := range users {
			got = append(got, u.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d after %q: got %v, want %v", c.limit, c.after, got, c.want)
		}
	}
}

func accountsPasswords(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	withSession(t, s, 1, "keep")
	withSession(t, s, 1, "end")
	withSession(t, s, 1, "ended")
	withSession(t, s, 2, "other")
	if _, err := s.EndSessions(ctx, accounts.SessionFilter{User: "u1", Session: "ended"}, noon, "logout"); err != nil {
		t.Fatal(err)
	}
	must(t, s.UpgradeHash(ctx, "u1", "hash", "better"))
	if err := s.UpgradeHash(ctx, "u1", "hash", "worse"); !errors.Is(err, accounts.ErrPasswordChanged) {
		t.Errorf("UpgradeHash from a hash not in force: %v", err)
	}
	if live, err := s.Sessions(ctx, "u1", noon); err != nil || len(live) != 2 {
		t.Errorf("after UpgradeHash %d sessions live (%v), want 2", len(live), err)
	}

	at := noon.Add(2 * time.Hour)
	if _, err := s.SetPassword(ctx, "u1", "hash", "new", "keep", at); !errors.Is(err, accounts.ErrPasswordChanged) {
		t.Errorf("SetPassword from a hash not in force: %v", err)
	}
	n, err := s.SetPassword(ctx, "u1", "better", "new", "keep", at)
	if err != nil || n != 1 {
		t.Errorf("SetPassword ended %d sessions (%v), want 1", n, err)
	}
	u, err := s.UserByID(ctx, "u1")
	must(t, err)
	if u.PasswordHash != "new" || !u.PasswordChanged.Equal(at) {
		t.Errorf("after SetPassword: %+v", u)
	}
	for id, live := range map[string]bool{"keep": true, "end": false, "ended": false, "other": true} {
		ss, err := s.Session(ctx, id)
		must(t, err)
		if ss.LiveAt(at) != live {
			t.Errorf("session %s: %+v, want live: %t", id, ss, live)
		}
		if id == "end" && (!ss.Ended.Equal(at) || ss.EndReason == "") {
			t.Errorf("session %s ended at %v because of %q", id, ss.Ended, ss.EndReason)
		}
		if id == "ended" && ss.EndReason != "logout" {
			t.Errorf("a session that had ended before was ended again: %+v", ss)
		}
	}
}

func accountsPasswordRace(t *testing.T, s accounts.Store) {
	const clients = 32
	must(t, s.CreateUser(t.Context(), user(1)))
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { _, errs[i] = s.SetPassword(t.Context(), "u1", "hash", fmt.Sprintf("new%d", i), "", noon) })
	}
	wg.Wait()
	u, err := s.UserByID(t.Context(), "u1")
	must(t, err)
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			if u.PasswordHash != fmt.Sprintf("new%d", i) {
				t.Errorf("the change to new%d won, but %s is in force", i, u.PasswordHash)
			}
		} else if !errors.Is(err, accounts.ErrPasswordChanged) {
			t.Errorf("SetPassword: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes won", won)
	}
}

func accountsEmpty(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	_, byID := s.UserByID(ctx, "u1")
	_, byAccount := s.UserByAccount(ctx, "")
	_, password := s.SetPassword(ctx, "u1", "", "new", "", noon)
	_, session := s.Session(ctx, "s1")
	for name, err := range map[string]error{
		"UserByID": byID, "UserByAccount": byAccount, "SetPassword": password, "Session": session,
		"UpgradeHash":   s.UpgradeHash(ctx, "u1", "", "new"),
		"CreateSession": s.CreateSession(ctx, accounts.Session{ID: "s1", User: "u1", Expires: noon}, hash("s1"), ""),
	} {
		if !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := s.Rotate(ctx, accounts.Rotation{Presented: hash("x"), Successor: hash("y"), At: noon, Expires: noon.Add(time.Hour)}); err != nil || r.Outcome != accounts.TokenUnknown {
		t.Errorf("Rotate: %+v, %v", r, err)
	}
	live, err := s.Sessions(ctx, "u1", noon)
	must(t, err)
	ended, err := s.EndSessions(ctx, accounts.SessionFilter{User: "u1"}, noon, "logout")
	must(t, err)
	deleted, err := s.DeleteExpired(ctx, noon, 10)
	must(t, err)
	if len(live)+ended+deleted != 0 {
		t.Errorf("%d live, %d ended, %d deleted", len(live), ended, deleted)
	}
}

func accountsCancelled(t *testing.T, s accounts.Store) {
	withSession(t, s, 1, "s1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.CreateUser(ctx, user(2)); err == nil {
		t.Error("CreateUser returned nil")
	}
	if _, err := s.EndSessions(ctx, accounts.SessionFilter{User: "u1"}, noon, "logout"); err == nil {
		t.Error("EndSessions returned nil")
	}
	if _, err := s.UserByID(ctx, "u1"); err == nil {
		t.Error("UserByID returned nil")
	}
	if _, err := s.UserByID(t.Context(), "u2"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("the user was created: %v", err)
	}
	if live, err := s.Sessions(t.Context(), "u1", noon); err != nil || len(live) != 1 {
		t.Errorf("%d sessions live (%v), want 1", len(live), err)
	}
}
