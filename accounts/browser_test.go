package accounts_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func loginBrowser(t testing.TB, s *accounts.Service, ttl time.Duration) accounts.BrowserGrant {
	t.Helper()
	_, g, err := s.LoginBrowser(t.Context(), accounts.Login{Account: "alice@example.com", Password: goodPassword, Client: client(firefox)}, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestBrowserSession(t *testing.T) {
	c := newClock()
	s := newService(t, accounts.Options{Now: c.now})
	ctx := t.Context()
	u := signup(t, s)
	g := loginBrowser(t, s, time.Hour)
	verify := func() (accounts.Session, error) {
		t.Helper()
		moved := client(firefox)
		moved.IP = netip.MustParseAddr("192.0.2.99")
		session, user, err := s.VerifyBrowser(ctx, g.Cookie, moved, time.Hour)
		if err == nil && (user.ID != u.ID || session.ID != g.Session.ID) {
			t.Errorf("session %s of user %s", session.ID, user.ID)
		}
		return session, err
	}
	began := c.now()
	for _, step := range []struct {
		after, used, left time.Duration
	}{
		{30 * time.Second, 0, time.Hour - 30*time.Second}, // not written again
		{29 * time.Second, 0, time.Hour - 59*time.Second},
		{time.Second, time.Minute, time.Hour},
		{50 * time.Minute, 51 * time.Minute, time.Hour},
		{-10 * time.Minute, 41 * time.Minute, time.Hour}, // a clock that steps back
	} {
		c.advance(step.after)
		if _, err := verify(); err != nil {
			t.Fatalf("after %s: %v", step.after, err)
		}
		session, err := verify() // as it is kept
		if err != nil || !session.LastUsed.Equal(began.Add(step.used)) || session.Expires.Sub(c.now()) != step.left {
			t.Errorf("after %s: %+v, %v", step.after, session, err)
		}
		if at := session.Client.IP.String(); (at == "192.0.2.99") != (step.used > 0) || session.Client.Device != g.Session.Client.Device {
			t.Errorf("after %s: used by %+v", step.after, session.Client)
		}
	}
	c.advance(time.Hour)
	if _, err := verify(); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("once it has expired: %v", err)
	}
}

// A door that knows no places does not make the one that is known unknown.
func TestBrowserSessionKeepsItsPlace(t *testing.T) {
	c := newClock()
	s := newService(t, accounts.Options{Now: c.now})
	signup(t, s)
	l := accounts.Login{Account: "alice@example.com", Password: goodPassword, Client: client(firefox)}
	l.Client.Place = gatehouse.Place{Country: "PT"}
	_, g, err := s.LoginBrowser(t.Context(), l, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ ip, country string }{{"192.0.2.7", "PT"}, {"192.0.2.8", ""}} {
		c.advance(2 * time.Minute)
		from := client(firefox)
		from.IP = netip.MustParseAddr(tt.ip)
		session, _, err := s.VerifyBrowser(t.Context(), g.Cookie, from, time.Hour)
		if err != nil || session.Client.Place.Country != tt.country {
			t.Errorf("from %s: %+v, %v", tt.ip, session.Client.Place, err)
		}
	}
}

func TestBrowserSessionEnds(t *testing.T) {
	for name, end := range map[string]func(*accounts.Service, accounts.Session) error{
		"logout": func(s *accounts.Service, ss accounts.Session) error { return s.Logout(t.Context(), ss) },
		"ended":  func(s *accounts.Service, ss accounts.Session) error { return s.EndSession(t.Context(), ss.User, ss.ID) },
		"everyone": func(s *accounts.Service, ss accounts.Session) error {
			_, err := s.LogoutEverywhere(t.Context(), ss.User)
			return err
		},
		"locked": func(s *accounts.Service, ss accounts.Session) error {
			_, err := s.Lock(t.Context(), ss.User)
			return err
		},
		"device": func(s *accounts.Service, ss accounts.Session) error {
			return s.EndDevice(t.Context(), ss.User, ss.Client.Device.ID)
		},
		"password": func(s *accounts.Service, ss accounts.Session) error {
			return s.ChangePassword(t.Context(), ss.User, goodPassword, "nine loud magpies", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, accounts.Options{})
			signup(t, s)
			g := loginBrowser(t, s, time.Hour)
			if err := end(s, g.Session); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.VerifyBrowser(t.Context(), g.Cookie, client(firefox), time.Hour); !errors.Is(err, accounts.ErrSignedOut) {
				t.Errorf("VerifyBrowser: %v", err)
			}
		})
	}
}

func TestSessionsOfOneUser(t *testing.T) {
	s := newService(t, accounts.Options{})
	u := signup(t, s)
	other, err := s.Signup(t.Context(), "bob@example.com", goodPassword, "Bob")
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := loginBrowser(t, s, time.Hour), loginBrowser(t, s, time.Hour), login(t, s, safari)
	for name, try := range map[string][2]string{
		"of another user": {other.ID, a.Session.ID}, "no session": {u.ID, ""}, "unknown": {u.ID, "x"}, "nobody": {"", a.Session.ID},
	} {
		if err := s.EndSession(t.Context(), try[0], try[1]); err == nil {
			t.Errorf("%s was ended", name)
		}
	}
	if live, err := s.Sessions(t.Context(), u.ID); err != nil || len(live) != 3 {
		t.Errorf("%d sessions, %v", len(live), err)
	}
	if err := s.EndSession(t.Context(), u.ID, b.Session.ID); err != nil {
		t.Error(err)
	}
	if err := s.EndSession(t.Context(), u.ID, b.Session.ID); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("a second time: %v", err)
	}
	if n, err := s.LogoutOthers(t.Context(), a.Session); n != 1 || err != nil {
		t.Errorf("LogoutOthers: %d, %v", n, err)
	}
	if _, _, err := s.VerifyAccess(t.Context(), c.AccessToken); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("another session after LogoutOthers: %v", err)
	}
	if _, _, err := s.VerifyBrowser(t.Context(), a.Cookie, client(firefox), time.Hour); err != nil {
		t.Errorf("the one that was kept: %v", err)
	}
}

func TestCookiesThatAreNotGood(t *testing.T) {
	store := newStore(t)
	s := newService(t, accounts.Options{Store: store})
	signup(t, s)
	g := loginBrowser(t, s, time.Hour)
	foreign := newService(t, accounts.Options{Store: store}) // with keys of its own
	api := login(t, s, firefox)
	cookies := map[string]string{
		"empty":                       "",
		"the session's ID":            g.Session.ID,
		"of an API session":           s.SessionCookie(api.Session.ID), // which nobody can make
		"of another server":           foreign.SessionCookie(g.Session.ID),
		"of no session":               s.SessionCookie("none"),
		"of an empty ID":              s.SessionCookie(""),
		"an access token":             api.AccessToken,
		"a refresh token":             api.RefreshToken,
		"the device cookie":           g.DeviceCookie,
		"twice":                       g.Cookie + g.Cookie,
		"long":                        g.Cookie + strings.Repeat("A", 1<<20),
		"another session's proof":     strings.Replace(g.Cookie, g.Session.ID, api.Session.ID, 1),
		"without a version":           strings.TrimPrefix(g.Cookie, "1."),
		"of another version":          "2." + strings.TrimPrefix(g.Cookie, "1."),
		"with a line break":           g.Cookie + "\n",
		"with a space":                " " + g.Cookie,
		"in another alphabet":         strings.NewReplacer("-", "+", "_", "/").Replace(g.Cookie) + "=",
		"with a dot for the ID":       "1.." + strings.Split(g.Cookie, ".")[2],
		"in capitals":                 strings.ToUpper(g.Cookie),
		"an access token of a cookie": "Bearer " + g.Cookie,
	}
	for i := range len(g.Cookie) {
		cookies["truncated to "+g.Cookie[:i]] = g.Cookie[:i]
		flipped := []byte(g.Cookie)
		flipped[i] ^= 1
		cookies["flipped to "+string(flipped)] = string(flipped)
	}
	for name, cookie := range cookies {
		if session, u, err := s.VerifyBrowser(t.Context(), cookie, client(firefox), time.Hour); !errors.Is(err, accounts.ErrSignedOut) || session.ID != "" || u.ID != "" {
			t.Errorf("%s: %v, session %q of %q", name, err, session.ID, u.ID)
		}
	}
	if _, _, err := s.VerifyAccess(t.Context(), g.Cookie); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("a cookie as an access token: %v", err)
	}
	if _, _, err := s.VerifyBrowser(t.Context(), g.Cookie, client(firefox), time.Hour); err != nil {
		t.Errorf("the cookie itself: %v", err)
	}
}
