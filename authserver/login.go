package authserver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// read decodes the body of a request whose failure is e, and records that if the
// body is no use.
func (s *Server) read(w http.ResponseWriter, r *http.Request, e gatehouse.Event, in fields, required ...string) error {
	if err := decode(w, r, in, required...); err != nil {
		return s.malformed(r.Context(), e, err)
	}
	return nil
}

// malformed records a body that is no use, and returns what is wrong with it.
func (s *Server) malformed(ctx context.Context, e gatehouse.Event, problem error) error {
	e.Time, e.Reason = s.now(), "malformed"
	if _, err := s.guard.Observe(ctx, e); err != nil {
		return failed(e.User, err)
	}
	return problem
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
	user, err := s.addAccount(r.Context(), q, email, password, name)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, personOf(user))
}

// addAccount adds an account and records the outcome.
func (s *Server) addAccount(ctx context.Context, q httpguard.Request, email, password, name string) (accounts.User, error) {
	user, err := s.accounts.Signup(ctx, email, password, name)
	e := q.Event(gatehouse.SignupSucceeded)
	e.Time = s.now()
	e.Account, e.User = s.accounts.AccountName(email), user.ID
	reason, problem := chosen(err)
	switch {
	case problem != nil:
		e.Kind, e.Reason = gatehouse.SignupFailed, reason
	case err != nil:
		return user, err
	}
	if _, err := s.guard.Observe(ctx, e); err != nil {
		return user, failed(user.ID, err)
	}
	return user, problem
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

// login answers once the outcome is recorded.
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
	var grant accounts.Grant
	l := accounts.Login{Account: email, Password: password, Client: q.Client, DeviceCookie: web.DeviceCookie.Get(r, q.Secure)}
	_, err = s.attempt(r.Context(), q, email, func(ctx context.Context) (user accounts.User, _ accounts.Session, err error) {
		user, grant, err = s.accounts.Login(ctx, l)
		return user, grant.Session, err
	})
	if err == wrongCredentials {
		return unauthorized(w, wrongCredentials.Detail, "")
	}
	if err != nil {
		return err
	}
	web.DeviceCookie.Set(w, grant.DeviceCookie, q.Secure)
	return answer(w, http.StatusOK, tokensOf(grant))
}

// SignIn is the login of a page, of whichever door: it begins a session that is
// held by a cookie and lives for ttl after its last use. Everything is guarded,
// recorded and told as a login over the API is. An error that wraps
// httpguard.ProblemDetails is for the person: 401 for what a wrong password, an
// unknown and a locked account get, 429 and 503 for refusals, whose
// RetryAfter says how long.
func (s *Server) SignIn(ctx context.Context, q httpguard.Request, deviceCookie, email, password string, ttl time.Duration) (accounts.User, accounts.BrowserGrant, error) {
	q = s.located(q)
	if email == "" || password == "" {
		problem := badRequest("The e-mail address or the password is missing.")
		return accounts.User{}, accounts.BrowserGrant{}, s.malformed(ctx, q.Event(gatehouse.LoginFailed), problem)
	}
	var grant accounts.BrowserGrant
	l := accounts.Login{Account: email, Password: password, Client: q.Client, DeviceCookie: deviceCookie}
	user, err := s.attempt(ctx, q, email, func(ctx context.Context) (user accounts.User, _ accounts.Session, err error) {
		user, grant, err = s.accounts.LoginBrowser(ctx, l, ttl)
		return user, grant.Session, err
	})
	if err != nil {
		return accounts.User{}, accounts.BrowserGrant{}, err
	}
	return user, grant, nil
}

// wrongCredentials is the answer to every password that is not accepted.
var wrongCredentials = httpguard.ProblemDetails{Status: http.StatusUnauthorized, Detail: "Wrong e-mail address or password."}

// attempt reserves an attempt at an account, has the password looked at and a
// session started, and records the outcome. The session may only be handed out if
// it returns nil.
func (s *Server) attempt(ctx context.Context, q httpguard.Request, email string, start func(context.Context) (accounts.User, accounts.Session, error)) (accounts.User, error) {
	e := q.Event(gatehouse.LoginRefused)
	e.Time = s.now() // the body may have taken its time
	e.Account = s.accounts.AccountName(email)
	attempt, d := s.guard.Begin(ctx, e)
	if attempt == nil {
		return accounts.User{}, refused(d)
	}
	defer attempt.Abandon(ctx)

	user, session, err := start(ctx)
	if reason := wrong(err); reason != "" {
		d, err := attempt.Fail(ctx, s.now(), reason)
		if err != nil {
			return accounts.User{}, err
		}
		e.Kind = gatehouse.LoginFailed
		s.mail.Tell(ctx, e, d) // which does not tell who exists
		return accounts.User{}, wrongCredentials
	}
	if err != nil {
		return user, failed(user.ID, err)
	}
	subject := gatehouse.Subject{User: user.ID, Account: user.Account, Session: session.ID}
	d, err = attempt.Succeed(ctx, s.now(), subject, session.Client.Device)
	if err != nil {
		// Nobody will have its tokens. If it cannot be ended either, it expires.
		s.accounts.Withdraw(context.WithoutCancel(ctx), session)
		return user, failed(user.ID, err)
	}
	e.Kind, e.Subject, e.Device = gatehouse.LoginSucceeded, subject, session.Client.Device
	s.mail.Tell(ctx, e, d)
	return user, nil
}

// wrong names why a password was not accepted, for the log only. It is empty for
// any other outcome.
func wrong(err error) string {
	switch {
	case errors.Is(err, accounts.ErrUnknownAccount):
		return "unknown_account"
	case errors.Is(err, accounts.ErrLocked):
		return "account_locked"
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
