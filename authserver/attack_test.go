package authserver_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
)

// parallel makes n calls at once and counts the statuses.
func (s *site) parallel(n int, c call) (statuses map[int]int, answers []answer) {
	answers = make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = s.do(c) })
	}
	wg.Wait()
	statuses = make(map[int]int)
	for _, a := range answers {
		statuses[a.status]++
	}
	return statuses, answers
}

func TestFiveGuesses(t *testing.T) {
	for _, account := range []string{alice, "nobody@example.com"} {
		s := newSite(t).member()
		var bodies []string
		for range 5 {
			bodies = append(bodies, s.expect(loginCall(account, "wrong"), http.StatusUnauthorized).body)
		}
		refused := s.expect(loginCall(account, "wrong"), http.StatusTooManyRequests)
		right := s.expect(loginCall(account, password), http.StatusTooManyRequests)
		if refused.body != right.body || s.hashes.Verifications() != 5 {
			t.Errorf("%s: %s and %s, %d verifications", account, refused.body, right.body, s.hashes.Verifications())
		}
		for _, b := range bodies {
			if b != bodies[0] {
				t.Errorf("%s: 401 with %s and %s", account, b, bodies[0])
			}
		}
		s.advance(time.Hour + time.Second)
		if account == alice {
			s.tokens(loginCall(account, password))
		}
	}
}

// A known and an unknown account, and a right and a wrong password while
// refused, cannot be told apart by anything in the answer.
func TestNoOracle(t *testing.T) {
	s := newSite(t).member()
	look := func(account, password, from string) (int, string, http.Header) {
		c := loginCall(account, password)
		c.header = map[string]string{"X-Forwarded-For": from}
		before := s.hashes.Verifications()
		a := s.do(c)
		h := a.header.Clone()
		for _, name := range []string{"X-Correlation-Id", "Date", "Retry-After"} {
			h.Del(name)
		}
		if n := s.hashes.Verifications() - before; (a.status == http.StatusUnauthorized) != (n == 1) {
			t.Errorf("%s: %d after %d verifications", account, a.status, n)
		}
		return a.status, a.body, h
	}
	for i := range 7 {
		status, body, header := look(alice, "wrong", "192.0.2.10")
		for _, other := range []struct{ account, password, from string }{
			{"nobody@example.com", "wrong", "192.0.2.11"},
			{"no address at all", "wrong", "192.0.2.12"},
			{alice, strings.Repeat("x", 5000), "192.0.2.13"},
			{strings.Repeat("x", 5000), "wrong", "192.0.2.14"},
		} {
			s2, b2, h2 := look(other.account, other.password, other.from)
			if s2 != status || b2 != body || !maps.EqualFunc(h2, header, func(a, b []string) bool { return strings.Join(a, ",") == strings.Join(b, ",") }) {
				t.Errorf("attempt %d: %d %s %v for %.30s, %d %s %v for %s", i+1, s2, b2, h2, other.account, status, body, header, alice)
			}
		}
	}
	s1, b1, h1 := look(alice, "wrong", "192.0.2.10")
	s2, b2, h2 := look(alice, password, "192.0.2.10")
	if s1 != http.StatusTooManyRequests || s1 != s2 || b1 != b2 || len(h1) != len(h2) {
		t.Errorf("while blocked: %d %s %v, and %d %s %v", s1, b1, h1, s2, b2, h2)
	}
}

func TestParallelGuesses(t *testing.T) {
	s := newSite(t).member()
	statuses, _ := s.parallel(64, loginCall(alice, "wrong"))
	if statuses[http.StatusUnauthorized] != 5 || statuses[http.StatusTooManyRequests] != 59 {
		t.Errorf("statuses %v, want 5 x 401 and 59 x 429", statuses)
	}
	if n := s.hashes.Verifications(); n != 5 {
		t.Errorf("%d verifications, want 5", n)
	}
	if n := s.count(gatehouse.LoginFailed); n != 5 {
		t.Errorf("%d records of failures, want 5", n)
	}
}

func TestParallelLogins(t *testing.T) {
	s := newSite(t).member()
	statuses, _ := s.parallel(64, loginCall(alice, password))
	if statuses[http.StatusOK] != 64 {
		t.Errorf("statuses %v, want 64 x 200", statuses)
	}
	if n := s.count(gatehouse.LoginSucceeded); n != 64 {
		t.Errorf("%d records, want 64", n)
	}
}

func TestParallelPasswordGuesses(t *testing.T) {
	s := newSite(t).member()
	k := s.tokens(loginCall(alice, password))
	before := s.hashes.Verifications()
	statuses, _ := s.parallel(32, call{method: "POST", path: "/password", bearer: k.Access, body: object("current_password", "wrong", "new_password", "nine loud magpies")})
	if statuses[http.StatusForbidden] != 5 || statuses[http.StatusTooManyRequests] != 27 {
		t.Errorf("statuses %v, want 5 x 403 and 27 x 429", statuses)
	}
	if n := s.hashes.Verifications() - before; n != 5 {
		t.Errorf("%d verifications, want 5", n)
	}
}

func TestRacingRefreshes(t *testing.T) {
	s := newSite(t).member()
	k := s.tokens(loginCall(alice, password))
	statuses, answers := s.parallel(64, refreshCall(k.Refresh))
	if statuses[http.StatusOK] != 64 {
		t.Fatalf("statuses %v, want 64 x 200", statuses)
	}
	next := make(map[string]bool)
	for _, a := range answers {
		_, token, _ := strings.Cut(a.body, `"refresh_token":"`)
		token, _, _ = strings.Cut(token, `"`)
		next[token] = true
	}
	if len(next) != 1 {
		t.Fatalf("%d different successors, want 1", len(next))
	}
	for token := range next {
		k = s.tokens(refreshCall(token))
	}
	s.tokens(refreshCall(k.Refresh))
}

func TestRefreshFailuresLookAlike(t *testing.T) {
	s := newSite(t).member()
	first := s.tokens(loginCall(alice, password))
	newest := s.tokens(refreshCall(first.Refresh))
	s.advance(11 * time.Second)

	reused := s.expect(refreshCall(first.Refresh), http.StatusUnauthorized)
	over := s.expect(refreshCall(newest.Refresh), http.StatusUnauthorized)
	unknown := s.expect(refreshCall("ghr_"+strings.Repeat("A", 43)), http.StatusUnauthorized)
	garbage := s.expect(refreshCall("x"), http.StatusUnauthorized)
	for _, a := range []answer{over, unknown, garbage} {
		if a.body != reused.body || a.header.Get("WWW-Authenticate") != reused.header.Get("WWW-Authenticate") {
			t.Errorf("%s, want %s", a.body, reused.body)
		}
	}
	s.expect(call{method: "GET", path: "/me", bearer: newest.Access}, http.StatusUnauthorized)
	reuse := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.TokenReused}})
	if len(reuse) != 1 || reuse[0].User == "" || reuse[0].Session == "" {
		t.Errorf("records of the reuse: %+v", reuse)
	}
	reasons := make(map[string]int)
	for _, r := range s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.TokenRefreshFailed}}) {
		reasons[r.Reason]++
	}
	if reasons["session_over"] != 1 || reasons["unknown_token"] != 2 {
		t.Errorf("reasons %v", reasons)
	}
}

func TestGuessIsCountedThoughTheClientHangsUp(t *testing.T) {
	s := newSite(t).member()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", s.url+"/api/auth/login", strings.NewReader(object("email", alice, "password", "wrong")))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		before := s.hashes.Verifications()
		go func() {
			for s.hashes.Verifications() == before && ctx.Err() == nil {
				runtime.Gosched() // until the password is looked at
			}
			cancel()
		}()
		res, err := s.http.Do(req)
		if err == nil {
			res.Body.Close()
		}
		cancel()
	}
	if n := s.hashes.Verifications(); n > 5 {
		t.Errorf("%d verifications, want at most 5", n)
	}
}

// deadJournal loses everything when it is dead.
type deadJournal struct {
	gatehouse.Journal
	dead *bool
}

func (j deadJournal) Append(ctx context.Context, records ...gatehouse.Record) error {
	if *j.dead {
		return gatehouse.ErrUnavailable
	}
	return j.Journal.Append(ctx, records...)
}

func TestNothingIsPromisedWithoutARecord(t *testing.T) {
	s := newSite(t)
	dead := false
	s.journal = func(j gatehouse.Journal) gatehouse.Journal { return deadJournal{j, &dead} }
	s.member()
	k := s.tokens(loginCall(alice, password))
	dead = true
	a := s.expect(loginCall(alice, password), http.StatusServiceUnavailable)
	if strings.Contains(a.body, "token") || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a login that is not recorded: %s %v", a.body, a.header)
	}
	s.expect(loginCall(alice, "wrong"), http.StatusServiceUnavailable)
	s.expect(call{method: "POST", path: "/signup", body: object("email", "bob@example.com", "password", password)}, http.StatusServiceUnavailable)
	s.expect(refreshCall(k.Refresh), http.StatusServiceUnavailable)
	dead = false
	k = s.tokens(refreshCall(k.Refresh)) // the retry
	if list := s.devices(k.Access).Devices; len(list) != 1 {
		t.Errorf("devices %+v", list)
	}
	u, err := s.store.UserByAccount(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := s.store.Sessions(t.Context(), u.ID, s.now())
	if err != nil || len(sessions) != 1 {
		t.Errorf("%d live sessions, %v; want only the one whose tokens were handed out", len(sessions), err)
	}
}

func TestBusyHasherIs503(t *testing.T) {
	s := newSite(t)
	s.hasher = accounts.HasherOptions{Params: accounts.Argon2{Memory: 64 << 10, Time: 4, Threads: 1}, Parallel: 1, Wait: time.Nanosecond}
	s.start()
	statuses, _ := s.parallel(16, loginCall(alice, "wrong"))
	if statuses[http.StatusServiceUnavailable] == 0 || statuses[http.StatusUnauthorized] > 5 ||
		statuses[http.StatusServiceUnavailable]+statuses[http.StatusUnauthorized]+statuses[http.StatusTooManyRequests] != 16 {
		t.Errorf("statuses %v", statuses)
	}
	s.expect(loginCall("nobody@example.com", "wrong"), http.StatusUnauthorized)
}

// What nobody foresaw is a plain 500, and the user is told to OnError only.
func TestUnexpectedErrors(t *testing.T) {
	s := newSite(t).member()
	k := s.tokens(loginCall(alice, password))
	u, err := s.store.UserByAccount(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.UpgradeHash(t.Context(), u.ID, u.PasswordHash, "damaged"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []call{
		loginCall(alice, password),
		{method: "POST", path: "/password", bearer: k.Access, body: object("current_password", password, "new_password", "nine loud magpies")},
	} {
		a := s.expect(c, http.StatusInternalServerError)
		if strings.Contains(a.body, "hash") || strings.Contains(a.body, u.ID) {
			t.Errorf("the answer tells too much: %s", a.body)
		}
	}
	if len(s.failures) != 2 {
		t.Fatalf("OnError heard %v, want two errors", s.failures)
	}
	for _, err := range s.failures {
		var f *authserver.Failure
		if !errors.As(err, &f) || f.User != u.ID || !strings.Contains(err.Error(), "hash") {
			t.Errorf("OnError heard %v, want a *Failure of %s", err, u.ID)
		}
	}
}

// BenchmarkNoOracle compares the time of a wrong password for an account that
// exists with one for an account that does not, in random turns, with the real
// parameters: the ratio of their medians.
func BenchmarkNoOracle(b *testing.B) {
	s := newSite(b)
	s.rules.BruteForce.Enabled = false
	s.hasher = accounts.HasherOptions{}
	s.member()
	names := [2]string{alice, "nobody@example.com"}
	var took [2][]time.Duration
	for b.Loop() {
		// Not in strict turns: those keep step with the garbage collector.
		i := rand.IntN(2)
		start := time.Now()
		s.do(loginCall(names[i], "wrong"))
		took[i] = append(took[i], time.Since(start))
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		if len(d) == 0 {
			return 0
		}
		return float64(d[len(d)/2])
	}
	b.ReportMetric(median(took[1])/max(1, median(took[0])), "unknown/known")
}

// BenchmarkRefused is an attempt that is refused before the password is looked
// at.
func BenchmarkRefused(b *testing.B) {
	s := newSite(b).member()
	for range 5 {
		s.do(loginCall(alice, "wrong"))
	}
	for b.Loop() {
		if a := s.do(loginCall(alice, "wrong")); a.status != http.StatusTooManyRequests {
			b.Fatal(a.status)
		}
	}
}
