package sql

import (
	"context"
	stdsql "database/sql"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
)

var _ accounts.Store = (*Store)(nil)

const userColumns = "id, account, email, name, password_hash, created, password_changed, role, locked, step_up"

// CreateUser adds u, or returns accounts.ErrTaken.
func (s *Store) CreateUser(ctx context.Context, u accounts.User) error {
	_, err := change(ctx, s, lockAccount(u.Account), func(ctx context.Context, h *handle) (none struct{}, err error) {
		return none, insertUser(ctx, h, u)
	})
	return err
}

func insertUser(ctx context.Context, h *handle, u accounts.User) error {
	n, err := h.exec(ctx, "INSERT INTO users ("+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (account) DO NOTHING`,
		u.ID, u.Account, u.Email, u.Name, u.PasswordHash, micros(u.Created), micros(u.PasswordChanged),
		string(u.Role), nullMicros(u.Locked), nullMicros(u.StepUp))
	if err == nil && n == 0 {
		err = accounts.ErrTaken
	}
	return err
}

// UserByAccount returns the user with this canonical account name.
func (s *Store) UserByAccount(ctx context.Context, account string) (accounts.User, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (accounts.User, error) {
		return one(ctx, h, scanUser, "SELECT "+userColumns+" FROM users WHERE account = $1", account)
	})
}

// UserByID returns the user with this ID.
func (s *Store) UserByID(ctx context.Context, id string) (accounts.User, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) (accounts.User, error) {
		return userByID(ctx, h, id)
	})
}

func userByID(ctx context.Context, h *handle, id string) (accounts.User, error) {
	return one(ctx, h, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1", id)
}

// Users returns at most limit users in order of account (byte by byte), from
// the first one after the given account.
func (s *Store) Users(ctx context.Context, after string, limit int) ([]accounts.User, error) {
	return look(ctx, s, func(ctx context.Context, h *handle) ([]accounts.User, error) {
		return all(ctx, h, scanUser, "SELECT "+userColumns+` FROM users
			WHERE account > $1 ORDER BY account LIMIT $2`, after, max(limit, 0))
	})
}

// SetPassword replaces oldHash by newHash and ends the user's sessions except
// keep and their links to reset it. It returns how many sessions were ended, or
// accounts.ErrPasswordChanged.
func (s *Store) SetPassword(ctx context.Context, user, oldHash, newHash, keep string, at time.Time) (int, error) {
	return change(ctx, s, lockUser(user), func(ctx context.Context, h *handle) (int, error) {
		n, err := h.exec(ctx, `UPDATE users SET password_hash = $3, password_changed = $4
			WHERE id = $1 AND password_hash = $2`, user, oldHash, newHash, micros(at))
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, whyNot(ctx, h, user)
		}
		if err := spendLinks(ctx, h, user, accounts.ToReset, at); err != nil {
			return 0, err
		}
		return endSessions(ctx, h, accounts.SessionFilter{User: user, Except: keep}, at, "password_changed")
	})
}

// UpgradeHash replaces oldHash by newHash and ends no session.
func (s *Store) UpgradeHash(ctx context.Context, user, oldHash, newHash string) error {
	_, err := change(ctx, s, lockUser(user), func(ctx context.Context, h *handle) (none struct{}, err error) {
		n, err := h.exec(ctx, "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user, oldHash, newHash)
		if err == nil && n == 0 {
			err = whyNot(ctx, h, user)
		}
		return none, err
	})
	return err
}

// whyNot returns why a change of a user with a given password hash met nobody.
func whyNot(ctx context.Context, h *handle, user string) error {
	if _, err := userByID(ctx, h, user); err != nil {
		return err
	}
	return accounts.ErrPasswordChanged
}

// userRow is a user as it is read.
type userRow struct {
	accounts.User
	created, changed int64
	locked, stepUp   stdsql.NullInt64
}

// columns are where userColumns are read to.
func (r *userRow) columns() []any {
	return []any{&r.ID, &r.Account, &r.Email, &r.Name, &r.PasswordHash, &r.created, &r.changed, &r.Role, &r.locked, &r.stepUp}
}

func (r *userRow) user() accounts.User {
	u := r.User
	u.Created, u.PasswordChanged = fromMicros(r.created), fromMicros(r.changed)
	u.Locked, u.StepUp = fromNullMicros(r.locked), fromNullMicros(r.stepUp)
	return u
}

func scanUser(read scan) (accounts.User, error) {
	var r userRow
	err := read(r.columns()...)
	return r.user(), err
}
