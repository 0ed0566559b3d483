package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/canonical"
)

// Why a password was not accepted, besides ErrLocked. A client must be told the
// same of all.
var (
	// ErrWrongPassword says that the password is not the account's.
	ErrWrongPassword = errors.New("wrong account or password")
	// ErrUnknownAccount says that nobody has the account. It wraps
	// ErrWrongPassword.
	ErrUnknownAccount = fmt.Errorf("%w: nobody has it", ErrWrongPassword)
)

// maxName is the longest name of a person, in characters.
const maxName = 200

// Signup adds a user. It returns a *PolicyError if the address, the password or
// the name cannot be used, and ErrTaken if somebody has the address already,
// which takes as long as a success.
func (s *Service) Signup(ctx context.Context, email, password, name string) (User, error) {
	return s.create(ctx, email, password, name, Holder, s.store.CreateUser)
}

// create judges what a person chose and adds the user.
func (s *Service) create(ctx context.Context, email, password, name string, role Role, add func(context.Context, User) error) (User, error) {
	account, err := canonical.Email(email)
	if err != nil {
		detail := strings.TrimPrefix(err.Error(), canonical.ErrEmail.Error()+": ")
		return User{}, &PolicyError{"email", "email_invalid", "The e-mail address cannot be used: " + detail + "."}
	}
	email, name = strings.TrimSpace(email), strings.TrimSpace(name)
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return User{}, &PolicyError{"name", "name_invalid", fmt.Sprintf("The name must be at most %d printable characters.", maxName)}
	}
	if err := s.policy.Check(password, email, name); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	now := s.now()
	u := User{
		ID: gatehouse.NewID(now), Account: account, Email: email, Name: name,
		PasswordHash: hash, Created: now, PasswordChanged: now, Role: role,
	}
	if err := add(toTheEnd(ctx), u); err != nil {
		return User{}, err
	}
	return u, nil
}

// MinPassword is how many characters a password must have that is chosen.
func (s *Service) MinPassword() int { return s.policy.least() }

// User returns a user by ID.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	return s.store.UserByID(ctx, id)
}

// Authenticate returns the user whose account and password these are, or an error
// that wraps ErrWrongPassword. An unknown account, a locked one, and a password
// that nobody can have, cost the same work as a wrong one.
func (s *Service) Authenticate(ctx context.Context, account, password string) (User, error) {
	u, _, err := s.authenticate(ctx, account, password)
	return u, err
}

func (s *Service) authenticate(ctx context.Context, account, password string) (u User, outdated bool, err error) {
	u, err = s.store.UserByAccount(ctx, canonical.Account(account))
	if errors.Is(err, gatehouse.ErrNotFound) {
		if err := s.hasher.VerifyNobody(ctx, password); err != nil {
			return User{}, false, err
		}
		return User{}, false, ErrUnknownAccount
	}
	if err != nil {
		return User{}, false, err
	}
	match, outdated, err := s.hasher.Verify(ctx, password, u.PasswordHash)
	switch {
	case err != nil:
		return u, false, fmt.Errorf("verify password of user %s: %w", u.ID, err)
	case !match:
		return User{}, false, ErrWrongPassword
	case !u.Locked.IsZero():
		return User{ID: u.ID}, false, ErrLocked
	}
	return u, outdated, nil
}

// Login asks for tokens in exchange for a password.
type Login struct {
	Account, Password string
	Client            gatehouse.Client // its Device is filled in
	DeviceCookie      string           // what came as such, if anything
}

// Login is Authenticate and StartSession in one. A hash with outdated parameters
// is replaced; should that fail, the next login tries again. With an error that is
// about a user, their ID is returned too, for the log.
func (s *Service) Login(ctx context.Context, l Login) (User, Grant, error) {
	return loginWith(ctx, s, l, func(u User) (Grant, error) {
		browser := s.devices.Browser(l.DeviceCookie, l.Client.UserAgent)
		client := l.Client
		client.Device = s.devices.Of(u.ID, browser, client.UserAgent)
		g, err := s.StartSession(ctx, u, client)
		g.DeviceCookie = s.devices.Cookie(browser)
		return g, err
	})
}

// loginWith is Login with one way or another to start a session.
func loginWith[G any](ctx context.Context, s *Service, l Login, start func(User) (G, error)) (User, G, error) {
	var none G
	var u User
	for range 3 {
		var outdated bool
		var err error
		u, outdated, err = s.authenticate(ctx, l.Account, l.Password)
		if err != nil {
			return User{ID: u.ID}, none, err
		}
		g, err := start(u)
		if errors.Is(err, ErrPasswordChanged) {
			// Or its hash was replaced by a login at the same time. The password
			// has to be looked at again.
			continue
		}
		if err != nil {
			return User{ID: u.ID}, none, err
		}
		if outdated {
			s.upgrade(ctx, u, l.Password)
		}
		return u, g, nil
	}
	return User{ID: u.ID}, none, fmt.Errorf("start a session: %w", gatehouse.ErrBusy)
}

func (s *Service) upgrade(ctx context.Context, u User, password string) {
	if fresh, err := s.hasher.Hash(ctx, password); err == nil {
		s.store.UpgradeHash(ctx, u.ID, u.PasswordHash, fresh) // the next login tries again
	}
}

// ChangePassword replaces the current password by next and ends the user's
// sessions but keep. It returns a *PolicyError if next may not be chosen, which
// is found out before the current password is looked at; an error that wraps
// ErrWrongPassword if current is not the password; and ErrPasswordChanged if
// somebody else has changed it at the same time.
func (s *Service) ChangePassword(ctx context.Context, user, current, next, keep string) error {
	u, err := s.store.UserByID(ctx, user)
	if err != nil {
		return err
	}
	if err := s.policy.Check(next, u.Email, u.Name); err != nil {
		return err
	}
	if next == current {
		return &PolicyError{"password", "password_unchanged", "The new password is the current one."}
	}
	match, _, err := s.hasher.Verify(ctx, current, u.PasswordHash)
	if err != nil {
		return fmt.Errorf("verify password of user %s: %w", u.ID, err)
	}
	if !match {
		return ErrWrongPassword
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return err
	}
	_, err = s.store.SetPassword(toTheEnd(ctx), u.ID, u.PasswordHash, hash, keep, s.now())
	return err
}

// AccountName returns the name by which attempts at an account are counted and
// recorded: the canonical e-mail address. Anything else becomes a keyed hash,
// since people type passwords into the wrong field.
func (s *Service) AccountName(typed string) string {
	if account, err := canonical.Email(typed); err == nil {
		return account
	}
	mac := hmac.New(sha256.New, s.misfits)
	mac.Write([]byte(canonical.Account(typed)))
	return "no-address-" + hex.EncodeToString(mac.Sum(nil)[:8])
}
