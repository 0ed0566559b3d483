package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// User is a person with an account.
type User struct {
	ID              string
	Account         string // canonical e-mail address; unique
	Email           string // as typed
	Name            string
	PasswordHash    string // PHC string
	Created         time.Time
	PasswordChanged time.Time
	Role            Role
	// Locked is since when nobody can log in; zero: not locked.
	Locked time.Time
	// StepUp is before which a session's password must not have been given: such a
	// session needs it again. Zero: no session does.
	StepUp time.Time
}

// Session is one login on one device. It lives until it is ended or expires;
// its refresh tokens are one family.
type Session struct {
	ID        string
	User      string
	Client    gatehouse.Client // device, address and place at its last use
	Browser   bool             // held by a cookie: it has no tokens
	Created   time.Time
	LastUsed  time.Time
	Expires   time.Time
	Ended     time.Time // zero while it lives
	EndReason string
	// Authenticated is when its password was given last. Zero in CreateSession:
	// when it was created.
	Authenticated time.Time
}

// LiveAt reports whether the session holds at the instant t.
func (s Session) LiveAt(t time.Time) bool { return s.Ended.IsZero() && t.Before(s.Expires) }

// TokenHash is the SHA-256 of a refresh token. Tokens themselves are not kept.
type TokenHash [32]byte

// Rotation asks to exchange a refresh token for its successor.
type Rotation struct {
	Presented TokenHash
	Successor TokenHash
	Salt      [16]byte // from which the successor was derived
	At        time.Time
	Expires   time.Time     // of the successor and of its session
	Grace     time.Duration // how long a racing retry gets the same successor
	// Client is who asks. Its address, user agent and place become the
	// session's; its device is ignored, since a session stays on the device that
	// it was created on.
	Client gatehouse.Client
}

// RotationOutcome says what became of a presented refresh token.
type RotationOutcome uint8

// The outcomes of a rotation. Only Rotated and Repeated hand out a token.
const (
	TokenUnknown RotationOutcome = iota
	Rotated                      // the token is spent and the successor is valid
	Repeated                     // spent within the grace, successor unused: Salt is the one stored then
	Reused                       // spent before: the session has been ended by this call
	SessionOver                  // the token or its session had expired or been ended
)

// RotationResult is the answer to a Rotation. Session is set for every outcome
// but TokenUnknown.
type RotationResult struct {
	Outcome RotationOutcome
	Session Session
	Salt    [16]byte
}

// Why an account operation was refused by the store.
var (
	// ErrTaken says that the account name belongs to somebody.
	ErrTaken = errors.New("account exists")
	// ErrPasswordChanged says that the password was changed between its
	// verification and this call.
	ErrPasswordChanged = errors.New("password changed meanwhile")
)

// Store keeps users, sessions and the hashes of refresh tokens. Every method is
// one transaction, durable when it returns nil, and safe for concurrent use. What
// does not exist is gatehouse.ErrNotFound; a store that cannot answer gives an
// error that wraps gatehouse.ErrUnavailable.
type Store interface {
	// CreateUser adds u, with its role, or returns ErrTaken.
	CreateUser(ctx context.Context, u User) error
	UserByAccount(ctx context.Context, account string) (User, error)
	UserByID(ctx context.Context, id string) (User, error)
	// Users returns at most limit users in order of account, from the first
	// one after the given account.
	Users(ctx context.Context, after string, limit int) ([]User, error)
	// SetPassword replaces oldHash by newHash and ends the user's sessions
	// except keep and their links ToReset. It returns ErrPasswordChanged if
	// oldHash is not in force, and the number of sessions ended.
	SetPassword(ctx context.Context, user, oldHash, newHash, keep string, at time.Time) (int, error)
	// UpgradeHash replaces oldHash by newHash, another hash of the same
	// password, and ends no session. It returns ErrPasswordChanged if oldHash is
	// not in force.
	UpgradeHash(ctx context.Context, user, oldHash, newHash string) error

	// CreateSession adds s with its first refresh token, unless that is zero. It
	// returns ErrPasswordChanged if the user's password hash is not passwordHash,
	// and ErrLocked if the user is locked. Its Authenticated is later than
	// User.StepUp, whatever the clock.
	CreateSession(ctx context.Context, s Session, first TokenHash, passwordHash string) error
	// Session returns a session, ended or not.
	Session(ctx context.Context, id string) (Session, error)
	// SessionWithUser returns a session, ended or not, and whose it is.
	SessionWithUser(ctx context.Context, id string) (Session, User, error)
	// TouchSession notes who used a session last and when, and when it expires. It
	// returns gatehouse.ErrNotFound if it is not live. Its device stays.
	TouchSession(ctx context.Context, id string, client gatehouse.Client, at, expires time.Time) error
	// Sessions returns a user's live sessions, the last used first.
	Sessions(ctx context.Context, user string, at time.Time) ([]Session, error)
	// Rotate exchanges a refresh token; see RotationOutcome.
	Rotate(ctx context.Context, r Rotation) (RotationResult, error)
	// EndSessions ends the live sessions that f selects and returns how many.
	EndSessions(ctx context.Context, f SessionFilter, at time.Time, reason string) (int, error)

	OneTimeStore
	OperatorStore

	// DeleteExpired removes at most limit sessions that ended or expired before
	// the given instant, with their tokens, and returns how many.
	DeleteExpired(ctx context.Context, before time.Time, limit int) (int, error)
}

// OneTimeStore keeps the hashes of one-time links. It is a part of Store.
type OneTimeStore interface {
	// IssueOneTime adds o and returns how many were refused since the newest of
	// its user and purpose, or ErrTooManyLinks if a has no room at o.Created:
	// that is counted as refused.
	IssueOneTime(ctx context.Context, o OneTime, a Allowance) (held int, err error)
	// OneTime returns a link, live or not.
	OneTime(ctx context.Context, p Purpose, hash TokenHash) (OneTime, error)
	// SpendOneTime uses a link: the user's password hash becomes newHash, and
	// all sessions end and all links are spent, this one and those of other
	// purposes. Of many calls for one user at the same time one succeeds; the
	// others, like those with a link that is not live or of a user who is
	// locked, change nothing and return ErrLinkOver. It returns how many sessions
	// were ended.
	SpendOneTime(ctx context.Context, p Purpose, hash TokenHash, newHash string, at time.Time) (int, error)
	// DeleteExpiredLinks removes at most limit links that expired before the
	// given instant and returns how many.
	DeleteExpiredLinks(ctx context.Context, before time.Time, limit int) (int, error)
}

// SessionFilter selects sessions of one user. User is required.
type SessionFilter struct {
	User    string
	Session string // only this one, if set
	Device  string // only those on this device, if set
	Except  string // not this one, if set
}
