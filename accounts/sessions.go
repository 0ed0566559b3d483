package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// ErrSignedOut says that an access token is not valid, or that its session is
// over.
var ErrSignedOut = errors.New("not signed in")

// Why sessions are ended, as Session.EndReason has it.
const (
	endedByLogout     = "logout"
	endedEverywhere   = "logout_everywhere"
	endedWithDevice   = "device_ended"
	endedByPerson     = "session_ended"
	endedNotConfirmed = "not_confirmed"
)

// Grant is what a client gets for a password or a refresh token.
type Grant struct {
	AccessToken  string
	RefreshToken string
	ExpiresIn    time.Duration // of the access token
	DeviceCookie string        // to be kept by the browser; only after a Login
	Session      Session
}

// StartSession begins a session of u, whose password has just been verified,
// and returns its tokens. It returns ErrPasswordChanged if u.PasswordHash is no
// longer in force: the password must be verified again. It returns ErrLocked if u
// has been locked meanwhile.
func (s *Service) StartSession(ctx context.Context, u User, client gatehouse.Client) (Grant, error) {
	if client.Device.ID == "" {
		client.Device = s.devices.Of(u.ID, s.devices.Browser("", client.UserAgent), client.UserAgent)
	}
	session := s.newSession(u, client, s.refreshTTL)
	token := newRefreshToken()
	if err := s.store.CreateSession(toTheEnd(ctx), session, token.hash(), u.PasswordHash); err != nil {
		return Grant{}, err
	}
	return s.grant(session, token, session.Created)
}

func (s *Service) newSession(u User, client gatehouse.Client, ttl time.Duration) Session {
	now := s.now()
	return Session{
		ID: gatehouse.NewID(now), User: u.ID, Client: client,
		Created: now, LastUsed: now, Authenticated: now, Expires: now.Add(ttl),
	}
}

func (s *Service) grant(session Session, token refreshToken, now time.Time) (Grant, error) {
	access, err := s.signer.sign(session.User, session.ID, now, s.accessTTL)
	if err != nil {
		return Grant{}, err
	}
	return Grant{AccessToken: access, RefreshToken: token.String(), ExpiresIn: s.accessTTL, Session: session}, nil
}

// Refresh exchanges a refresh token. Grant has tokens only if the outcome is
// Rotated or Repeated, and a session unless it is TokenUnknown; a client must be
// told the same of all other outcomes. An error means that the store could not
// answer, and that the same token may be tried again.
func (s *Service) Refresh(ctx context.Context, token string, client gatehouse.Client) (RotationOutcome, Grant, error) {
	presented, ok := parseRefreshToken(token)
	if !ok {
		return TokenUnknown, Grant{}, nil
	}
	now := s.now()
	r := Rotation{Presented: presented.hash(), At: now, Expires: now.Add(s.refreshTTL), Grace: s.grace, Client: client}
	rand.Read(r.Salt[:]) // never fails (crypto/rand)
	r.Successor = presented.successor(s.refresh, r.Salt).hash()
	res, err := s.store.Rotate(toTheEnd(ctx), r)
	if err != nil {
		return TokenUnknown, Grant{}, err
	}
	switch res.Outcome {
	case Rotated:
		res.Salt = r.Salt
	case Repeated:
	default:
		return res.Outcome, Grant{Session: res.Session}, nil
	}
	g, err := s.grant(res.Session, presented.successor(s.refresh, res.Salt), now)
	return res.Outcome, g, err
}

// VerifyAccess returns the live session that an access token belongs to, with its
// user, or ErrSignedOut. Whether the session may be used is told by NeedsStepUp.
func (s *Service) VerifyAccess(ctx context.Context, token string) (Session, User, error) {
	user, id, err := s.signer.verify(token)
	if err != nil {
		return Session{}, User{}, ErrSignedOut
	}
	session, u, err := s.live(ctx, id)
	if err == nil && u.ID != user {
		err = ErrSignedOut
	}
	if err != nil {
		return Session{}, User{}, err
	}
	return session, u, nil
}

// live returns a live session with its user, or ErrSignedOut.
func (s *Service) live(ctx context.Context, id string) (Session, User, error) {
	session, u, err := s.store.SessionWithUser(ctx, id)
	if errors.Is(err, gatehouse.ErrNotFound) || err == nil && !session.LiveAt(s.now()) {
		err = ErrSignedOut
	}
	return session, u, err
}

// Logout ends a session. One that is over already is left as it is.
func (s *Service) Logout(ctx context.Context, session Session) error {
	_, err := s.end(ctx, SessionFilter{User: session.User, Session: session.ID}, endedByLogout)
	return err
}

// Withdraw ends a session whose tokens were never handed out.
func (s *Service) Withdraw(ctx context.Context, session Session) error {
	_, err := s.end(ctx, SessionFilter{User: session.User, Session: session.ID}, endedNotConfirmed)
	return err
}

// LogoutEverywhere ends all sessions of a user and returns how many.
func (s *Service) LogoutEverywhere(ctx context.Context, user string) (int, error) {
	return s.end(ctx, SessionFilter{User: user}, endedEverywhere)
}

// EndDevice ends the sessions of a user on one device. It returns
// gatehouse.ErrNotFound if there are none.
func (s *Service) EndDevice(ctx context.Context, user, device string) error {
	if device == "" { // would select all
		return gatehouse.ErrNotFound
	}
	n, err := s.end(ctx, SessionFilter{User: user, Device: device}, endedWithDevice)
	if err == nil && n == 0 {
		return gatehouse.ErrNotFound
	}
	return err
}

// EndSession ends one live session of a user, or returns gatehouse.ErrNotFound if
// the user has none with this ID.
func (s *Service) EndSession(ctx context.Context, user, session string) error {
	if session == "" { // would select all
		return gatehouse.ErrNotFound
	}
	n, err := s.end(ctx, SessionFilter{User: user, Session: session}, endedByPerson)
	if err == nil && n == 0 {
		return gatehouse.ErrNotFound
	}
	return err
}

// LogoutOthers ends all sessions of a user but one and returns how many.
func (s *Service) LogoutOthers(ctx context.Context, keep Session) (int, error) {
	return s.end(ctx, SessionFilter{User: keep.User, Except: keep.ID}, endedEverywhere)
}

// Sessions returns a user's live sessions, the last used first.
func (s *Service) Sessions(ctx context.Context, user string) ([]Session, error) {
	return s.store.Sessions(ctx, user, s.now())
}

func (s *Service) end(ctx context.Context, f SessionFilter, reason string) (int, error) {
	return s.store.EndSessions(toTheEnd(ctx), f, s.now(), reason)
}

// SignedInDevice is a device on which a user has live sessions.
type SignedInDevice struct {
	gatehouse.Client           // of the session last used
	Created          time.Time // when the oldest of the sessions began
	LastUsed         time.Time // of the newest
	Sessions         []string  // their IDs, the last used first
}

// SignedIn returns the devices on which a user is signed in, the last used
// first.
func (s *Service) SignedIn(ctx context.Context, user string) ([]SignedInDevice, error) {
	sessions, err := s.store.Sessions(ctx, user, s.now())
	if err != nil {
		return nil, err
	}
	var devices []SignedInDevice
	at := make(map[string]int)
	for _, session := range sessions {
		i, known := at[session.Client.Device.ID]
		if !known {
			i = len(devices)
			at[session.Client.Device.ID] = i
			devices = append(devices, SignedInDevice{Client: session.Client, Created: session.Created, LastUsed: session.LastUsed})
		}
		d := &devices[i]
		d.Sessions = append(d.Sessions, session.ID)
		if session.Created.Before(d.Created) {
			d.Created = session.Created
		}
	}
	return devices, nil
}
