package authserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// call is a request of somebody who is signed in.
type call struct {
	httpguard.Request
	session accounts.Session
	user    accounts.User
}

// event returns an event of this kind about the caller.
func (s *Server) event(c call, kind gatehouse.Kind) gatehouse.Event {
	e := c.Event(kind)
	e.Time = s.now()
	e.User, e.Session, e.Device = c.session.User, c.session.ID, c.session.Client.Device
	return e
}

// signedIn lets in who has a valid access token of a live session, unless the
// password must be given again for it.
func (s *Server) signedIn(next func(http.ResponseWriter, *http.Request, call) error) httpguard.HandlerFunc {
	return s.anySession(func(w http.ResponseWriter, r *http.Request, c call) error {
		if s.accounts.NeedsStepUp(c.user, c.session) {
			return unauthorized(w, "The password must be given again for this session.", "insufficient_user_authentication")
		}
		return next(w, r, c)
	})
}

// signedOut is the answer to an access token that is of no use.
var signedOut = httpguard.ProblemDetails{Status: http.StatusUnauthorized, Detail: "The access token is not valid, or its session is over."}

// anySession lets in who has a valid access token of a live session.
func (s *Server) anySession(next func(http.ResponseWriter, *http.Request, call) error) httpguard.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		token, ok := bearer(r)
		if !ok {
			return unauthorized(w, "An access token is needed.", "")
		}
		q, err := s.request(r)
		if err != nil {
			return err
		}
		session, user, err := s.accounts.VerifyAccess(r.Context(), token)
		if errors.Is(err, accounts.ErrSignedOut) {
			return unauthorized(w, signedOut.Detail, "invalid_token")
		}
		if err != nil {
			return err
		}
		return failed(session.User, next(w, r, call{q, session, user}))
	}
}

// bearer returns the token of the one Authorization header (RFC 6750, section
// 2.1).
func bearer(r *http.Request) (string, bool) {
	headers := r.Header["Authorization"]
	if len(headers) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	token = strings.Trim(token, " ")
	return token, ok && token != "" && strings.EqualFold(scheme, "Bearer")
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, c call) error {
	if err := s.leave(r.Context(), c); err != nil {
		return err
	}
	return done(w)
}

// leave ends the caller's session.
func (s *Server) leave(ctx context.Context, c call) error {
	if err := s.accounts.Logout(ctx, c.session); err != nil {
		return err
	}
	_, err := s.guard.Observe(ctx, s.event(c, gatehouse.LoggedOut))
	return err
}

func (s *Server) logoutAll(w http.ResponseWriter, r *http.Request, c call) error {
	if _, err := s.accounts.LogoutEverywhere(r.Context(), c.session.User); err != nil {
		return err
	}
	if err := s.tell(r.Context(), s.event(c, gatehouse.LoggedOutEverywhere)); err != nil {
		return err
	}
	return done(w)
}

// tell records an event and tells the account holder of it.
func (s *Server) tell(ctx context.Context, e gatehouse.Event) error {
	d, err := s.guard.Observe(ctx, e)
	if err == nil {
		s.mail.Tell(ctx, e, d)
	}
	return err
}

// person is a user as they see themselves.
type person struct {
	ID      string    `json:"id"`
	Email   string    `json:"email"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

func personOf(u accounts.User) person {
	return person{u.ID, u.Email, u.Name, u.Created.UTC()}
}

func (s *Server) me(w http.ResponseWriter, _ *http.Request, c call) error {
	return answer(w, http.StatusOK, personOf(c.user))
}

// device is a device as its owner sees it.
type device struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	IP       string    `json:"ip"`
	Country  string    `json:"country"`
	City     string    `json:"city"`
	LastUsed time.Time `json:"last_used"`
	Created  time.Time `json:"created"`
	Current  bool      `json:"current"`
}

func (s *Server) devices(w http.ResponseWriter, r *http.Request, c call) error {
	list, err := s.accounts.SignedIn(r.Context(), c.session.User)
	if err != nil {
		return err
	}
	out := struct {
		Devices []device `json:"devices"`
	}{Devices: make([]device, len(list))}
	for i, d := range list {
		out.Devices[i] = device{
			ID: d.Device.ID, Name: d.Device.Name, IP: d.IP.String(),
			Country: d.Place.Country, City: d.Place.City,
			LastUsed: d.LastUsed.UTC(), Created: d.Created.UTC(),
			Current: d.Device.ID == c.session.Client.Device.ID,
		}
	}
	return answer(w, http.StatusOK, out)
}

func (s *Server) endDevice(w http.ResponseWriter, r *http.Request, c call) error {
	list, err := s.accounts.SignedIn(r.Context(), c.session.User)
	if err != nil {
		return err
	}
	e := s.event(c, gatehouse.DeviceEnded)
	e.Device = gatehouse.Device{}
	for _, d := range list {
		if d.Device.ID == r.PathValue("id") {
			e.Device = d.Device // the one that is ended, not the one that asks
		}
	}
	err = s.accounts.EndDevice(r.Context(), c.session.User, e.Device.ID)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "You are not signed in on a device with this ID."}
	}
	if err != nil {
		return err
	}
	if _, err := s.guard.Observe(r.Context(), e); err != nil {
		return err
	}
	return done(w)
}
