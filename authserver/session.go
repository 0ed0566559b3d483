package authserver

import (
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
}

// event returns an event of this kind about the caller.
func (s *Server) event(c call, kind gatehouse.Kind) gatehouse.Event {
	e := c.Event(kind)
	e.Time = s.now()
	e.User, e.Session, e.Device = c.session.User, c.session.ID, c.session.Client.Device
	return e
}

// signedIn lets in who has a valid access token of a live session.
func (s *Server) signedIn(next func(http.ResponseWriter, *http.Request, call) error) httpguard.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		token, ok := bearer(r)
		if !ok {
			return unauthorized(w, "An access token is needed.", "")
		}
		q, err := s.request(r)
		if err != nil {
			return err
		}
		session, _, err := s.accounts.VerifyAccess(r.Context(), token)
		if errors.Is(err, accounts.ErrSignedOut) {
			return unauthorized(w, "The access token is not valid, or its session is over.", "invalid_token")
		}
		if err != nil {
			return err
		}
		return failed(session.User, next(w, r, call{q, session}))
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
	if err := s.accounts.Logout(r.Context(), c.session); err != nil {
		return err
	}
	if _, err := s.guard.Observe(r.Context(), s.event(c, gatehouse.LoggedOut)); err != nil {
		return err
	}
	return done(w)
}

func (s *Server) logoutAll(w http.ResponseWriter, r *http.Request, c call) error {
	if _, err := s.accounts.LogoutEverywhere(r.Context(), c.session.User); err != nil {
		return err
	}
	e := s.event(c, gatehouse.LoggedOutEverywhere)
	d, err := s.guard.Observe(r.Context(), e)
	if err != nil {
		return err
	}
	s.mail.Tell(r.Context(), e, d)
	return done(w)
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

func (s *Server) me(w http.ResponseWriter, r *http.Request, c call) error {
	user, err := s.accounts.User(r.Context(), c.session.User)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, personOf(user))
}

// changePassword is guarded like a login: a stolen session gives no more
// guesses.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, c call) error {
	var current, next string
	in := fields{"current_password": &current, "new_password": &next}
	if err := s.read(w, r, s.event(c, gatehouse.PasswordChangeFailed), in, "current_password", "new_password"); err != nil {
		return err
	}
	ctx := r.Context()
	user, err := s.accounts.User(ctx, c.session.User)
	if err != nil {
		return err
	}
	e := s.event(c, gatehouse.PasswordChangeRefused)
	e.Account = user.Account
	attempt, d := s.guard.BeginPasswordChange(ctx, e)
	if attempt == nil {
		return refused(d)
	}
	defer attempt.Abandon(ctx)

	err = s.accounts.ChangePassword(ctx, user.ID, current, next, c.session.ID)
	reason, problem := chosen(err)
	switch {
	case problem != nil:
		e.Kind, e.Reason = gatehouse.PasswordChangeFailed, reason
		if _, err := s.guard.Observe(ctx, e); err != nil {
			return failed(e.User, err)
		}
		return problem
	case errors.Is(err, accounts.ErrPasswordChanged):
		return httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "The password has been changed meanwhile."}
	case errors.Is(err, accounts.ErrWrongPassword):
		d, err := attempt.Fail(ctx, s.now(), wrong(err))
		if err != nil {
			return err
		}
		e.Kind = gatehouse.PasswordChangeFailed
		s.mail.Tell(ctx, e, d)
		return httpguard.ProblemDetails{Status: http.StatusForbidden, Detail: "The current password is wrong."}
	case err != nil:
		return err
	}
	d, err = attempt.Succeed(ctx, s.now(), e.Subject, e.Device)
	if err != nil {
		return err
	}
	e.Kind = gatehouse.PasswordChanged
	s.mail.Tell(ctx, e, d)
	return done(w)
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
