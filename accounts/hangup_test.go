package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
)

// hangUp is a store whose caller goes away the moment that it is asked to write.
// It then does not say whether it has, as a database does.
type hangUp struct {
	accounts.Store
	leave func() // nil: the caller stays
}

func (s *hangUp) gone(ctx context.Context) error {
	if s.leave != nil {
		s.leave()
	}
	return ctx.Err()
}

func (s *hangUp) CreateUser(ctx context.Context, u accounts.User) error {
	return errors.Join(s.Store.CreateUser(context.WithoutCancel(ctx), u), s.gone(ctx))
}

func (s *hangUp) CreateSession(ctx context.Context, session accounts.Session, first accounts.TokenHash, hash string) error {
	return errors.Join(s.Store.CreateSession(context.WithoutCancel(ctx), session, first, hash), s.gone(ctx))
}

func (s *hangUp) Rotate(ctx context.Context, r accounts.Rotation) (accounts.RotationResult, error) {
	result, err := s.Store.Rotate(context.WithoutCancel(ctx), r)
	return result, errors.Join(err, s.gone(ctx))
}

func (s *hangUp) SetPassword(ctx context.Context, user, oldHash, newHash, keep string, at time.Time) (int, error) {
	n, err := s.Store.SetPassword(context.WithoutCancel(ctx), user, oldHash, newHash, keep, at)
	return n, errors.Join(err, s.gone(ctx))
}

func (s *hangUp) EndSessions(ctx context.Context, f accounts.SessionFilter, at time.Time, reason string) (int, error) {
	n, err := s.Store.EndSessions(context.WithoutCancel(ctx), f, at, reason)
	return n, errors.Join(err, s.gone(ctx))
}

// What is done is told, even if the client has gone: else it would be missing in
// the security log, and somebody could use a stolen token without a trace.
func TestHangingUpHidesNothing(t *testing.T) {
	store := &hangUp{Store: newStore(t)}
	s := newService(t, accounts.Options{Store: store})
	alice := signup(t, s)
	first := login(t, s, firefox)
	spent := first.RefreshToken

	for _, c := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"signup", func(ctx context.Context) error {
			_, err := s.Signup(ctx, "bob@example.com", goodPassword, "Bob")
			return err
		}},
		{"login", func(ctx context.Context) error {
			_, _, err := s.Login(ctx, accounts.Login{Account: alice.Account, Password: goodPassword, Client: client(safari)})
			return err
		}},
		{"refresh", func(ctx context.Context) error {
			outcome, next, err := s.Refresh(ctx, spent, client(firefox))
			if outcome != accounts.Rotated {
				t.Errorf("outcome %v", outcome)
			}
			_, _, rotated := s.Refresh(t.Context(), next.RefreshToken, client(firefox))
			return errors.Join(err, rotated)
		}},
		{"reuse", func(ctx context.Context) error {
			outcome, _, err := s.Refresh(ctx, spent, client(firefox))
			if outcome != accounts.Reused {
				t.Errorf("outcome %v", outcome)
			}
			return err
		}},
		{"password", func(ctx context.Context) error {
			return s.ChangePassword(ctx, alice.ID, goodPassword, "eleven loud magpies", "")
		}},
		{"logout", func(ctx context.Context) error { return s.Logout(ctx, first.Session) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			store.leave = cancel
			if err := c.do(ctx); err != nil {
				t.Errorf("done, but told as %v", err)
			}
			if ctx.Err() == nil {
				t.Error("nothing was written")
			}
		})
	}
}
