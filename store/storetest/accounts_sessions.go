package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func sessionIDs(t testing.TB, s accounts.Store, user string, at time.Time) []string {
	t.Helper()
	live, err := s.Sessions(t.Context(), user, at)
	must(t, err)
	ids := []string{}
	for _, ss := range live {
		ids = append(ids, ss.ID)
	}
	return ids
}

func accountsSessions(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	first := withSession(t, s, 1, "first")
	second := session("second", user(1), "d2")
	second.LastUsed = noon.Add(time.Minute)
	must(t, s.CreateSession(ctx, second, hash("second"), "hash"))
	withSession(t, s, 2, "other")

	got, err := s.Session(ctx, "first")
	must(t, err)
	sameSession(t, got, first)
	if got := sessionIDs(t, s, "u1", noon); !slices.Equal(got, []string{"second", "first"}) {
		t.Errorf("live: %v", got)
	}
	if got := sessionIDs(t, s, "u1", first.Expires); len(got) != 0 {
		t.Errorf("live when they expire: %v", got)
	}
	if err := s.CreateSession(ctx, session("third", user(1), "d"), hash("third"), "another hash"); !errors.Is(err, accounts.ErrPasswordChanged) {
		t.Errorf("CreateSession with a password not in force: %v", err)
	}
	if _, err := s.Session(ctx, "third"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("the refused session is there: %v", err)
	}

	// A token that exists already adds no session either.
	if err := s.CreateSession(ctx, session("fourth", user(1), "d"), hash("first"), "hash"); err == nil {
		t.Error("CreateSession with a token of another session returned nil")
	}
	if _, err := s.Session(ctx, "fourth"); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("the session without its token is there: %v", err)
	}
}

func accountsLateSession(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	must(t, s.CreateUser(ctx, user(1)))
	if _, err := s.SetPassword(ctx, "u1", "hash", "new", "", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateSession(ctx, session("late", user(1), "d"), hash("late"), "hash"); !errors.Is(err, accounts.ErrPasswordChanged) {
		t.Errorf("CreateSession: %v", err)
	}
}

func accountsEnd(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	setUp := func() {
		if _, err := s.DeleteExpired(ctx, noon.AddDate(9, 0, 0), 100); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"a1", "a2", "b1", "expired"} {
			if err := s.CreateUser(ctx, user(1)); err != nil && !errors.Is(err, accounts.ErrTaken) {
				t.Fatal(err)
			}
			ss := session(id, user(1), id[:1])
			if id == "expired" {
				ss.Expires = noon.Add(time.Second)
			}
			must(t, s.CreateSession(ctx, ss, hash(id), "hash"))
		}
		withSession(t, s, 2, "other")
	}
	at := noon.Add(time.Minute)
	for _, c := range []struct {
		name   string
		filter accounts.SessionFilter
		live   []string
	}{
		{"all", accounts.SessionFilter{User: "u1"}, []string{}},
		{"all but one", accounts.SessionFilter{User: "u1", Except: "a2"}, []string{"a2"}},
		{"one", accounts.SessionFilter{User: "u1", Session: "a1"}, []string{"a2", "b1"}},
		{"one device", accounts.SessionFilter{User: "u1", Device: "a"}, []string{"b1"}},
		{"one device but one", accounts.SessionFilter{User: "u1", Device: "a", Except: "a1"}, []string{"a1", "b1"}},
		{"one of another user", accounts.SessionFilter{User: "u1", Session: "other"}, []string{"a1", "a2", "b1"}},
		{"expired", accounts.SessionFilter{User: "u1", Session: "expired"}, []string{"a1", "a2", "b1"}},
	} {
		setUp()
		n, err := s.EndSessions(ctx, c.filter, at, "because")
		must(t, err)
		got := sessionIDs(t, s, "u1", at)
		slices.Sort(got)
		if !slices.Equal(got, c.live) || n != 3-len(c.live) {
			t.Errorf("%s: ended %d, live %v, want %v", c.name, n, got, c.live)
		}
		if got := sessionIDs(t, s, "u2", at); len(got) != 1 {
			t.Errorf("%s: another user's sessions: %v", c.name, got)
		}
		if n, err := s.EndSessions(ctx, c.filter, at.Add(time.Second), "again"); err != nil || n != 0 {
			t.Errorf("%s: a second time ended %d, %v", c.name, n, err)
		}
	}
	if _, err := s.EndSessions(ctx, accounts.SessionFilter{}, at, "because"); err == nil {
		t.Error("a filter without a user is no error")
	}
}

func accountsCleanUp(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	for _, id := range []string{"ended1", "ended2", "live"} {
		withSession(t, s, 1, id)
	}
	for _, id := range []string{"ended1", "ended2"} {
		if _, err := s.EndSessions(ctx, accounts.SessionFilter{User: "u1", Session: id}, noon.Add(time.Hour), "logout"); err != nil {
			t.Fatal(err)
		}
	}
	expire := session("expired", user(1), "d")
	expire.Expires = noon.Add(time.Hour)
	must(t, s.CreateSession(ctx, expire, hash("expired"), "hash"))

	for _, c := range []struct {
		before time.Time
		limit  int
		want   int
	}{
		{noon.Add(time.Hour), 10, 0}, // not before that instant
		{noon.Add(2 * time.Hour), 2, 2},
		{noon.Add(2 * time.Hour), 10, 1},
		{noon.Add(2 * time.Hour), 10, 0},
	} {
		if n, err := s.DeleteExpired(ctx, c.before, c.limit); err != nil || n != c.want {
			t.Errorf("DeleteExpired(%v, %d) = %d, %v; want %d", c.before, c.limit, n, err, c.want)
		}
	}
	for _, id := range []string{"ended1", "ended2", "expired"} {
		if _, err := s.Session(ctx, id); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("session %s: %v", id, err)
		}
		if r := rotate(t, s, id, id+"'", noon, time.Minute); r.Outcome != accounts.TokenUnknown {
			t.Errorf("the token of %s is %v", id, r.Outcome)
		}
	}
	if r := rotate(t, s, "live", "live'", noon, time.Minute); r.Outcome != accounts.Rotated {
		t.Errorf("the token of the live session is %v", r.Outcome)
	}
}
