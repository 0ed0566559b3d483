package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// read decodes the body of a request whose failure is e, and records that if the
// body is no use.
func (s *Server) read(w http.ResponseWriter, r *http.Request, e gatehouse.Event, in fields, required ...string) error {
	err := decode(w, r, in, required...)
	if err == nil {
		return nil
	}
	e.Time, e.Reason = s.now(), "malformed"
	if _, err := s.guard.Observe(r.Context(), e); err != nil {
		return failed(e.User, err)
	}
	return err
}

// signup adds an account.
func (s *Server) signup(w http.ResponseWriter, r *http.Request) error {
	var email, password, name string
	in := fields{"email": &email, "password": &password, "name": &name}
	q, err := s.request(r)
	if err != nil {
		return err
	}
	if err := s.read(w, r, q.Event(gatehouse.SignupFailed), in, "email", "password"); err != nil {
		return err
	}
	user, err := s.accounts.Signup(r.Context(), email, password, name)
	e := q.Event(gatehouse.SignupSucceeded)
	e.Time = s.now()
	e.Account, e.User = s.accounts.AccountName(email), user.ID
	reason, problem := chosen(err)
	switch {
	case problem != nil:
		e.Kind, e.Reason = gatehouse.SignupFailed, reason
	case err != nil:
		return err
	}
	if _, err := s.guard.Observe(r.Context(), e); err != nil {
		return failed(user.ID, err)
	}
	if problem != nil {
		return problem
	}
	return answer(w, http.StatusCreated, personOf(user))
}

// tokens is the answer to a login or a refresh (RFC 6749, section 5.1).
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
}

func tokensOf(g accounts.Grant) tokens {
	return tokens{g.AccessToken, g.RefreshToken, "Bearer", int64(g.ExpiresIn.Seconds())}
}

// login reserves an attempt, looks at the password, and answers once the outcome
// is recorded.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	var email, password string
	in := fields{"email": &email, "password": &password}
	q, err := s.request(r)
	if err != nil {
		return err
	}
	if err := s.read(w, r, q.Event(gatehouse.LoginFailed), in, "email", "password"); err != nil {
		return err
	}
	ctx := r.Context()
	e := q.Event(gatehouse.LoginRefused)
	e.Time = s.now() // the body may have taken its time
	e.Account = s.accounts.AccountName(email)
	attempt, d := s.guard.Begin(ctx, e)
	if attempt == nil {
		return refused(d)
	}
	defer attempt.Abandon(ctx)

	user, grant, err := s.accounts.Login(ctx, accounts.Login{
		Account: email, Password: password, Client: q.Client, DeviceCookie: deviceCookie(r, q.Secure),
	})
	if reason := wrong(err); reason != "" {
		d, err := attempt.Fail(ctx, s.now(), reason)
		if err != nil {
			return err
		}
		e.Kind = gatehouse.LoginFailed
		s.mail.Tell(ctx, e, d) // which does not tell who exists
		return unauthorized(w, "Wrong e-mail address or password.", "")
	}
	if err != nil {
		return failed(user.ID, err)
	}
	session := grant.Session
	subject := gatehouse.Subject{User: user.ID, Account: user.Account, Session: session.ID}
	d, err = attempt.Succeed(ctx, s.now(), subject, session.Client.Device)
	if err != nil {
		// Nobody will have its tokens. If it cannot be ended either, it expires.
		s.accounts.Withdraw(context.WithoutCancel(ctx), session)
		return failed(user.ID, err)
	}
	e.Kind, e.Subject, e.Device = gatehouse.LoginSucceeded, subject, session.Client.Device
	s.mail.Tell(ctx, e, d)
	setDeviceCookie(w, grant.DeviceCookie, q.Secure)
	return answer(w, http.StatusOK, tokensOf(grant))
}

// wrong names why a password was not accepted, for the log only. It is empty for
// any other outcome.
func wrong(err error) string {
	switch {
	case errors.Is(err, accounts.ErrUnknownAccount):
		return "unknown_account"
	case errors.Is(err, accounts.ErrWrongPassword):
		return "wrong_password"
	}
	return ""
}

// refresh exchanges a refresh token.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request) error {
	var token string
	in := fields{"refresh_token": &token}
	q, err := s.request(r)
	if err != nil {
		return err
	}
	if err := s.read(w, r, q.Event(gatehouse.TokenRefreshFailed), in, "refresh_token"); err != nil {
		return err
	}
	outcome, grant, err := s.accounts.Refresh(r.Context(), token, q.Client)
	if err != nil {
		return failed(grant.Session.User, err)
	}
	e := q.Event(gatehouse.TokenRefreshFailed)
	e.Time = s.now()
	e.User, e.Session, e.Device = grant.Session.User, grant.Session.ID, grant.Session.Client.Device
	switch outcome {
	case accounts.Rotated:
		e.Kind = gatehouse.TokenRefreshed
	case accounts.Repeated:
		e.Kind = gatehouse.TokenRefreshRepeated
	case accounts.Reused:
		e.Kind = gatehouse.TokenReused
	case accounts.SessionOver:
		e.Reason = "session_over"
	default:
		e.Reason = "unknown_token"
	}
	if _, err := s.guard.Observe(r.Context(), e); err != nil {
		return failed(e.User, err)
	}
	if outcome != accounts.Rotated && outcome != accounts.Repeated {
		return unauthorized(w, "The refresh token is not valid. Log in again.", "invalid_token")
	}
	return answer(w, http.StatusOK, tokensOf(grant))
}
