package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/canonical"
)

// Why an operation on an account was refused.
var (
	// ErrLocked says that an operator has locked the account. It wraps
	// ErrWrongPassword: a client must be told the same.
	ErrLocked = fmt.Errorf("%w: the account is locked", ErrWrongPassword)
	// ErrAdministratorExists says that the first administrator was created before.
	ErrAdministratorExists = errors.New("there is an administrator already")
	// ErrLastAdministrator says that nobody could administer after it.
	ErrLastAdministrator = errors.New("this is the last administrator")
	// ErrRoleChanged says that the role is another one by now.
	ErrRoleChanged = errors.New("the role was changed meanwhile")
)

// OperatorStore keeps what operators are and do. It is a part of Store.
type OperatorStore interface {
	// CreateFirstAdministrator adds u as long as nobody has the role Administrator.
	// Of many calls at the same time one succeeds; the others return
	// ErrAdministratorExists, or ErrTaken as CreateUser does.
	CreateFirstAdministrator(ctx context.Context, u User) error
	// Operators returns the users with a role, in order of account.
	Operators(ctx context.Context) ([]User, error)
	// SetRole changes a user's role from one to another and returns the user with
	// it. It returns ErrRoleChanged if it is not from, and
	// ErrLastAdministrator if no administrator would be left who is not locked.
	SetRole(ctx context.Context, user string, from, to Role) (User, error)
	// LockUser sets User.Locked, ends all sessions and spends all links, and
	// returns how many sessions it ended. One that is locked stays so since it
	// was. It returns ErrLastAdministrator as SetRole does.
	LockUser(ctx context.Context, user string, at time.Time) (int, error)
	// UnlockUser clears User.Locked, or returns gatehouse.ErrNotFound if it is
	// not set.
	UnlockUser(ctx context.Context, user string) error
	// RequireStepUp sets User.StepUp to at, or as late as makes all of the user's
	// sessions older than it.
	RequireStepUp(ctx context.Context, user string, at time.Time) error
	// StepUp sets Session.Authenticated of a live session to at, or as late as
	// User.StepUp asks. It returns ErrPasswordChanged if the user's password hash
	// is not passwordHash, and gatehouse.ErrNotFound if the session is over.
	StepUp(ctx context.Context, session, passwordHash string, at time.Time) error
	// SearchUsers returns at most limit users whose account begins with prefix,
	// in order of account, from the first one after the given account.
	SearchUsers(ctx context.Context, prefix, after string, limit int) ([]User, error)
}

// HasAdministrator reports whether somebody has the role Administrator.
func (s *Service) HasAdministrator(ctx context.Context) (bool, error) {
	operators, err := s.store.Operators(ctx)
	return slices.ContainsFunc(operators, func(u User) bool { return u.Role == Administrator }), err
}

// CreateFirstAdministrator adds a user who may do everything, as long as there is
// no other. Of many calls at the same time one succeeds; the others return
// ErrAdministratorExists. Other errors are those of Signup.
func (s *Service) CreateFirstAdministrator(ctx context.Context, email, password, name string) (User, error) {
	// Asked before the password is hashed, and again when the user is added.
	exists, err := s.HasAdministrator(ctx)
	if err == nil && exists {
		err = ErrAdministratorExists
	}
	if err != nil {
		return User{}, err
	}
	return s.create(ctx, email, password, name, Administrator, s.store.CreateFirstAdministrator)
}

// CreateOperator adds a user with a role. Errors are those of Signup.
func (s *Service) CreateOperator(ctx context.Context, email, password, name string, role Role) (User, error) {
	if _, err := ParseRole(string(role)); err != nil {
		return User{}, err
	}
	return s.create(ctx, email, password, name, role, s.store.CreateUser)
}

// Operators returns the users with a role, in order of account.
func (s *Service) Operators(ctx context.Context) ([]User, error) { return s.store.Operators(ctx) }

// SetRole changes a user's role from one to another and returns the user with it:
// of many who change the same role at the same time one succeeds, and the others get
// ErrRoleChanged. It returns ErrLastAdministrator, or gatehouse.ErrNotFound if there
// is no such user. It holds from the user's next request on.
func (s *Service) SetRole(ctx context.Context, user string, from, to Role) (User, error) {
	if _, err := ParseRole(string(to)); err != nil {
		return User{}, err
	}
	return s.store.SetRole(toTheEnd(ctx), user, from, to)
}

// Lock keeps everybody out of an account: it ends all sessions and links, and the
// right password is answered as a wrong one is. It returns how many sessions it
// ended, ErrLastAdministrator, or gatehouse.ErrNotFound. Of an account that is
// locked already nothing changes.
func (s *Service) Lock(ctx context.Context, user string) (ended int, err error) {
	return s.store.LockUser(toTheEnd(ctx), user, s.now())
}

// Unlock takes a Lock back, or returns gatehouse.ErrNotFound where there is none.
// What was ended stays so.
func (s *Service) Unlock(ctx context.Context, user string) error {
	return s.store.UnlockUser(toTheEnd(ctx), user)
}

// Search returns at most limit users whose account name begins with prefix, in any
// spelling, from the first one after the given account name.
func (s *Service) Search(ctx context.Context, prefix, after string, limit int) ([]User, error) {
	return s.store.SearchUsers(ctx, canonical.Account(prefix), after, limit)
}

// RequireStepUp limits a user's sessions until the password is given again in each
// of them; see StepUp. It returns gatehouse.ErrNotFound if there is no such user.
func (s *Service) RequireStepUp(ctx context.Context, user string) error {
	return s.store.RequireStepUp(toTheEnd(ctx), user, s.now())
}

// NeedsStepUp reports whether a session may do nothing but StepUp and Logout (RFC
// 9470): its password was given before RequireStepUp.
func (s *Service) NeedsStepUp(u User, session Session) bool {
	return !u.StepUp.IsZero() && !session.Authenticated.After(u.StepUp)
}

// StepUp takes the password again for a session. It returns an error that wraps
// ErrWrongPassword, or ErrSignedOut if the session is over by now.
func (s *Service) StepUp(ctx context.Context, session Session, password string) error {
	for range 3 {
		u, err := s.store.UserByID(ctx, session.User)
		if err != nil {
			return err
		}
		match, _, err := s.hasher.Verify(ctx, password, u.PasswordHash)
		if err != nil {
			return fmt.Errorf("verify password of user %s: %w", u.ID, err)
		}
		if !match {
			return ErrWrongPassword
		}
		err = s.store.StepUp(toTheEnd(ctx), session.ID, u.PasswordHash, s.now())
		switch {
		case errors.Is(err, ErrPasswordChanged): // or its hash was replaced
			continue
		case errors.Is(err, gatehouse.ErrNotFound):
			return ErrSignedOut
		}
		return err
	}
	return fmt.Errorf("step up: %w", gatehouse.ErrBusy)
}
