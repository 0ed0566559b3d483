package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// forgotten is the answer to each request for a new password.
var forgotten = struct {
	Detail string `json:"detail"`
}{"If there is an account with this e-mail address, a link to choose a new password is on its way."}

// forgotPassword takes a request for a link by mail.
func (s *Server) forgotPassword(w http.ResponseWriter, r *http.Request) error {
	var email string
	q, err := s.request(r)
	if err != nil {
		return err
	}
	if err := s.read(w, r, q.Event(gatehouse.PasswordResetFailed), fields{"email": &email}, "email"); err != nil {
		return err
	}
	if err := s.requestReset(r.Context(), q, email); err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, forgotten)
}

// requestReset asks for a link by mail. Nothing of it depends on whether there is
// such an account.
func (s *Server) requestReset(ctx context.Context, q httpguard.Request, email string) error {
	e := q.Event(gatehouse.PasswordResetRefused)
	e.Time = s.now()
	e.Account = s.accounts.AccountName(email)
	if d := s.guard.AdmitWithin(ctx, e, s.requests); !d.Allowed() {
		return refused(d)
	}
	e.Kind = gatehouse.PasswordResetRequested
	if _, err := s.guard.Observe(ctx, e); err != nil {
		return err
	}
	return s.mail.RequestReset(e)
}

// resetPassword sets a new password by the token of a link.
func (s *Server) resetPassword(w http.ResponseWriter, r *http.Request) error {
	var token, next string
	in := fields{"token": &token, "new_password": &next}
	q, err := s.request(r)
	if err != nil {
		return err
	}
	if err := s.read(w, r, q.Event(gatehouse.PasswordResetFailed), in, "token", "new_password"); err != nil {
		return err
	}
	if err := s.reset(r.Context(), q, token, next); err != nil {
		return err
	}
	return done(w)
}

// badLink is the answer to every link that is of no use.
var badLink = httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: "This link does not work, or not any more. Ask for a new one."}

// reset sets a new password by a link. Nobody is signed in after it.
func (s *Server) reset(ctx context.Context, q httpguard.Request, token, next string) error {
	_, err := s.byLink(ctx, q, gatehouse.PasswordReset, func() (accounts.User, error) {
		return s.accounts.ResetPassword(ctx, token, next)
	})
	return err
}

// disown does what "this was not me" asks for, and mails the link for a new
// password.
func (s *Server) disown(ctx context.Context, q httpguard.Request, token string) error {
	var user accounts.User
	e, err := s.byLink(ctx, q, gatehouse.LoginDisowned, func() (u accounts.User, err error) {
		user, err = s.accounts.Disown(ctx, token)
		return user, err
	})
	if err == nil {
		s.mail.Disowned(ctx, user, e)
	}
	return err
}

// byLink uses a one-time link, of which nobody may guess more than passwords of
// one account, and records the outcome: as kind if that is a success. A link that
// was good once is no guess, so that who opens an old mail again and again is not
// blocked.
func (s *Server) byLink(ctx context.Context, q httpguard.Request, kind gatehouse.Kind, use func() (accounts.User, error)) (gatehouse.Event, error) {
	e := q.Event(gatehouse.PasswordResetRefused)
	e.Time = s.now()
	attempt, d := s.guard.BeginPasswordReset(ctx, e)
	if attempt == nil {
		return e, refused(d)
	}
	defer attempt.Abandon(ctx)

	user, err := use()
	e.Time = s.now()
	e.Kind, e.User, e.Account = kind, user.ID, user.Account
	reason, problem := chosen(err)
	switch {
	case errors.Is(err, accounts.ErrLinkOver):
		reason, problem = "link_over", badLink
	case errors.Is(err, accounts.ErrLink):
		if _, err := attempt.Fail(ctx, e.Time, "unknown_link"); err != nil {
			return e, err
		}
		return e, badLink
	case err != nil && problem == nil:
		return e, failed(user.ID, err)
	}
	if problem != nil {
		e.Kind, e.Reason = gatehouse.PasswordResetFailed, reason
	}
	d, err = s.guard.Observe(ctx, e)
	if err != nil {
		return e, failed(user.ID, err)
	}
	s.mail.Tell(ctx, e, d)
	return e, problem
}
