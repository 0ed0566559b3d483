package dashboard_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// Each act does what it says once, is recorded with who did it and why, and does
// nothing the second time.
func TestActs(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	u := s.signUp("ada@example.com")
	path := "/users/" + u.ID
	phone, laptop := s.logIn(u, "198.51.100.7", iPhone), s.logIn(u, "198.51.100.7", firefox)
	s.logIn(u, "198.51.100.7", chrome)
	sessions := func() int {
		list, err := s.service.Sessions(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, c := range []struct {
		act  string
		form url.Values
		kind gatehouse.Kind
		left int // sessions
		page string
	}{
		{"end-session", url.Values{"session": {phone.ID}}, gatehouse.SessionEnded, 2, "The session is ended"},
		{"end-device", url.Values{"device": {laptop.Client.Device.ID}}, gatehouse.DeviceEnded, 1, "The device is signed out"},
		{"step-up", nil, gatehouse.StepUpRequired, 1, "needs the password"},
		{"end-all", nil, gatehouse.LoggedOutEverywhere, 0, "signed out everywhere"},
		{"lock", nil, gatehouse.AccountLocked, 0, "Unlock the account"},
		{"unlock", nil, gatehouse.AccountUnlocked, 0, "Lock the account"},
	} {
		if c.form == nil {
			c.form = url.Values{}
		}
		c.form.Set("reason", "ticket 12 <b>")
		a := b.post(path+"/"+c.act, c.form)
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, path+"?done=user-") {
			t.Fatalf("%s: %d %s %s", c.act, a.status, a.location, a.body)
		}
		contains(t, c.act, b.must(a.location), c.page, "ticket 12 &lt;b&gt;", "by administrator@example.com")
		if n := sessions(); n != c.left {
			t.Errorf("%s leaves %d sessions, want %d", c.act, n, c.left)
		}
		if a := b.post(path+"/"+c.act, c.form); a.location != path+"?done=user-over" {
			t.Errorf("%s for the second time: %d %s", c.act, a.status, a.location)
		}
		list := s.records(gatehouse.Query{User: u.ID, Kinds: []gatehouse.Kind{c.kind}})
		if len(list) != 1 || list[0].Actor != "administrator@example.com" || list[0].Account != u.Account || list[0].Reason != "ticket 12 <b>" {
			t.Errorf("%s is recorded as %+v", c.act, list)
		}
	}
	if r := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.SessionEnded, gatehouse.DeviceEnded}}); r[0].Device.ID != laptop.Client.Device.ID || r[1].Session != phone.ID {
		t.Errorf("recorded as %+v", r)
	}
	contains(t, "the page", b.must(path+"?done=user-over"), "nothing had to be done")
}

func TestRolesOnThePageOfAUser(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	s.signIn(accounts.Viewer)
	viewer, administrator, holder := s.operator("viewer@example.com"), s.operator("administrator@example.com"), s.signUp("ada@example.com")
	role := func(u accounts.User, role string) answer {
		return b.post("/users/"+u.ID+"/role", url.Values{"role": {role}, "reason": {"she asked"}})
	}
	for _, c := range []struct {
		of     accounts.User
		to     string
		status int
		role   accounts.Role // afterwards
	}{
		{viewer, "boss", http.StatusUnprocessableEntity, accounts.Viewer},
		{viewer, "", http.StatusUnprocessableEntity, accounts.Viewer},
		{holder, "viewer", http.StatusConflict, accounts.Holder}, // must be invited
		{administrator, "viewer", http.StatusConflict, accounts.Administrator},
		{administrator, "holder", http.StatusConflict, accounts.Administrator},
		{viewer, "viewer", http.StatusSeeOther, accounts.Viewer},
		{viewer, "analyst", http.StatusSeeOther, accounts.Analyst},
		{viewer, "holder", http.StatusSeeOther, accounts.Holder},
	} {
		if a := role(c.of, c.to); a.status != c.status {
			t.Errorf("%s to %q: %d %s", c.of.Account, c.to, a.status, a.body)
		}
		if u := s.operator(c.of.Account); u.Role != c.role {
			t.Errorf("%s to %q is %s", c.of.Account, c.to, u.Role)
		}
	}
	if a := b.post("/users/"+administrator.ID+"/lock", nil); a.status != http.StatusConflict || !strings.Contains(a.body, "last administrator") {
		t.Errorf("locking the last administrator: %d %s", a.status, a.body)
	}
	list := s.roleChanges()
	if len(list) != 2 || list[1].Reason != "viewer to analyst: she asked" || list[0].Reason != "analyst to holder: she asked" || list[0].Actor != administrator.Account {
		t.Errorf("recorded as %+v", list)
	}
}

// Who has not the role can neither act nor see a button for it.
func TestActsByRole(t *testing.T) {
	s := newSite(t)
	u := s.signUp("ada@example.com")
	session := s.logIn(u, "198.51.100.7", firefox)
	path := "/users/" + u.ID
	form := url.Values{"session": {session.ID}, "device": {session.Client.Device.ID}, "role": {"administrator"}}
	analysts, administrators := []string{"end-session", "end-device", "end-all", "step-up"}, []string{"lock", "unlock", "role"}
	for _, c := range []struct {
		role          accounts.Role
		refused, seen []string
	}{
		{accounts.Viewer, append(analysts, administrators...), nil},
		{accounts.Analyst, administrators, []string{"end-session", "end-device", "end-all", "step-up"}},
	} {
		b := s.signIn(c.role)
		for _, act := range c.refused {
			if a := b.post(path+"/"+act, form); a.status != http.StatusForbidden {
				t.Errorf("%s may %s: %d", c.role, act, a.status)
			}
		}
		body := b.must(path)
		for _, act := range append(analysts, administrators...) {
			if want, got := slices.Contains(c.seen, act), strings.Contains(body, path+"/"+act+`"`); want != got {
				t.Errorf("%s sees a button to %s: %v", c.role, act, got)
			}
		}
	}
	nobody := s.browser()
	for _, act := range append(analysts, administrators...) {
		if a := nobody.post(path+"/"+act, form); a.status != http.StatusSeeOther || a.location != "/login" {
			t.Errorf("nobody may %s: %d %s", act, a.status, a.location)
		}
	}
	if list, err := s.service.Sessions(t.Context(), u.ID); err != nil || len(list) != 1 {
		t.Errorf("%d sessions are left, %v", len(list), err)
	}
	if got := s.operator("ada@example.com"); got.Role != accounts.Holder || !got.Locked.IsZero() || !got.StepUp.IsZero() {
		t.Errorf("the account is %+v", got)
	}
}

// A session of somebody else is not ended in the name of a user.
func TestActsOnWhatIsNot(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Administrator)
	ada, bob := s.signUp("ada@example.com"), s.signUp("bob@example.com")
	session := s.logIn(bob, "198.51.100.7", firefox)
	path := "/users/" + ada.ID
	for _, c := range []struct {
		path string
		form url.Values
		want int
	}{
		{path + "/end-session", url.Values{"session": {session.ID}}, http.StatusSeeOther},
		{path + "/end-session", url.Values{}, http.StatusSeeOther},
		{path + "/end-device", url.Values{"device": {session.Client.Device.ID}}, http.StatusSeeOther},
		{path + "/end-device", url.Values{"device": {""}}, http.StatusSeeOther},
		{path + "/unlock", nil, http.StatusSeeOther},
		{path + "/fly", nil, http.StatusNotFound},
		{"/users/nobody/lock", nil, http.StatusNotFound},
		{"/users/%00/end-all", nil, http.StatusNotFound},
	} {
		a := b.post(c.path, c.form)
		if a.status != c.want && (c.want != http.StatusNotFound || a.status != http.StatusMethodNotAllowed) {
			t.Errorf("%s %v: %d %s", c.path, c.form, a.status, a.body)
		}
		if c.want == http.StatusSeeOther && a.location != path+"?done=user-over" {
			t.Errorf("%s %v: %s", c.path, c.form, a.location)
		}
	}
	if a := b.post(path+"/end-all", url.Values{"next": {"https://evil.example/"}}); a.location != path+"?done=user-over" {
		t.Errorf("it leads to %s", a.location)
	}
	if list, err := s.service.Sessions(t.Context(), bob.ID); err != nil || len(list) != 1 {
		t.Errorf("%d sessions of somebody else are left, %v", len(list), err)
	}
}

// Of many clicks at the same time one ends the session, and all are answered.
func TestActsAtTheSameTime(t *testing.T) {
	s := newSite(t)
	b := s.signIn(accounts.Analyst)
	u := s.signUp("ada@example.com")
	path := "/users/" + u.ID
	for _, c := range []struct {
		act  string
		kind gatehouse.Kind
	}{{"end-session", gatehouse.SessionEnded}, {"end-device", gatehouse.DeviceEnded}, {"end-all", gatehouse.LoggedOutEverywhere}} {
		session := s.logIn(u, "198.51.100.7", firefox)
		form := url.Values{"session": {session.ID}, "device": {session.Client.Device.ID}}
		var clicks sync.WaitGroup
		for range 64 {
			clicks.Go(func() {
				if a := b.post(path+"/"+c.act, form); a.status != http.StatusSeeOther {
					t.Errorf("%s: %d", c.act, a.status)
				}
			})
		}
		clicks.Wait()
		if n := len(s.records(gatehouse.Query{User: u.ID, Kinds: []gatehouse.Kind{c.kind}})); n != 1 {
			t.Errorf("%s is on record %d times", c.act, n)
		}
	}
}
