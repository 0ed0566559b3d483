package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
)

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, c call) error {
	var current, next string
	in := fields{"current_password": &current, "new_password": &next}
	if err := s.read(w, r, s.event(c, gatehouse.PasswordChangeFailed), in, "current_password", "new_password"); err != nil {
		return err
	}
	if err := s.replacePassword(r.Context(), c, current, next); err != nil {
		return err
	}
	return done(w)
}

// replacePassword is guarded like a login: a stolen session gives no more guesses.
func (s *Server) replacePassword(ctx context.Context, c call, current, next string) error {
	e := s.event(c, gatehouse.PasswordChangeRefused)
	e.Account = c.user.Account
	attempt, d := s.guard.BeginPasswordChange(ctx, e)
	if attempt == nil {
		return refused(d)
	}
	defer attempt.Abandon(ctx)

	err := s.accounts.ChangePassword(ctx, c.user.ID, current, next, c.session.ID)
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
	}
	return s.settle(ctx, attempt, e, err, attemptKinds{gatehouse.PasswordChanged, gatehouse.PasswordChangeFailed})
}

// stepUp takes the password again for a session that is limited without it.
func (s *Server) stepUp(w http.ResponseWriter, r *http.Request, c call) error {
	var password string
	if err := s.read(w, r, s.event(c, gatehouse.StepUpFailed), fields{"password": &password}, "password"); err != nil {
		return err
	}
	if err := s.confirm(r.Context(), c, password); err != nil {
		if err == signedOut {
			return unauthorized(w, signedOut.Detail, "invalid_token")
		}
		return err
	}
	return done(w)
}

// confirm is guarded like a login, as replacePassword is.
func (s *Server) confirm(ctx context.Context, c call, password string) error {
	e := s.event(c, gatehouse.StepUpRefused)
	e.Account = c.user.Account
	attempt, d := s.guard.BeginStepUp(ctx, e)
	if attempt == nil {
		return refused(d)
	}
	defer attempt.Abandon(ctx)

	err := s.accounts.StepUp(ctx, c.session, password)
	if errors.Is(err, accounts.ErrSignedOut) {
		return signedOut
	}
	return s.settle(ctx, attempt, e, err, attemptKinds{gatehouse.StepUpSucceeded, gatehouse.StepUpFailed})
}

// wrongPassword is the answer to somebody who is signed in. It is no 401, which
// would tell clients to refresh the token and try again.
var wrongPassword = httpguard.ProblemDetails{Status: http.StatusForbidden, Detail: "The current password is wrong."}

// attemptKinds are what the outcome of an attempt is called.
type attemptKinds struct{ succeeded, failed gatehouse.Kind }

// settle records how the look at the password of somebody who is signed in ended,
// and tells the account holder.
func (s *Server) settle(ctx context.Context, attempt *guard.Attempt, e gatehouse.Event, err error, kinds attemptKinds) error {
	switch {
	case errors.Is(err, accounts.ErrWrongPassword):
		d, err := attempt.Fail(ctx, s.now(), wrong(err))
		if err != nil {
			return err
		}
		e.Kind = kinds.failed
		s.mail.Tell(ctx, e, d)
		return wrongPassword
	case err != nil:
		return err
	}
	d, err := attempt.Succeed(ctx, s.now(), e.Subject, e.Device)
	if err != nil {
		return err
	}
	e.Kind = kinds.succeeded
	s.mail.Tell(ctx, e, d)
	return nil
}
