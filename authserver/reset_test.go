package authserver_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// postOffice is an outbox that hands over at once what it is given, as the worker
// would, and keeps what arrives.
type postOffice struct {
	t       testing.TB
	mailer  *accountmail.Mailer
	mu      sync.Mutex
	waiting []outbox.Delivery
	arrived []notify.Message
	changed chan struct{}
	err     error
}

func (o *postOffice) Enqueue(ctx context.Context, list ...outbox.Delivery) error {
	o.mu.Lock()
	err := o.err
	o.waiting = append(o.waiting, list...)
	o.mu.Unlock()
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := d.Check(); err != nil {
			o.t.Error(err)
		}
		if err := o.mailer.Notifier(o).Send(ctx, d.Message); err != nil {
			o.t.Error(err)
		}
	}
	return nil
}

func (o *postOffice) Send(_ context.Context, m notify.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.arrived = append(o.arrived, m)
	close(o.changed)
	o.changed = make(chan struct{})
	return nil
}

// mails returns what has arrived once that are n.
func (o *postOffice) mails(n int) []notify.Message {
	o.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		o.mu.Lock()
		got, changed := slices.Clone(o.arrived), o.changed
		o.mu.Unlock()
		if len(got) >= n {
			if len(got) > n {
				o.t.Fatalf("%d mails, want %d: %+v", len(got), n, got)
			}
			return got
		}
		select {
		case <-changed:
		case <-limit:
			o.t.Fatalf("%d mails, want %d", len(got), n)
		}
	}
}

// last returns the newest of n mails and the token of its link.
func (o *postOffice) last(n int) (notify.Message, string) {
	o.t.Helper()
	m := o.mails(n)[n-1]
	u, err := url.Parse(m.Links[0].URL)
	if err != nil || !strings.HasPrefix(m.Links[0].URL, "https://login.example.com/auth/account/") {
		o.t.Fatalf("the link is %q", m.Links[0].URL)
	}
	return m, u.Query().Get("token")
}

// mailed starts a site with Alice's account that sends mail.
func mailed(t testing.TB, change func(*site, *accountmail.Options)) (*site, *postOffice) {
	t.Helper()
	s := newSite(t)
	office := &postOffice{t: t, changed: make(chan struct{})}
	s.mail = func(service *accounts.Service) *accountmail.Mailer {
		o := accountmail.Options{
			Accounts: service, Outbox: office, PublicURL: "https://login.example.com/auth/", Now: s.now, Delay: time.Millisecond,
			OnError: func(_ context.Context, doing string, err error) { t.Logf("could not %s: %v", doing, err) },
		}
		if change != nil {
			change(s, &o)
		}
		m, err := accountmail.New(o)
		if err != nil {
			t.Fatal(err)
		}
		office.mailer = m
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		return m
	}
	return s.member(), office
}

// settled checks that n mails have come of all that was left for later: a request
// for Bob's account is looked into after that, and its mail is the next one.
func (s *site) settled(office *postOffice, n int) {
	s.t.Helper()
	const bob = "bob@example.com"
	s.do(call{method: "POST", path: "/signup", body: object("email", bob, "password", password, "name", "Bob")})
	c := forgotCall(bob)
	c.header = from(firefox, "203.0.113.200")
	s.expect(c, http.StatusAccepted)
	if m, _ := office.last(n + 1); m.To != bob {
		s.t.Errorf("mail %d is about %s, to %s", n+1, m.Event, m.To)
	}
}

func forgotCall(email string) call {
	return call{method: "POST", path: "/password/forgot", body: object("email", email)}
}

func resetCall(token, password string) call {
	return call{method: "POST", path: "/password/reset", body: object("token", token, "new_password", password)}
}

const newPassword = "eight loud cormorants"

func TestPasswordReset(t *testing.T) {
	s, office := mailed(t, nil)
	before := s.tokens(loginCall(alice, password))
	s.expect(forgotCall("ALICE@example.com"), http.StatusAccepted)
	m, token := office.last(1)
	if m.To != alice || m.Event != gatehouse.PasswordResetRequested || m.Kind != notify.Notice {
		t.Errorf("the mail: %+v", m)
	}
	if strings.Contains(office.waiting[0].Message.Links[0].URL, token) || !strings.HasPrefix(token, "ghl_") {
		t.Errorf("what waits has the token: %s", office.waiting[0].Message.Links[0].URL)
	}
	a := s.expect(resetCall(token, "alice@example.com"), http.StatusUnprocessableEntity) // and the link is still good
	if !strings.Contains(a.body, "easy to guess") {
		t.Errorf("a bad password: %s", a.body)
	}
	s.expect(resetCall(token, newPassword), http.StatusNoContent)
	s.expect(refreshCall(before.Refresh), http.StatusUnauthorized)
	s.expect(call{method: "GET", path: "/me", bearer: before.Access}, http.StatusUnauthorized)
	s.expect(loginCall(alice, password), http.StatusUnauthorized)
	s.tokens(loginCall(alice, newPassword))
	s.expect(resetCall(token, "nine brave puffins"), http.StatusBadRequest)
	if m, _ := office.last(2); m.Event != gatehouse.PasswordReset {
		t.Errorf("the notice: %+v", m)
	}
	for kind, want := range map[gatehouse.Kind]int{
		gatehouse.PasswordResetRequested: 1, gatehouse.PasswordReset: 1, gatehouse.PasswordResetFailed: 2,
	} {
		if got := s.count(kind); got != want {
			t.Errorf("%d records of %s, want %d", got, kind, want)
		}
	}
	user := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.SignupSucceeded}})[0].User
	if r := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.PasswordReset}})[0]; r.User != user || r.Account != alice {
		t.Errorf("recorded about %+v", r.Subject)
	}
}

// Every link that is of no use is answered alike, and 64 uses of a good one set
// one password.
func TestLinksThatAreOfNoUse(t *testing.T) {
	s, office := mailed(t, func(s *site, _ *accountmail.Options) { s.rules.BruteForce.Limit.Threshold = 1000 })
	s.do(forgotCall(alice))
	_, token := office.last(1)
	statuses := make([]answer, 64)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() { statuses[i] = s.do(resetCall(token, newPassword)) })
	}
	wg.Wait()
	good := 0
	for _, a := range statuses {
		if a.status == http.StatusNoContent {
			good++
		} else if a.status != http.StatusBadRequest {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if good != 1 {
		t.Errorf("%d of 64 uses worked", good)
	}
	office.mails(2) // the notice of it
	s.do(forgotCall(alice))
	_, expired := office.last(3)
	s.advance(time.Hour)
	disown := office.mails(3)[1].Links[0].URL
	_, disown, _ = strings.Cut(disown, "token=")
	var bodies []string
	for name, token := range map[string]string{
		"used": token, "expired": expired, "of another purpose": disown, "unknown": "ghl_" + strings.Repeat("A", 43),
		"no token": "x", "a refresh token": "ghr_" + strings.Repeat("A", 43), "spelled in another way": token[:46] + "B",
	} {
		a := s.expect(resetCall(token, newPassword), http.StatusBadRequest)
		bodies = append(bodies, a.body)
		if a.body != bodies[0] {
			t.Errorf("%s: %s, others %s", name, a.body, bodies[0])
		}
	}
}

// Guesses at links are counted like those at passwords, and old links are no
// guesses.
func TestGuessesAtLinks(t *testing.T) {
	s, office := mailed(t, nil)
	s.do(forgotCall(alice))
	_, token := office.last(1)
	s.expect(resetCall(token, newPassword), http.StatusNoContent)
	for range 8 {
		s.expect(resetCall(token, newPassword), http.StatusBadRequest)
	}
	guess := func() answer { return s.do(resetCall("ghl_"+strings.Repeat("A", 43), newPassword)) }
	for range 5 {
		if a := guess(); a.status != http.StatusBadRequest {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := guess(); a.status != http.StatusTooManyRequests {
		t.Errorf("the sixth guess: %d", a.status)
	}
	if n := s.count(gatehouse.BruteForceDetected); n != 1 {
		t.Errorf("%d findings", n)
	}
	s.expect(forgotCall(alice), http.StatusTooManyRequests) // the address is blocked
	office.mails(2)
}

// Known and unknown accounts get the same answer, to the byte but for the
// correlation ID and the time.
func TestForgotIsNoOracle(t *testing.T) {
	s, office := mailed(t, nil)
	for i := range 4 {
		known, unknown := s.do(forgotCall(alice)), s.do(forgotCall("nobody@example.com"))
		for _, a := range []answer{known, unknown} {
			a.header.Del("X-Correlation-Id")
			a.header.Del("Date")
		}
		k, _ := json.Marshal(known.header)
		u, _ := json.Marshal(unknown.header)
		if known.status != unknown.status || known.body != unknown.body || string(k) != string(u) || known.status != http.StatusAccepted {
			t.Errorf("request %d:\n%d %s %s\n%d %s %s", i+1, known.status, k, known.body, unknown.status, u, unknown.body)
		}
	}
	s.settled(office, 3) // and no fourth one
	for i := range 13 {
		if a := s.do(forgotCall("no address")); (a.status == http.StatusAccepted) != (i < 12) {
			t.Errorf("request %d of one address: %d", i+9, a.status)
		}
	}
	records := s.records(gatehouse.Query{Kinds: []gatehouse.Kind{gatehouse.PasswordResetRequested, gatehouse.PasswordResetRefused}})
	if len(records) != 22 || records[21].Kind != gatehouse.PasswordResetRefused || records[21].Reason != "limited" {
		t.Errorf("%d records, the last one %+v", len(records), records[len(records)-1])
	}
	s.advance(time.Hour)
	s.expect(forgotCall(alice), http.StatusAccepted)
	office.mails(5)
}

// Without mail all is answered as with it.
func TestForgotWithoutMail(t *testing.T) {
	s := newSite(t).member()
	s.expect(forgotCall(alice), http.StatusAccepted)
	s.expect(resetCall("ghl_"+strings.Repeat("A", 43), newPassword), http.StatusBadRequest)
	s.expect(forgotCall(""), http.StatusBadRequest)
}

// from is a login on another device or from another place.
func from(userAgent, ip string) map[string]string {
	return map[string]string{"User-Agent": userAgent, "X-Forwarded-For": ip}
}

func TestNewDeviceAndThisWasNotMe(t *testing.T) {
	s, office := mailed(t, nil)
	mine := s.tokens(loginCall(alice, password))
	s.tokens(loginCall(alice, password)) // nothing is new
	c := loginCall(alice, password)
	c.header = from(safari, "198.51.100.7")
	theirs := s.tokens(c)
	m, token := office.last(1)
	text := m.Title + m.Text
	for _, f := range m.Facts {
		text += "\n" + f.Name + ": " + f.Value
	}
	for _, want := range []string{"new device", "Account: " + alice, "Place: Utrecht, NL", "Device: Safari", "Address: 198.51.100.7"} {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if m.To != alice || m.Time.Location() != time.UTC {
		t.Errorf("the mail: %+v", m)
	}
	// The stranger changes the password; the link must survive that.
	s.expect(call{method: "POST", path: "/password", bearer: theirs.Access, body: object("current_password", password, "new_password", newPassword), header: c.header}, http.StatusNoContent)
	office.mails(2)

	page := s.page("GET", "/account/not-me", url.Values{"token": {token}})
	if page.status != http.StatusOK || s.count(gatehouse.LoginDisowned) != 0 {
		t.Fatalf("GET: %d, or it did something", page.status)
	}
	s.tokens(refreshCall(theirs.Refresh)) // nothing has happened yet
	if page := s.page("POST", "/account/not-me", url.Values{"token": {token}}); page.status != http.StatusOK {
		t.Fatalf("POST: %d %s", page.status, page.body)
	}
	s.expect(refreshCall(mine.Refresh), http.StatusUnauthorized)
	s.expect(call{method: "GET", path: "/me", bearer: theirs.Access}, http.StatusUnauthorized)
	s.expect(loginCall(alice, newPassword), http.StatusUnauthorized)
	s.expect(loginCall(alice, password), http.StatusUnauthorized)
	m, reset := office.last(3)
	if m.Event != gatehouse.LoginDisowned {
		t.Errorf("the mail: %+v", m)
	}
	if page := s.page("POST", "/account/not-me", url.Values{"token": {token}}); page.status != http.StatusBadRequest {
		t.Errorf("a second time: %d", page.status)
	}
	bad := s.page("POST", "/account/reset", url.Values{"token": {reset}, "new_password": {"short"}})
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `role="alert"`) || !strings.Contains(bad.body, reset) {
		t.Errorf("a bad password: %d %s", bad.status, bad.body)
	}
	if page := s.page("POST", "/account/reset", url.Values{"token": {reset}, "new_password": {"nine brave puffins"}}); page.status != http.StatusOK {
		t.Fatalf("reset: %d %s", page.status, page.body)
	}
	s.tokens(loginCall(alice, "nine brave puffins"))
	if s.count(gatehouse.LoginDisowned) != 1 || s.count(gatehouse.PasswordReset) != 1 {
		t.Error("not on record")
	}
}

// page asks for a page, as a browser with a form does.
func (s *site) page(method, path string, values url.Values) answer {
	s.t.Helper()
	c := call{method: method, path: path, header: map[string]string{}}
	if method == "GET" {
		c.path += "?" + values.Encode()
	} else {
		c.body = values.Encode()
		c.header["Content-Type"] = "application/x-www-form-urlencoded"
		c.header["Sec-Fetch-Site"] = "same-origin"
	}
	return s.do(c)
}

func TestPages(t *testing.T) {
	s, _ := mailed(t, nil)
	hostile := `"><script>alert(1)</script>`
	for _, path := range []string{"/account/reset", "/account/not-me"} {
		a := s.page("GET", path, url.Values{"token": {hostile}})
		if a.status != http.StatusOK || strings.Contains(a.body, "alert(1)<") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Content-Type": "text/html; charset=utf-8",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for what, status := range map[string]int{"": 400, strings.Repeat("x", 200): 400} {
			if a := s.page("GET", path, url.Values{"token": {what}}); a.status != status || strings.Contains(a.body, "<form") {
				t.Errorf("%s with token %q: %d %s", path, what, a.status, a.body)
			}
			if a := s.page("POST", path, url.Values{"token": {what}, "new_password": {newPassword}}); a.status != status {
				t.Errorf("%s sent with token %q: %d %s", path, what, a.status, a.body)
			}
		}
		for name, c := range map[string]call{
			"another site": {header: map[string]string{"Sec-Fetch-Site": "cross-site"}},
			"JSON":         {header: map[string]string{"Content-Type": "application/json"}},
			"a long body":  {body: "token=" + strings.Repeat("x", 20<<10)},
		} {
			c.method, c.path = "POST", path
			if c.body == "" {
				c.body = "token=x"
			}
			if c.header["Content-Type"] == "" {
				c.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": c.header["Sec-Fetch-Site"]}
			}
			if a := s.do(c); a.status != 403 && a.status != 415 && a.status != 413 {
				t.Errorf("%s, %s: %d %s", path, name, a.status, a.body)
			}
		}
		// A browser that does not say Sec-Fetch-Site, told to say nothing of where it is.
		c := call{method: "POST", path: path, body: "token=ghl_x&new_password=x", header: map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Origin": "null"}}
		if a := s.do(c); a.status != http.StatusBadRequest || !strings.Contains(a.body, "does not work") {
			t.Errorf("%s from an unknown origin: %d %s", path, a.status, a.body)
		}
	}
}

func TestNotices(t *testing.T) {
	s, office := mailed(t, func(_ *site, o *accountmail.Options) { o.Notices = 3 })
	mine := s.tokens(loginCall(alice, password))
	s.expect(call{method: "POST", path: "/logout-all", bearer: mine.Access}, http.StatusNoContent)
	if m, _ := office.last(1); m.Event != gatehouse.LoggedOutEverywhere {
		t.Errorf("%+v", m)
	}
	// Guesses from two addresses are told of once.
	for _, ip := range []string{"203.0.113.1", "203.0.113.2"} {
		for range 6 {
			c := loginCall(alice, "wrong")
			c.header = from(firefox, ip)
			s.do(c)
		}
	}
	m, _ := office.last(2)
	if m.Event != gatehouse.BruteForceDetected || !strings.Contains(m.Text, "blocked until") {
		t.Errorf("%+v", m)
	}
	for range 6 { // nobody is told of those at no account
		c := loginCall("nobody@example.com", "wrong")
		c.header = from(firefox, "203.0.113.3")
		s.do(c)
	}
	s.settled(office, 2)
	for range 5 {
		k := s.tokens(loginCall(alice, password))
		s.expect(call{method: "POST", path: "/logout-all", bearer: k.Access}, http.StatusNoContent)
		office.mails(4)
	}
	s.advance(time.Hour + time.Second)
	k := s.tokens(loginCall(alice, password))
	s.expect(call{method: "POST", path: "/logout-all", bearer: k.Access}, http.StatusNoContent)
	m, _ = office.last(5)
	if f := m.Facts[len(m.Facts)-1]; f.Name != "Left out" || !strings.HasPrefix(f.Value, "4 ") {
		t.Errorf("the surplus: %+v", m.Facts)
	}
}

// A login succeeds whatever becomes of its notice.
func TestLoginWithADeadOutbox(t *testing.T) {
	s, office := mailed(t, nil)
	s.tokens(loginCall(alice, password))
	office.mu.Lock()
	office.err = gatehouse.ErrUnavailable
	office.mu.Unlock()
	c := loginCall(alice, password)
	c.header = from(safari, "198.51.100.7")
	s.tokens(c)
	s.expect(forgotCall(alice), http.StatusAccepted)
	office.mails(0)
}
