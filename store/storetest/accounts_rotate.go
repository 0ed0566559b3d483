package storetest

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"pgregory.net/rapid"
)

// rotation exchanges the token named from for the one named to.
func rotation(from, to string, at time.Time, grace time.Duration) accounts.Rotation {
	r := accounts.Rotation{
		Presented: hash(from), Successor: hash(to), At: at, Expires: at.Add(24 * time.Hour), Grace: grace,
		Client: gatehouse.Client{IP: netip.MustParseAddr("198.51.100.1"), UserAgent: "curl/8", Device: gatehouse.Device{ID: "another"}},
	}
	copy(r.Salt[:], to)
	return r
}

func rotate(t testing.TB, s accounts.Store, from, to string, at time.Time, grace time.Duration) accounts.RotationResult {
	t.Helper()
	r, err := s.Rotate(t.Context(), rotation(from, to, at, grace))
	must(t, err)
	return r
}

func salt(name string) (s [16]byte) { copy(s[:], name); return s }

func rotateChain(t *testing.T, s accounts.Store) {
	want := withSession(t, s, 1, "t0")
	withSession(t, s, 1, "unrelated")
	for i := range 5 {
		at := noon.Add(time.Duration(i+1) * time.Hour)
		got := rotate(t, s, fmt.Sprintf("t%d", i), fmt.Sprintf("t%d", i+1), at, time.Minute)
		if got.Outcome != accounts.Rotated || got.Salt != salt(fmt.Sprintf("t%d", i+1)) {
			t.Fatalf("rotation %d: %+v", i, got)
		}
		want.LastUsed, want.Expires = at, at.Add(24*time.Hour)
		device := want.Client.Device
		want.Client = rotation("", "", at, 0).Client
		want.Client.Device = device
		sameSession(t, got.Session, want)
		kept, err := s.Session(t.Context(), want.ID)
		must(t, err)
		sameSession(t, kept, want)
	}
}

func rotateGrace(t *testing.T, s accounts.Store) {
	withSession(t, s, 1, "t0")
	rotate(t, s, "t0", "t1", noon, time.Minute)
	for _, after := range []time.Duration{0, 30 * time.Second, time.Minute - time.Microsecond} {
		got := rotate(t, s, "t0", "another", noon.Add(after), time.Minute)
		if got.Outcome != accounts.Repeated || got.Salt != salt("t1") || got.Session.ID != "t0" {
			t.Errorf("%v after: %+v", after, got)
		}
	}
	// What the retry offered was not taken; the successor is.
	if got := rotate(t, s, "another", "x", noon, time.Minute); got.Outcome != accounts.TokenUnknown {
		t.Errorf("the token that the retry offered: %v", got.Outcome)
	}
	if got := rotate(t, s, "t1", "t2", noon, time.Minute); got.Outcome != accounts.Rotated {
		t.Errorf("the successor: %v", got.Outcome)
	}
}

// ended checks that a session has ended with every token in it.
func ended(t *testing.T, s accounts.Store, id string, at time.Time, tokens ...string) {
	t.Helper()
	ss, err := s.Session(t.Context(), id)
	must(t, err)
	if ss.LiveAt(at) || !ss.Ended.Equal(at) || ss.EndReason == "" {
		t.Errorf("session %s after a reuse: %+v", id, ss)
	}
	for _, token := range tokens {
		if got := rotate(t, s, token, "x", at, time.Hour); got.Outcome != accounts.SessionOver || got.Session.ID != id {
			t.Errorf("token %s of an ended session: %+v", token, got)
		}
	}
}

func rotateReuse(t *testing.T, s accounts.Store) {
	for _, c := range []struct {
		name  string
		after time.Duration
		grace time.Duration
		spend bool // the successor before
	}{
		{"after the grace", time.Minute, time.Minute, false},
		{"with no grace", 0, 0, false},
		{"when the successor is spent", time.Second, time.Minute, true},
		{"long after the token itself has expired", 23 * time.Hour, time.Minute, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := c.name
			withSession(t, s, 1, id)
			rotate(t, s, id, "1"+id, noon, c.grace)
			if c.spend {
				rotate(t, s, "1"+id, "2"+id, noon, c.grace)
			}
			at := noon.Add(c.after)
			got := rotate(t, s, id, "x", at, c.grace)
			if got.Outcome != accounts.Reused || got.Session.ID != id || got.Salt != [16]byte{} {
				t.Errorf("got %+v", got)
			}
			if got.Session.LiveAt(at) {
				t.Errorf("the session returned still lives: %+v", got.Session)
			}
			ended(t, s, id, at, id, "1"+id)
		})
	}
	withSession(t, s, 1, "bystander")
	if got := rotate(t, s, "bystander", "b1", noon, 0); got.Outcome != accounts.Rotated {
		t.Errorf("a token of another session: %v", got.Outcome)
	}
}

func rotateClock(t *testing.T, s accounts.Store) {
	// The clocks of two nodes differ a little: still a retry.
	withSession(t, s, 1, "t0")
	rotate(t, s, "t0", "t1", noon, time.Minute)
	if got := rotate(t, s, "t0", "x", noon.Add(-time.Second), time.Minute); got.Outcome != accounts.Repeated || got.Salt != salt("t1") {
		t.Errorf("a second before: %+v", got)
	}
	// A clock that has stepped back far makes no retry out of a reuse.
	if got := rotate(t, s, "t0", "x", noon.Add(-time.Hour), time.Minute); got.Outcome != accounts.Reused {
		t.Errorf("an hour before: %+v", got)
	}
	ended(t, s, "t0", noon.Add(-time.Hour), "t1")
}

func rotateOver(t *testing.T, s accounts.Store) {
	ss := withSession(t, s, 1, "expired")
	if got := rotate(t, s, "expired", "x", ss.Expires, time.Minute); got.Outcome != accounts.SessionOver || got.Session.ID != "expired" {
		t.Errorf("a token as it expires: %+v", got)
	}
	withSession(t, s, 1, "ended")
	if _, err := s.EndSessions(t.Context(), accounts.SessionFilter{User: "u1", Session: "ended"}, noon, "logout"); err != nil {
		t.Fatal(err)
	}
	got := rotate(t, s, "ended", "x", noon, time.Minute)
	if got.Outcome != accounts.SessionOver || got.Session.EndReason != "logout" {
		t.Errorf("a token of an ended session: %+v", got)
	}
	if got := rotate(t, s, "x", "y", noon, time.Minute); got.Outcome != accounts.TokenUnknown {
		t.Errorf("a refused rotation has left a token: %+v", got)
	}
}

func rotateParallel(t *testing.T, s accounts.Store) {
	const clients = 64
	withSession(t, s, 1, "t0")
	results := make([]accounts.RotationResult, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			var err error
			results[i], err = s.Rotate(t.Context(), rotation("t0", fmt.Sprintf("t1-%d", i), noon.Add(time.Duration(i)*time.Microsecond), time.Minute))
			if err != nil {
				t.Errorf("Rotate: %v", err)
			}
		})
	}
	wg.Wait()
	var winner [16]byte
	rotated := 0
	for i, r := range results {
		if r.Outcome == accounts.Rotated {
			rotated++
			winner = salt(fmt.Sprintf("t1-%d", i))
		}
	}
	if rotated != 1 {
		t.Fatalf("%d of %d rotations of one token won", rotated, clients)
	}
	for _, r := range results {
		if r.Outcome != accounts.Rotated && r.Outcome != accounts.Repeated || r.Salt != winner {
			t.Errorf("got %v with salt %q, want the winner's %q", r.Outcome, r.Salt, winner)
		}
	}
}

func rotateEnding(t *testing.T, s accounts.Store) {
	for round := range 20 {
		id := fmt.Sprintf("s%d", round)
		withSession(t, s, 1, id)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i, from := 0, id; i < 20; i++ {
				to := fmt.Sprintf("%s.%d", id, i)
				r, err := s.Rotate(t.Context(), rotation(from, to, noon, time.Minute))
				if err != nil {
					t.Errorf("Rotate: %v", err)
				}
				if r.Outcome != accounts.Rotated {
					return
				}
				from = to
			}
		})
		wg.Go(func() {
			if n, err := s.EndSessions(t.Context(), accounts.SessionFilter{User: "u1", Session: id}, noon, "logout"); err != nil || n != 1 {
				t.Errorf("EndSessions: %d, %v", n, err)
			}
		})
		wg.Wait()
		for i := -1; i < 20; i++ {
			token := fmt.Sprintf("%s.%d", id, i)
			if i < 0 {
				token = id
			}
			if got := rotate(t, s, token, "x", noon, time.Minute); got.Outcome != accounts.SessionOver && got.Outcome != accounts.TokenUnknown {
				t.Fatalf("token %s of an ended session: %v", token, got.Outcome)
			}
		}
	}
}

// rotateModel plays any mixture of tokens, clocks and endings of one session
// against the rules as RotationOutcome words them.
func rotateModel(t *testing.T, s accounts.Store) {
	const grace = time.Minute
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		id := fmt.Sprintf("run%d", run)
		withSession(t, s, 1, id)
		chain := []string{id}           // tokens in order; all but the last are spent
		spent := map[string]time.Time{} // when
		over := false
		now := noon
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-90, 90).Draw(rt, "seconds")) * time.Second)
			if rapid.IntRange(0, 19).Draw(rt, "end") == 0 {
				if _, err := s.EndSessions(t.Context(), accounts.SessionFilter{User: "u1", Session: id}, now, "logout"); err != nil {
					rt.Fatal(err)
				}
				over = true
			}
			i := max(0, len(chain)-1-rapid.IntRange(0, 3).Draw(rt, "back"))
			from, to := chain[i], fmt.Sprintf("%s.%d", id, step)
			last := i == len(chain)-1
			want := accounts.Reused
			switch {
			case over:
				want = accounts.SessionOver
			case last:
				want = accounts.Rotated
			case i == len(chain)-2 && now.Sub(spent[from]).Abs() < grace:
				want = accounts.Repeated
			}
			got := rotate(t, s, from, to, now, grace)
			if got.Outcome != want {
				rt.Fatalf("step %d: token %d of %d gave %v, want %v", step, i, len(chain), got.Outcome, want)
			}
			switch want {
			case accounts.Rotated:
				chain, spent[from] = append(chain, to), now
			case accounts.Repeated:
				if got.Salt != salt(chain[i+1]) {
					rt.Fatalf("step %d: salt %q, want that of %s", step, got.Salt, chain[i+1])
				}
			case accounts.Reused:
				over = true
			}
		}
	})
}
