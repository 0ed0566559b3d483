package authserver_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
)

func TestLifeOfAnAccount(t *testing.T) {
	s := newSite(t).start()
	var me struct{ ID, Email, Name string }
	a := s.expect(call{method: "POST", path: "/signup", body: object("email", " Alice@Example.com", "password", password, "name", "Alice")}, http.StatusCreated)
	if err := json.Unmarshal([]byte(a.body), &me); err != nil || me.ID == "" || me.Email != "Alice@Example.com" || me.Name != "Alice" || strings.Contains(a.body, "argon2") {
		t.Fatalf("signup: %s", a.body)
	}
	s.expect(call{method: "POST", path: "/signup", body: object("email", alice, "password", password)}, http.StatusConflict)

	first := s.tokens(loginCall(alice, password))
	if first.Type != "Bearer" || first.Expires != 900 {
		t.Errorf("tokens %+v", first)
	}
	if a := s.expect(call{method: "GET", path: "/me", bearer: first.Access}, http.StatusOK); !strings.Contains(a.body, me.ID) {
		t.Errorf("me: %s", a.body)
	}
	second := s.tokens(refreshCall(first.Refresh))
	s.expect(call{method: "GET", path: "/me", bearer: second.Access}, http.StatusOK)

	const next = "nine loud magpies"
	other := s.tokens(loginCall(alice, password))
	change := func(current, next string) call {
		return call{method: "POST", path: "/password", bearer: second.Access, body: object("current_password", current, "new_password", next)}
	}
	s.expect(change("wrong", next), http.StatusForbidden)
	s.expect(change(password, "short"), http.StatusUnprocessableEntity)
	s.expect(change(password, "password1"), http.StatusUnprocessableEntity)
	s.expect(change(password, next), http.StatusNoContent)
	s.expect(call{method: "GET", path: "/me", bearer: other.Access}, http.StatusUnauthorized)
	s.expect(refreshCall(other.Refresh), http.StatusUnauthorized)
	s.expect(call{method: "GET", path: "/me", bearer: second.Access}, http.StatusOK)
	s.expect(loginCall(alice, password), http.StatusUnauthorized)

	third := s.tokens(loginCall(alice, next))
	s.expect(call{method: "POST", path: "/logout", bearer: third.Access}, http.StatusNoContent)
	s.expect(call{method: "POST", path: "/logout", bearer: third.Access}, http.StatusUnauthorized)
	s.expect(call{method: "GET", path: "/me", bearer: second.Access}, http.StatusOK)
	s.expect(call{method: "POST", path: "/logout-all", bearer: second.Access}, http.StatusNoContent)
	s.expect(call{method: "GET", path: "/me", bearer: second.Access}, http.StatusUnauthorized)

	var kinds []gatehouse.Kind
	for _, r := range s.records(gatehouse.Query{}) {
		if r.Finding == nil {
			kinds = append(kinds, r.Kind)
		}
		if r.CorrelationID == "" || r.Endpoint == "" || !r.IP.IsValid() {
			t.Errorf("record %+v", r)
		}
	}
	want := []gatehouse.Kind{
		gatehouse.SignupSucceeded, gatehouse.SignupFailed, gatehouse.LoginSucceeded, gatehouse.TokenRefreshed,
		gatehouse.LoginSucceeded, gatehouse.PasswordChangeFailed, gatehouse.PasswordChangeFailed, gatehouse.PasswordChangeFailed,
		gatehouse.PasswordChanged, gatehouse.TokenRefreshFailed,
		gatehouse.LoginFailed, gatehouse.LoginSucceeded, gatehouse.LoggedOut, gatehouse.LoggedOutEverywhere,
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("recorded %v, want %v", kinds, want)
	}
	login := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.LoginSucceeded}})[0]
	if login.User != me.ID || login.Session == "" || login.Account != alice || login.Device.ID == "" || login.Device.Name == "" {
		t.Errorf("login record %+v", login)
	}
	if err := s.failed(); err != nil {
		t.Errorf("unexpected errors: %v", err)
	}
}

func TestSignupRefusals(t *testing.T) {
	s := newSite(t).start()
	for _, tt := range []struct {
		email, password, name string
		status                int
		detail                string
	}{
		{"not an address", password, "", http.StatusUnprocessableEntity, "e-mail"},
		{"bob@example.com\x00", password, "", http.StatusUnprocessableEntity, "e-mail"},
		{"bob@example.com", "x7Kp!2m", "", http.StatusUnprocessableEntity, "at least 8"},
		{"bob@example.com", "password123", "", http.StatusUnprocessableEntity, "easy to guess"},
		{"bob@example.com", strings.Repeat("seven quiet herons", 40), "", http.StatusUnprocessableEntity, "at most 512"},
		{"bob@example.com", password, "B\x1b[2Job", http.StatusUnprocessableEntity, "name"},
		{"", password, "", http.StatusBadRequest, "email"},
		{"bob@example.com", "", "", http.StatusBadRequest, "password"},
	} {
		a := s.expect(call{method: "POST", path: "/signup", body: object("email", tt.email, "password", tt.password, "name", tt.name)}, tt.status)
		if !strings.Contains(a.body, tt.detail) {
			t.Errorf("%q, %q: %s, want something about %q", tt.email, tt.password, a.body, tt.detail)
		}
	}
	if n := s.count(gatehouse.SignupFailed); n != 8 {
		t.Errorf("%d records of a failed signup, want 8", n)
	}
}

// People type passwords into the wrong field: what is no address is not kept.
func TestPasswordInTheWrongField(t *testing.T) {
	s := newSite(t).start()
	typed := object("email", "Four-Quiet-Herons-17", "password", password)
	s.expect(call{method: "POST", path: "/signup", body: typed}, http.StatusUnprocessableEntity)
	s.expect(call{method: "POST", path: "/login", body: typed}, http.StatusUnauthorized)
	records := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.SignupFailed, gatehouse.LoginFailed}})
	if len(records) != 2 || !strings.HasPrefix(records[0].Account, "no-address-") || records[1].Account != records[0].Account {
		t.Errorf("on record: %+v", records)
	}
}

func TestBearerTokens(t *testing.T) {
	s := newSite(t).member()
	k := s.tokens(loginCall(alice, password))
	for name, authorization := range map[string]string{
		"none": "", "basic": "Basic YTpi", "no token": "Bearer", "blank token": "Bearer   ", "garbage": "Bearer x.y.z",
		"refresh token": "Bearer " + k.Refresh, "two tokens": "Bearer " + k.Access + " " + k.Access, "no scheme": k.Access,
	} {
		header := map[string]string{}
		if authorization != "" {
			header["Authorization"] = authorization
		}
		for _, c := range []call{
			{method: "GET", path: "/me"}, {method: "POST", path: "/logout"}, {method: "POST", path: "/logout-all"},
			{method: "GET", path: "/devices"}, {method: "DELETE", path: "/devices/x"},
			{method: "POST", path: "/password", body: object("current_password", password, "new_password", "nine loud magpies")},
		} {
			c.header = header
			if a := s.expect(c, http.StatusUnauthorized); strings.Contains(a.body, k.Access) {
				t.Errorf("%s: the answer repeats the token", name)
			}
		}
	}
	s.expect(call{method: "GET", path: "/me", header: map[string]string{"Authorization": "bearer " + k.Access}}, http.StatusOK)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	s := newSite(t).start()
	s.expect(call{method: "GET", path: "/nothing"}, http.StatusNotFound)
	a := s.expect(call{method: "GET", path: "/login"}, http.StatusMethodNotAllowed)
	if a.header.Get("Allow") != "POST" {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
}

func TestOtherSites(t *testing.T) {
	s := newSite(t)
	s.origins = []string{"https://app.example.com"}
	s.member()
	c := loginCall(alice, password)
	for origin, want := range map[string]int{"https://evil.example.net": http.StatusForbidden, "https://app.example.com": http.StatusOK} {
		c.header = map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": origin}
		s.expect(c, want)
	}
}
