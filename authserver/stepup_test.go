package authserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

func stepUpCall(bearer, password string) call {
	return call{method: "POST", path: "/step-up", bearer: bearer, body: object("password", password)}
}

func TestStepUp(t *testing.T) {
	s := newSite(t).member()
	k := s.tokens(loginCall(alice, password))
	other := s.tokens(loginCall(alice, password))
	if err := s.accounts.RequireStepUp(t.Context(), s.user(alice).ID); err != nil {
		t.Fatal(err)
	}
	limited := []call{
		{method: "GET", path: "/me"}, {method: "GET", path: "/devices"}, {method: "DELETE", path: "/devices/x"},
		{method: "POST", path: "/logout-all"},
		{method: "POST", path: "/password", body: object("current_password", password, "new_password", "nine loud magpies")},
	}
	for _, c := range limited {
		c.bearer = k.Access
		a := s.expect(c, http.StatusUnauthorized)
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="gatehouse", error="insufficient_user_authentication"` {
			t.Errorf("%s %s: challenge %s", c.method, c.path, got)
		}
	}
	k = s.tokens(refreshCall(k.Refresh)) // which is no authentication
	s.expect(call{method: "GET", path: "/me", bearer: k.Access}, http.StatusUnauthorized)

	s.expect(stepUpCall("", password), http.StatusUnauthorized)
	s.expect(stepUpCall(k.Access, ""), http.StatusBadRequest)
	s.expect(stepUpCall(k.Access, "wrong"), http.StatusForbidden)
	s.expect(call{method: "GET", path: "/me", bearer: k.Access}, http.StatusUnauthorized)
	s.expect(stepUpCall(k.Access, password), http.StatusNoContent)
	s.expect(call{method: "GET", path: "/me", bearer: k.Access}, http.StatusOK)
	s.expect(call{method: "GET", path: "/me", bearer: other.Access}, http.StatusUnauthorized)
	s.expect(call{method: "POST", path: "/logout", bearer: other.Access}, http.StatusNoContent)
	s.expect(stepUpCall(other.Access, password), http.StatusUnauthorized)
	s.expect(call{method: "GET", path: "/me", bearer: s.tokens(loginCall(alice, password)).Access}, http.StatusOK)

	records := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.StepUpSucceeded, gatehouse.StepUpFailed}})
	want := []string{"step_up_failed malformed", "step_up_failed wrong_password", "step_up_succeeded "}
	for i, r := range records {
		if got := string(r.Kind) + " " + r.Reason; i >= len(want) || got != want[i] || r.User != s.user(alice).ID || r.Session == "" || r.Device.ID == "" {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if len(records) != len(want) {
		t.Errorf("%d records", len(records))
	}
	if err := s.failed(); err != nil {
		t.Error(err)
	}
}

// A stolen session gives no more guesses than the login page.
func TestStepUpSharesTheAttempts(t *testing.T) {
	s := newSite(t).member()
	k := s.tokens(loginCall(alice, password))
	if err := s.accounts.RequireStepUp(t.Context(), s.user(alice).ID); err != nil {
		t.Fatal(err)
	}
	s.expect(loginCall(alice, "wrong"), http.StatusUnauthorized)
	s.expect(loginCall(alice, "wrong"), http.StatusUnauthorized)
	for range 3 {
		s.expect(stepUpCall(k.Access, "wrong"), http.StatusForbidden)
	}
	s.expect(stepUpCall(k.Access, password), http.StatusTooManyRequests)
	s.expect(loginCall(alice, password), http.StatusTooManyRequests)
	if n := s.count(gatehouse.StepUpRefused); n != 1 {
		t.Errorf("%d refusals on record", n)
	}
	if n := s.count(gatehouse.IPAddressBlocked); n != 1 {
		t.Errorf("%d blocks", n)
	}
}

// A locked account, an unknown one and a wrong password get the same answer, for
// the same work.
func TestLockedAccountIsNotTold(t *testing.T) {
	s := newSite(t).member()
	const bob, nobody = "bob@example.com", "nobody@example.com"
	if a := s.signup(bob, password); a.status != http.StatusCreated {
		t.Fatal(a.body)
	}
	k := s.tokens(loginCall(bob, password))
	if _, err := s.accounts.Lock(t.Context(), s.user(bob).ID); err != nil {
		t.Fatal(err)
	}
	s.expect(call{method: "GET", path: "/me", bearer: k.Access}, http.StatusUnauthorized)
	s.expect(refreshCall(k.Refresh), http.StatusUnauthorized)

	var want string
	for i := range 7 { // the last two are refused
		for _, c := range []struct{ email, password string }{{alice, "wrong"}, {bob, password}, {bob, "wrong"}, {nobody, password}} {
			login := loginCall(c.email, c.password)
			login.header = map[string]string{"X-Forwarded-For": fmt.Sprintf("192.0.2.%d", 10+len(c.email)+len(c.password))}
			before := s.hashes.Verifications()
			a := s.do(login)
			a.header.Del("X-Correlation-ID")
			a.header.Del("Date")
			a.header.Del("Retry-After") // by the clock
			got := fmt.Sprint(a.status, a.header, a.body, s.hashes.Verifications()-before)
			if c.email == alice {
				want = got
			}
			if got != want {
				t.Errorf("attempt %d, %s with %q:\n got %s\nwant %s", i+1, c.email, c.password, got, want)
			}
		}
	}
	reasons := map[string]int{}
	for _, r := range s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginFailed}}) {
		reasons[r.Account+" "+r.Reason]++
	}
	if reasons[bob+" account_locked"] != 5 || reasons[bob+" wrong_password"] != 5 || reasons[nobody+" unknown_account"] != 5 {
		t.Errorf("reasons on record: %v", reasons)
	}
	if strings.Contains(want, "locked") {
		t.Errorf("the answer says it: %s", want)
	}
}
