package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// operator adds user n with a role.
func operator(t testing.TB, s accounts.Store, n int, role accounts.Role) accounts.User {
	t.Helper()
	u := user(n)
	u.Role = role
	must(t, s.CreateUser(t.Context(), u))
	return u
}

func operators(t testing.TB, s accounts.Store) map[string]accounts.Role {
	t.Helper()
	list, err := s.Operators(t.Context())
	must(t, err)
	roles := map[string]accounts.Role{}
	for _, u := range list {
		roles[u.ID] = u.Role
	}
	if !slices.IsSortedFunc(list, func(a, b accounts.User) int { return strings.Compare(a.Account, b.Account) }) {
		t.Errorf("operators are not in order of account: %+v", list)
	}
	return roles
}

func operatorsRoles(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	if got := operators(t, s); len(got) != 0 {
		t.Errorf("operators of an empty store: %v", got)
	}
	operator(t, s, 1, accounts.Administrator)
	operator(t, s, 2, accounts.Holder)
	operator(t, s, 3, accounts.Viewer)
	for _, c := range []struct {
		user string
		role accounts.Role
		want error
	}{
		{"u1", accounts.Viewer, accounts.ErrLastAdministrator},
		{"u1", accounts.Holder, accounts.ErrLastAdministrator},
		{"u1", accounts.Administrator, nil},
		{"u2", accounts.Analyst, nil},
		{"u3", accounts.Administrator, nil},
		{"u1", accounts.Holder, nil},
		{"u3", accounts.Analyst, accounts.ErrLastAdministrator},
		{"nobody", accounts.Viewer, gatehouse.ErrNotFound},
		{"nobody", accounts.Administrator, gatehouse.ErrNotFound},
	} {
		was, _ := s.UserByID(ctx, c.user) // nobody has no role
		u, err := s.SetRole(ctx, c.user, was.Role, c.role)
		if !errors.Is(err, c.want) {
			t.Errorf("%s becomes %q: %v, want %v", c.user, c.role, err, c.want)
		}
		if c.want == nil && (u.ID != c.user || u.Role != c.role) {
			t.Errorf("%s becomes %q: %+v", c.user, c.role, u)
		}
	}
	if _, err := s.SetRole(ctx, "u2", accounts.Viewer, accounts.Administrator); !errors.Is(err, accounts.ErrRoleChanged) {
		t.Errorf("an analyst who is taken for a viewer: %v", err)
	}
	changed := make([]error, 8)
	parallel(len(changed), func(i int) { _, changed[i] = s.SetRole(ctx, "u2", accounts.Analyst, accounts.Viewer) })
	won := 0
	for _, err := range changed {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, accounts.ErrRoleChanged):
			t.Errorf("one of many who change a role: %v", err)
		}
	}
	if _, err := s.SetRole(ctx, "u2", accounts.Viewer, accounts.Analyst); won != 1 || err != nil {
		t.Errorf("%d of %d changed the same role; back again: %v", won, len(changed), err)
	}
	if got := operators(t, s); len(got) != 2 || got["u2"] != accounts.Analyst || got["u3"] != accounts.Administrator {
		t.Errorf("operators: %v", got)
	}
	u, err := s.UserByAccount(ctx, user(2).Account)
	must(t, err)
	want := user(2)
	if want.Role = accounts.Analyst; utc(u) != want {
		t.Errorf("got %+v\nwant %+v", u, want)
	}
}

// Of many who want to be the first administrator one is.
func operatorsFirst(t *testing.T, s accounts.Store) {
	const clients = 64
	operator(t, s, clients, accounts.Analyst) // is none
	withUser(t, s, 0)
	errs := make([]error, clients)
	parallel(clients, func(i int) {
		u := user(i)
		u.ID += "'"
		errs[i] = s.CreateFirstAdministrator(t.Context(), u)
	})
	won := 0
	for i, err := range errs {
		switch {
		case err == nil && i > 0:
			won++
		case errors.Is(err, accounts.ErrAdministratorExists), i == 0 && errors.Is(err, accounts.ErrTaken):
		default:
			t.Errorf("client %d: %v", i, err)
		}
	}
	got := operators(t, s)
	if won != 1 || len(got) != 2 {
		t.Errorf("%d succeeded, the operators are %v", won, got)
	}
	if err := s.CreateFirstAdministrator(t.Context(), user(99)); !errors.Is(err, accounts.ErrAdministratorExists) {
		t.Errorf("later: %v", err)
	}
	if _, err := s.UserByID(t.Context(), user(99).ID); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("who was not the first is there: %v", err)
	}
}

func parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// meetings is how often two calls meet, one by one, so that each goes to a node of
// its own and nothing else is in its transaction.
const meetings = 30

// Administrators who take the role from each other, or lock each other out, at the
// same time, are never all gone.
func operatorsLast(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	one, other := operator(t, s, 1, accounts.Administrator), operator(t, s, 2, accounts.Administrator)
	lock := func(u accounts.User) error { _, err := s.LockUser(ctx, u.ID, noon); return err }
	demote := func(u accounts.User) error {
		_, err := s.SetRole(ctx, u.ID, accounts.Administrator, accounts.Viewer)
		return err
	}
	for round := range meetings {
		var errs [2]error
		parallel(2, func(i int) {
			switch {
			case i == 0:
				errs[i] = demote(one)
			case round%2 == 0:
				errs[i] = demote(other)
			default:
				errs[i] = lock(other)
			}
		})
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), accounts.ErrLastAdministrator) {
			t.Fatalf("round %d: %v", round, errs)
		}
		for _, u := range []accounts.User{one, other} {
			was, err := s.UserByID(ctx, u.ID)
			must(t, err)
			if _, err := s.SetRole(ctx, u.ID, was.Role, accounts.Administrator); err != nil {
				t.Fatal(err)
			}
			if err := s.UnlockUser(ctx, u.ID); err != nil && !errors.Is(err, gatehouse.ErrNotFound) {
				t.Fatal(err)
			}
		}
	}

	// One who is locked does not count, and may lose the role.
	must(t, lock(other))
	if err := demote(one); !errors.Is(err, accounts.ErrLastAdministrator) {
		t.Errorf("the last one who is not locked: %v", err)
	}
	must(t, demote(other))
	if err := lock(one); !errors.Is(err, accounts.ErrLastAdministrator) {
		t.Errorf("lock of the last one: %v", err)
	}
	if n := len(operators(t, s)); n != 2 {
		t.Errorf("%d operators", n)
	}
}

func operatorsLock(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	for _, id := range []string{"s1", "s2"} {
		withSession(t, s, 1, id)
	}
	withSession(t, s, 2, "other")
	issue(t, s, link("reset", 1, accounts.ToReset))
	issue(t, s, link("disown", 1, accounts.ToDisown))
	issue(t, s, link("other", 2, accounts.ToReset))
	if err := s.UnlockUser(ctx, "u1"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("unlock of who is not locked: %v", err)
	}
	at := noon.Add(time.Minute)
	for n, want := range []int{2, 0} {
		if ended, err := s.LockUser(ctx, "u1", at.Add(time.Duration(n)*time.Minute)); ended != want || err != nil {
			t.Errorf("lock %d ended %d sessions (%v), want %d", n, ended, err, want)
		}
	}
	u, err := s.UserByID(ctx, "u1")
	must(t, err)
	if !u.Locked.Equal(at) {
		t.Errorf("locked since %v, want %v", u.Locked, at)
	}
	ss, err := s.Session(ctx, "s1")
	must(t, err)
	if ss.LiveAt(at) || ss.EndReason != "account_locked" {
		t.Errorf("the session of a locked user: %+v", ss)
	}
	if linkLives(t, s, "reset", accounts.ToReset, at) || linkLives(t, s, "disown", accounts.ToDisown, at) {
		t.Error("a link of a locked user is good")
	}
	issue(t, s, link("late", 1, accounts.ToReset))
	if _, err := s.SpendOneTime(ctx, accounts.ToReset, hash("late"), "new", at); !errors.Is(err, accounts.ErrLinkOver) {
		t.Errorf("a link that a locked user was sent: %v", err)
	}
	late := session("late", user(1), "d")
	if err := s.CreateSession(ctx, late, hash("late"), "hash"); !errors.Is(err, accounts.ErrLocked) {
		t.Errorf("a session of a locked user: %v", err)
	}
	if got := sessionIDs(t, s, "u2", at); len(got) != 1 || !linkLives(t, s, "other", accounts.ToReset, at) {
		t.Errorf("somebody else's sessions %v or link are gone", got)
	}
	must(t, s.UnlockUser(ctx, "u1"))
	must(t, s.CreateSession(ctx, late, hash("late"), "hash"))
	if got := sessionIDs(t, s, "u1", at); !slices.Equal(got, []string{"late"}) {
		t.Errorf("live once the user is unlocked: %v", got)
	}
	if _, err := s.LockUser(ctx, "nobody", at); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("lock of nobody: %v", err)
	}
}

// No session survives a lock, however close it began.
func operatorsLockRace(t *testing.T, s accounts.Store) {
	for round := range meetings {
		withUser(t, s, round)
		id := fmt.Sprint("s", round)
		parallel(2, func(i int) {
			if i == 0 {
				if _, err := s.LockUser(t.Context(), user(round).ID, noon); err != nil {
					t.Error(err)
				}
				return
			}
			err := s.CreateSession(t.Context(), session(id, user(round), id), hash(id), "hash")
			if err != nil && !errors.Is(err, accounts.ErrLocked) {
				t.Errorf("CreateSession: %v", err)
			}
		})
		if live := sessionIDs(t, s, user(round).ID, noon); len(live) != 0 {
			t.Errorf("live after the lock: %v", live)
		}
	}
}

// needs reports whether a session must step up, as accounts.Service tells.
func needs(t testing.TB, s accounts.Store, id string) bool {
	t.Helper()
	ss, u, err := s.SessionWithUser(t.Context(), id)
	must(t, err)
	return (&accounts.Service{}).NeedsStepUp(u, ss)
}

// A step that is asked for is needed, and one that was taken is enough, whatever
// the clocks of the nodes say.
func operatorsStepUp(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	withSession(t, s, 1, "old")
	withSession(t, s, 2, "other")
	for round, at := range []time.Time{noon.Add(time.Hour), noon.Add(time.Hour), noon.Add(-time.Hour), noon.Add(2 * time.Hour)} {
		must(t, s.RequireStepUp(ctx, "u1", at))
		if !needs(t, s, "old") || needs(t, s, "other") {
			t.Errorf("round %d: needed by the user's session: %t, by another's: %t", round, needs(t, s, "old"), needs(t, s, "other"))
		}
		id := fmt.Sprint("new", round)
		fresh := session(id, user(1), id) // created at noon, by its clock
		must(t, s.CreateSession(ctx, fresh, hash(id), "hash"))
		must(t, s.StepUp(ctx, "old", "hash", noon.Add(time.Minute)))
		if needs(t, s, "old") || needs(t, s, id) {
			t.Errorf("round %d: needed by who has given the password: %t, by a new session: %t", round, needs(t, s, "old"), needs(t, s, id))
		}
	}
	if err := s.StepUp(ctx, "old", "another hash", noon); !errors.Is(err, accounts.ErrPasswordChanged) {
		t.Errorf("with a password not in force: %v", err)
	}
	if _, err := s.EndSessions(ctx, accounts.SessionFilter{User: "u1", Session: "old"}, noon, "logout"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a session that is over":    s.StepUp(ctx, "old", "hash", noon),
		"an expired session":        s.StepUp(ctx, "other", "hash", noon.Add(24*time.Hour)),
		"no session":                s.StepUp(ctx, "none", "hash", noon),
		"a step that nobody is for": s.RequireStepUp(ctx, "nobody", noon),
	} {
		if !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func operatorsBrowser(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	withUser(t, s, 1)
	want := session("b", user(1), "d")
	want.Browser, want.Authenticated = true, time.Time{}
	for _, id := range []string{"b", "b2"} { // which have no token that could clash
		ss := want
		ss.ID = id
		must(t, s.CreateSession(ctx, ss, accounts.TokenHash{}, "hash"))
	}
	if r := rotate(t, s, "", "next", noon, time.Minute); r.Outcome != accounts.TokenUnknown {
		t.Errorf("the token of zero: %+v", r)
	}
	want.Authenticated = want.Created
	got, u, err := s.SessionWithUser(ctx, "b")
	must(t, err)
	sameSession(t, got, want)
	if utc(u) != user(1) {
		t.Errorf("whose it is: %+v", u)
	}
	if _, _, err := s.SessionWithUser(ctx, "none"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("a session that is none: %v", err)
	}

	used := gatehouse.Client{
		IP: netip.MustParseAddr("2001:db8::1"), UserAgent: "a\nb", Place: gatehouse.Place{Country: "PT"},
		Device: gatehouse.Device{ID: "another"},
	}
	at := noon.Add(time.Hour)
	must(t, s.TouchSession(ctx, "b", used, at, at.Add(time.Hour)))
	device := want.Client.Device
	want.Client = used.Clean()
	want.Client.Device, want.LastUsed, want.Expires = device, at, at.Add(time.Hour)
	got, err = s.Session(ctx, "b")
	must(t, err)
	sameSession(t, got, want)
	for name, c := range map[string]struct {
		id string
		at time.Time
	}{"expired": {"b", at.Add(time.Hour)}, "none": {"none", at}} {
		if err := s.TouchSession(ctx, c.id, used, c.at, c.at.Add(time.Hour)); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.EndSessions(ctx, accounts.SessionFilter{User: "u1", Session: "b2"}, at, "logout"); err != nil {
		t.Fatal(err)
	}
	if err := s.TouchSession(ctx, "b2", used, at, at.Add(time.Hour)); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("a session that was ended: %v", err)
	}
}

func operatorsSearch(t *testing.T, s accounts.Store) {
	names := []string{"%@example.com", "ada@example.com", "adam@example.com", "adb@example.com", "ad\u00e9@example.com", "ad\U0001F600@example.com", "zoe@example.com"}
	slices.Sort(names)
	for i, name := range names {
		u := user(i)
		u.Account = name
		must(t, s.CreateUser(t.Context(), u))
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"", "", 10, names},
		{"ada", "", 10, []string{"ada@example.com", "adam@example.com"}},
		{"ad", "", 2, []string{"ada@example.com", "adam@example.com"}},
		{"ad", "adam@example.com", 10, []string{"adb@example.com", "ad\u00e9@example.com", "ad\U0001F600@example.com"}},
		{"ad\u00e9", "", 10, []string{"ad\u00e9@example.com"}},
		{"%", "", 10, []string{"%@example.com"}},
		{"_", "", 10, nil},
		{"ada@example.com", "", 10, []string{"ada@example.com"}},
		{"Ada", "", 10, nil},
		{"x", "", 10, nil},
		{"\xff\x00", "", 10, nil},
		{"", "zoe@example.com", 10, nil},
		{"", "", 0, nil},
	} {
		list, err := s.SearchUsers(t.Context(), c.prefix, c.after, c.limit)
		must(t, err)
		var got []string
		for _, u := range list {
			got = append(got, u.Account)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d with %q after %q: got %q, want %q", c.limit, c.prefix, c.after, got, c.want)
		}
	}
}
