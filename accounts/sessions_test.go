package accounts_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func refresh(t *testing.T, s *accounts.Service, token string, want accounts.RotationOutcome) accounts.Grant {
	t.Helper()
	outcome, g, err := s.Refresh(t.Context(), token, client(firefox))
	if err != nil || outcome != want {
		t.Fatalf("Refresh = %v, %v; want %v", outcome, err, want)
	}
	if good := want == accounts.Rotated || want == accounts.Repeated; good != (g.AccessToken != "") || good != (g.RefreshToken != "") {
		t.Fatalf("outcome %v with tokens %+v", outcome, g)
	}
	return g
}

func TestRefreshRotates(t *testing.T) {
	clock := newClock()
	s := newService(t, accounts.Options{Now: clock.now})
	signup(t, s)
	first := login(t, s, firefox)
	if !strings.HasPrefix(first.RefreshToken, "ghr_") || len(first.RefreshToken) != 47 {
		t.Errorf("refresh token has the form %.4s… of %d bytes", first.RefreshToken, len(first.RefreshToken))
	}
	clock.advance(time.Hour)
	second := refresh(t, s, first.RefreshToken, accounts.Rotated)
	third := refresh(t, s, second.RefreshToken, accounts.Rotated)
	if first.RefreshToken == second.RefreshToken || second.RefreshToken == third.RefreshToken {
		t.Error("a token was handed out twice")
	}
	session, _, err := s.VerifyAccess(t.Context(), second.AccessToken)
	if err != nil || session.ID != first.Session.ID || !session.LastUsed.Equal(clock.now()) || session.Client.Device != first.Session.Client.Device {
		t.Errorf("session %+v, %v; want the first one, used now", session, err)
	}
}

func TestRacingRefreshesGetOneSuccessor(t *testing.T) {
	s := newService(t, accounts.Options{})
	signup(t, s)
	first := login(t, s, firefox)
	const racers = 64
	var tokens [racers]string
	var rotated sync.Map
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			outcome, g, err := s.Refresh(t.Context(), first.RefreshToken, client(firefox))
			if err != nil {
				t.Error(err)
			}
			if outcome == accounts.Rotated {
				rotated.Store(i, true)
			}
			tokens[i] = g.RefreshToken
		})
	}
	wg.Wait()
	n := 0
	rotated.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d of %d rotated, want 1", n, racers)
	}
	for _, token := range tokens {
		if token == "" || token != tokens[0] {
			t.Fatalf("successors %q and %q", token, tokens[0])
		}
	}
	refresh(t, s, tokens[0], accounts.Rotated)
}

func TestReuseEndsTheFamily(t *testing.T) {
	tests := []struct {
		name     string
		wait     time.Duration
		use      bool // the successor, before the first token comes back
		grace    time.Duration
		want     accounts.RotationOutcome
		nextWant accounts.RotationOutcome // of the newest token, afterwards
	}{
		{"within the grace", 9 * time.Second, false, 0, accounts.Repeated, accounts.Rotated},
		{"after the grace", 10 * time.Second, false, 0, accounts.Reused, accounts.SessionOver},
		{"successor used", time.Second, true, 0, accounts.Reused, accounts.SessionOver},
		{"no grace", 0, false, -1, accounts.Reused, accounts.SessionOver},
		{"longer grace", 30 * time.Second, false, time.Minute, accounts.Repeated, accounts.Rotated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock := newClock()
			s := newService(t, accounts.Options{Now: clock.now, RefreshGrace: tt.grace})
			signup(t, s)
			first := login(t, s, firefox)
			newest := refresh(t, s, first.RefreshToken, accounts.Rotated)
			if tt.use {
				newest = refresh(t, s, newest.RefreshToken, accounts.Rotated)
			}
			clock.advance(tt.wait)
			refresh(t, s, first.RefreshToken, tt.want)
			_, _, err := s.VerifyAccess(t.Context(), newest.AccessToken)
			if over := errors.Is(err, accounts.ErrSignedOut); over != (tt.want == accounts.Reused) {
				t.Errorf("access token afterwards: %v", err)
			}
			refresh(t, s, newest.RefreshToken, tt.nextWant)
		})
	}
}

func TestRefreshRefusesWhatIsNoToken(t *testing.T) {
	s := newService(t, accounts.Options{})
	signup(t, s)
	g := login(t, s, firefox)
	good := g.RefreshToken
	for _, token := range []string{
		"", "ghr_", good[4:], "ghx_" + good[4:], good + "A", good[:len(good)-1], " " + good, good + "\n",
		good[:20] + "\n" + good[20:], good[:20] + "\n" + good[21:], "ghr_" + strings.Repeat("A", 43), g.AccessToken, strings.Repeat("x", 1<<20),
	} {
		refresh(t, s, token, accounts.TokenUnknown)
	}
	refresh(t, s, good, accounts.Rotated)
}

func TestSessionsExpireUnused(t *testing.T) {
	clock := newClock()
	s := newService(t, accounts.Options{Now: clock.now})
	signup(t, s)
	g := login(t, s, firefox)
	clock.advance(719 * time.Hour)
	g = refresh(t, s, g.RefreshToken, accounts.Rotated) // each use starts the time anew
	clock.advance(719 * time.Hour)
	g = refresh(t, s, g.RefreshToken, accounts.Rotated)
	clock.advance(720 * time.Hour)
	refresh(t, s, g.RefreshToken, accounts.SessionOver)
}

func TestLogout(t *testing.T) {
	s := newService(t, accounts.Options{})
	u := signup(t, s)
	a, b, c := login(t, s, firefox), login(t, s, safari), login(t, s, safari)
	over := func(name string, g accounts.Grant, want bool) {
		t.Helper()
		if _, _, err := s.VerifyAccess(t.Context(), g.AccessToken); errors.Is(err, accounts.ErrSignedOut) != want {
			t.Errorf("%s: %v, want over: %v", name, err, want)
		}
	}
	for range 2 { // the second time nothing is left to do
		if err := s.Logout(t.Context(), a.Session); err != nil {
			t.Fatal(err)
		}
	}
	over("logged out", a, true)
	over("another session", b, false)
	refresh(t, s, a.RefreshToken, accounts.SessionOver)
	if n, err := s.LogoutEverywhere(t.Context(), u.ID); n != 2 || err != nil {
		t.Errorf("LogoutEverywhere = %d, %v; want 2", n, err)
	}
	over("everywhere", b, true)
	over("everywhere", c, true)
}

func TestDevices(t *testing.T) {
	clock := newClock()
	s := newService(t, accounts.Options{Now: clock.now})
	u := signup(t, s)
	first := login(t, s, firefox)
	start := clock.now()
	clock.advance(time.Minute)
	second := login(t, s, firefox)
	clock.advance(time.Minute)
	phone := login(t, s, safari)
	clock.advance(time.Minute)
	moved := client(firefox)
	moved.IP = netip.MustParseAddr("198.51.100.9")
	moved.Place = gatehouse.Place{Country: "NL", City: "Utrecht"}
	if _, _, err := s.Refresh(t.Context(), first.RefreshToken, moved); err != nil {
		t.Fatal(err)
	}

	list, err := s.SignedIn(t.Context(), u.ID)
	if err != nil || len(list) != 2 {
		t.Fatalf("SignedIn = %+v, %v; want 2 devices", list, err)
	}
	d := list[0]
	if d.Device != first.Session.Client.Device || len(d.Sessions) != 2 || !d.Created.Equal(start) || !d.LastUsed.Equal(clock.now()) ||
		d.IP != moved.IP || d.Place.City != "Utrecht" {
		t.Errorf("first device %+v", d)
	}
	if list[1].Device != phone.Session.Client.Device || list[1].Device.ID == d.Device.ID {
		t.Errorf("second device %+v", list[1])
	}

	for _, id := range []string{"", "x", phone.Session.ID} {
		if err := s.EndDevice(t.Context(), u.ID, id); !errors.Is(err, gatehouse.ErrNotFound) {
			t.Errorf("EndDevice(%q) = %v, want ErrNotFound", id, err)
		}
	}
	if err := s.EndDevice(t.Context(), "somebody else", d.Device.ID); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Errorf("somebody else ends it: %v, want ErrNotFound", err)
	}
	if err := s.EndDevice(t.Context(), u.ID, d.Device.ID); err != nil {
		t.Fatal(err)
	}
	refresh(t, s, second.RefreshToken, accounts.SessionOver)
	refresh(t, s, phone.RefreshToken, accounts.Rotated)
}
