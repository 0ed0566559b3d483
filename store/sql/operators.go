package sql

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// CreateFirstAdministrator adds u as long as there is no administrator; see
// accounts.OperatorStore.
func (s *Store) CreateFirstAdministrator(ctx context.Context, u accounts.User) error {
	u.Role = accounts.Administrator
	_, err := changeUnder(ctx, s, []string{lockOperators, lockAccount(u.Account)}, func(ctx context.Context, h *handle) (none struct{}, err error) {
		n, err := one(ctx, h, scanInt, "SELECT count(*) FROM users WHERE role <> '' AND role = $1", string(accounts.Administrator))
		if err == nil && n > 0 {
			err = accounts.ErrAdministratorExists
		}
		if err == nil {
			err = insertUser(ctx, h, u)
		}
		return none, err
	})
	return err
}

// Operators returns the users with a role, in order of account.
func (s *Store) Operators(ctx context.Context) ([]accounts.User, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) ([]accounts.User, error) {
		return all(ctx, h, scanUser, "SELECT "+userColumns+" FROM users WHERE role <> '' ORDER BY account")
	})
}

// SetRole changes a user's role, or returns accounts.ErrRoleChanged or
// accounts.ErrLastAdministrator.
func (s *Store) SetRole(ctx context.Context, user string, from, to accounts.Role) (accounts.User, error) {
	return change(ctx, s, lockOperators, func(ctx context.Context, h *handle) (accounts.User, error) {
		u, err := userByID(ctx, h, user)
		if err != nil {
			return u, err
		}
		if u.Role != from {
			return u, accounts.ErrRoleChanged
		}
		if to != accounts.Administrator {
			if err := othersAdminister(ctx, h, u); err != nil {
				return u, err
			}
		}
		u.Role = to
		_, err = h.exec(ctx, "UPDATE users SET role = $2 WHERE id = $1", user, string(to))
		return u, err
	})
}

// othersAdminister returns accounts.ErrLastAdministrator if nobody but u could
// administer.
func othersAdminister(ctx context.Context, h *handle, u accounts.User) error {
	if u.Role != accounts.Administrator || !u.Locked.IsZero() {
		return nil
	}
	n, err := one(ctx, h, scanInt, "SELECT count(*) FROM users WHERE role <> '' AND role = $1 AND locked IS NULL AND id <> $2",
		string(accounts.Administrator), u.ID)
	if err == nil && n == 0 {
		err = accounts.ErrLastAdministrator
	}
	return err
}

// LockUser locks an account, ends its sessions and spends its links; see
// accounts.OperatorStore.
func (s *Store) LockUser(ctx context.Context, user string, at time.Time) (int, error) {
	return changeUnder(ctx, s, []string{lockOperators, lockUser(user)}, func(ctx context.Context, h *handle) (int, error) {
		u, err := userByID(ctx, h, user)
		if err != nil {
			return 0, err
		}
		if err := othersAdminister(ctx, h, u); err != nil {
			return 0, err
		}
		if _, err := h.exec(ctx, "UPDATE users SET locked = $2 WHERE id = $1 AND locked IS NULL", user, micros(at)); err != nil {
			return 0, err
		}
		if err := spendAllLinks(ctx, h, user, at); err != nil {
			return 0, err
		}
		return endSessions(ctx, h, accounts.SessionFilter{User: user}, at, "account_locked")
	})
}

// UnlockUser lets a user log in again, or returns gatehouse.ErrNotFound.
func (s *Store) UnlockUser(ctx context.Context, user string) error {
	_, err := change(ctx, s, lockUser(user), func(ctx context.Context, h *handle) (none struct{}, err error) {
		n, err := h.exec(ctx, "UPDATE users SET locked = NULL WHERE id = $1 AND locked IS NOT NULL", user)
		return none, orNotFound(n, err)
	})
	return err
}

// RequireStepUp makes all sessions of a user older than what it asks for.
func (s *Store) RequireStepUp(ctx context.Context, user string, at time.Time) error {
	_, err := change(ctx, s, lockUser(user), func(ctx context.Context, h *handle) (none struct{}, err error) {
		newest, err := one(ctx, h, scanInt64, "SELECT coalesce(max(authenticated), 0) FROM sessions WHERE user_id = $1", user)
		if err != nil {
			return none, err
		}
		n, err := h.exec(ctx, "UPDATE users SET step_up = $2 WHERE id = $1", user, max(micros(at), newest))
		return none, orNotFound(n, err)
	})
	return err
}

// StepUp notes that the password of a live session was given again; see
// accounts.OperatorStore.
func (s *Store) StepUp(ctx context.Context, session, passwordHash string, at time.Time) error {
	ss, err := s.Session(ctx, session) // whose it is never changes
	if err != nil {
		return err
	}
	_, err = change(ctx, s, lockUser(ss.User), func(ctx context.Context, h *handle) (none struct{}, err error) {
		u, err := userByID(ctx, h, ss.User)
		if err != nil {
			return none, err
		}
		if u.PasswordHash != passwordHash {
			return none, accounts.ErrPasswordChanged
		}
		n, err := h.exec(ctx, "UPDATE sessions SET authenticated = $2 WHERE id = $1 AND ended IS NULL AND expires > $3",
			session, micros(authenticated(at, u)), micros(at))
		return none, orNotFound(n, err)
	})
	return err
}

// authenticated is when the password was given, and later than what u must step up
// for: the clock of the node that asked for it may be ahead.
func authenticated(at time.Time, u accounts.User) time.Time {
	if least := u.StepUp.Add(time.Microsecond); !u.StepUp.IsZero() && at.Before(least) {
		return least
	}
	return at
}

func orNotFound(n int, err error) error {
	if err == nil && n == 0 {
		err = gatehouse.ErrNotFound
	}
	return err
}

// lastRune follows every other in the order of bytes.
const lastRune = "\U0010FFFF"

// SearchUsers returns at most limit users whose account begins with prefix, in
// order of account (byte by byte), from the first one after the given account.
func (s *Store) SearchUsers(ctx context.Context, prefix, after string, limit int) ([]accounts.User, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) ([]accounts.User, error) {
		return all(ctx, h, scanUser, "SELECT "+userColumns+` FROM users
			WHERE account >= $1 AND account < $2 AND account > $3 ORDER BY account LIMIT $4`,
			prefix, prefix+lastRune, after, max(limit, 0))
	})
}
