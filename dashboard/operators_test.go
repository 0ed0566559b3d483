package dashboard_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

var invitePath = regexp.MustCompile(`id="invite-link">http://[^/]+(/invite\?token=[A-Za-z0-9._-]+)<`)

// invite makes a link, and returns its path.
func (b *browser) invite(email string, role accounts.Role) string {
	b.t.Helper()
	a := b.post("/operators/invite", url.Values{"email": {email}, "role": {string(role)}})
	m := invitePath.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || m == nil {
		b.t.Fatalf("inviting %s: %d %s", email, a.status, a.body)
	}
	return m[1]
}

// accept fills in the page of a link.
func (b *browser) accept(link, secret string) answer {
	b.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post("/invite", url.Values{"token": {u.Query().Get("token")}, "name": {"Eve"}, "password": {secret}})
}

// operator returns somebody with an account.
func (s *site) operator(account string) accounts.User {
	s.t.Helper()
	found, err := s.service.Search(s.t.Context(), account, "", 1)
	if err != nil || len(found) != 1 || found[0].Account != account {
		s.t.Fatalf("%s: %v %v", account, found, err)
	}
	return found[0]
}

// roleChanges returns what the log says of changes of roles, newest first.
func (s *site) roleChanges() []gatehouse.Record {
	s.t.Helper()
	return s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.RoleChanged}})
}

func (s *site) records(q gatehouse.Query) (found []gatehouse.Record) {
	s.t.Helper()
	for r, err := range s.store.Query(s.t.Context(), q) {
		if err != nil {
			s.t.Fatal(err)
		}
		found = append(found, r)
	}
	return found
}

func TestInviteSomebodyNew(t *testing.T) {
	s := newSite(t)
	ada := s.signIn(accounts.Administrator)
	link := ada.invite("Eve@example.com", accounts.Analyst)
	if again := ada.get("/operators"); strings.Contains(again.body, "token=") {
		t.Error("the link is shown again")
	}
	eve := s.browser()
	if a := eve.get(link); a.status != http.StatusOK || !strings.Contains(a.body, "administrator@example.com invites eve@example.com") || !strings.Contains(a.body, "new-password") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := eve.accept(link, "eve"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "too short") {
		t.Fatalf("a bad password: %d %s", a.status, a.body)
	}
	if a := eve.accept(link, "nine loud otters"); a.status != http.StatusSeeOther || a.location != "/?done=invited" {
		t.Fatalf("%d %s %s", a.status, a.location, a.body)
	}
	if a := eve.get("/blocks"); a.status != http.StatusOK || !strings.Contains(a.body, `action="/blocks/place"`) {
		t.Errorf("as an analyst: %d", a.status)
	}
	log := s.roleChanges()
	if len(log) != 1 || log[0].Actor != "administrator@example.com" || log[0].Account != "eve@example.com" || log[0].Reason != "invited as analyst" {
		t.Errorf("on record: %+v", log)
	}
	for _, a := range []answer{s.browser().get(link), s.browser().accept(link, "nine loud otters"), s.browser().accept(link, "other words here")} {
		if a.status != http.StatusNotFound {
			t.Errorf("the link again: %d", a.status)
		}
	}
}

func TestInviteAnAccountThatThereIs(t *testing.T) {
	s := newSite(t)
	ada := s.signIn(accounts.Administrator)
	s.signIn(accounts.Holder)
	link := ada.invite("holder@example.com", accounts.Viewer)
	b := s.browser()
	if a := b.get(link); a.status != http.StatusOK || !strings.Contains(a.body, "current-password") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.accept(link, "not the password"); a.status != http.StatusUnauthorized || s.operator("holder@example.com").Role != accounts.Holder {
		t.Fatalf("with another password: %d", a.status)
	}
	if a := b.accept(link, password); a.location != "/?done=invited" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("signed in: %d", a.status)
	}
	if a := ada.post("/operators/invite", url.Values{"email": {"holder@example.com"}, "role": {"analyst"}}); a.status != http.StatusConflict {
		t.Errorf("who has a role is invited: %d", a.status)
	}

	// What was taken away does not come back by the old link.
	ada.post("/users/"+s.operator("holder@example.com").ID+"/role", url.Values{"role": {"holder"}, "reason": {"left"}})
	if a := b.get("/"); a.status != http.StatusForbidden {
		t.Errorf("with the role taken away: %d", a.status)
	}
	if a := b.accept(link, password); a.status != http.StatusNotFound || s.operator("holder@example.com").Role != accounts.Holder {
		t.Errorf("the old link: %d", a.status)
	}
}

// Of many who use one link at the same time one gets the account.
func TestInviteManyAtOnce(t *testing.T) {
	s := newSite(t)
	link := s.signIn(accounts.Administrator).invite("eve@example.com", accounts.Viewer)
	answers := make(chan answer, 16)
	for i := range cap(answers) {
		go func() { answers <- s.browser().accept(link, fmt.Sprintf("nine loud otters %d", i)) }()
	}
	won := 0
	for range cap(answers) {
		switch a := <-answers; {
		case a.location == "/?done=invited":
			won++
		case a.status != http.StatusConflict && a.status != http.StatusNotFound:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := len(s.roleChanges()); won != 1 || n != 1 {
		t.Errorf("%d got the account, %d are on record", won, n)
	}
}

func TestInvitationsThatAreNotGood(t *testing.T) {
	s := newSite(t)
	ada := s.signIn(accounts.Administrator)
	if _, err := s.service.CreateOperator(t.Context(), "bob@example.com", password, "Bob", accounts.Administrator); err != nil {
		t.Fatal(err)
	}
	bad := func(when, link string) {
		t.Helper()
		if a := s.browser().get(link); a.status != http.StatusNotFound {
			t.Errorf("%s, its page: %d", when, a.status)
		}
		if a := s.browser().accept(link, password); a.status != http.StatusNotFound {
			t.Errorf("%s, accepted: %d", when, a.status)
		}
	}
	link := ada.invite("eve@example.com", accounts.Viewer)
	bad("none", "/invite?token=")
	bad("without its signature", strings.SplitAfter(link, ".")[0])
	bad("another signature", link[:len(link)-4]+"AAAA")
	bad("a letter of it changed", strings.Replace(link, "token=ey", "token=eX", 1))
	for at := strings.Index(link, "=") + 1; at < len(link); at++ {
		other := byte('A')
		if link[at] == other {
			other = 'B'
		}
		forged := link[:at] + string(other) + link[at+1:]
		if a := s.browser().get(forged); a.status != http.StatusNotFound {
			t.Errorf("with its character %d changed: %d", at, a.status)
		}
	}
	bad("too long", "/invite?token="+strings.Repeat("a", 60<<10))

	s.advance(24*time.Hour + time.Second)
	bad("a day later", link)
	s.advance(-24*time.Hour - time.Second)
	if a := s.browser().get(link); a.status != http.StatusOK {
		t.Errorf("in time: %d", a.status)
	}

	// An administrator who is none any more gets nobody in, least of all themselves.
	self := s.operator("administrator@example.com")
	if a := ada.post("/users/"+self.ID+"/role", url.Values{"role": {"viewer"}, "reason": {"less is more"}, "next": {"/"}}); a.location != "/?done=user-role" {
		t.Fatalf("stepping down: %d %s", a.status, a.body)
	}
	bad("its sender is no administrator", link)
}

func TestOperators(t *testing.T) {
	s := newSite(t)
	ada := s.signIn(accounts.Administrator)
	eve := s.signIn(accounts.Analyst)
	s.signIn(accounts.Holder)
	list := ada.get("/operators").body
	if !strings.Contains(list, "administrator@example.com") || !strings.Contains(list, "analyst@example.com") || strings.Contains(list, "holder@example.com") {
		t.Errorf("not the list of those with a role: %s", list)
	}
	if strings.Contains(list, "never") || !strings.Contains(list, "just now") {
		t.Error("it does not say when they signed in")
	}
	change := func(who, role, reason string) answer {
		t.Helper()
		return ada.post("/users/"+s.operator(who).ID+"/role", url.Values{"role": {role}, "reason": {reason}, "next": {"/operators"}})
	}
	if a := change("administrator@example.com", "analyst", "retiring"); a.status != http.StatusConflict || !strings.Contains(a.body, "last administrator") {
		t.Errorf("the last administrator: %d", a.status)
	}
	if n := len(s.roleChanges()); n != 0 {
		t.Fatalf("%d changes on record", n)
	}
	if a := change("analyst@example.com", "viewer", "on leave <script>"); a.location != "/operators?done=user-role" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	log := s.roleChanges()
	if len(log) != 1 || log[0].Actor != "administrator@example.com" || log[0].Account != "analyst@example.com" || log[0].Reason != "analyst to viewer: on leave <script>" {
		t.Errorf("on record: %+v", log)
	}
	if a := eve.get("/blocks"); a.status != http.StatusOK || strings.Contains(a.body, `action="/blocks/place"`) {
		t.Errorf("as a viewer: %d", a.status)
	}
	live, err := eve.http.Get(s.url + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, live.Body)
		ended <- err
	}()
	if a := change("analyst@example.com", "holder", "gone"); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	select {
	case err := <-ended:
		if live.StatusCode != http.StatusOK || err != nil {
			t.Errorf("the live feed: %d %v", live.StatusCode, err)
		}
	case <-time.After(10 * time.Second): // its pulse is slower
		t.Error("the live feed goes on without the role")
	}
	if a := eve.get("/"); a.status != http.StatusForbidden {
		t.Errorf("without a role: %d", a.status)
	}
	if list := ada.get("/operators").body; strings.Contains(list, "analyst@example.com") {
		t.Error("who has no role is listed")
	}
}
