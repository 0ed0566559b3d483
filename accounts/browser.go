package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// BrowserGrant is what a browser gets for a password: a session that is held by a
// cookie instead of tokens.
type BrowserGrant struct {
	Session      Session
	Cookie       string // to be kept by the browser as long as it is signed in
	DeviceCookie string // to be kept for longer
}

// StartBrowserSession begins a session of u, whose password has just been verified,
// that lives for ttl after its last use. Errors are those of StartSession. The
// client's device is told by the device cookie, which may be empty.
func (s *Service) StartBrowserSession(ctx context.Context, u User, client gatehouse.Client, deviceCookie string, ttl time.Duration) (BrowserGrant, error) {
	browser := s.devices.Browser(deviceCookie, client.UserAgent)
	client.Device = s.devices.Of(u.ID, browser, client.UserAgent)
	session := s.newSession(u, client, ttl)
	session.Browser = true
	if err := s.store.CreateSession(toTheEnd(ctx), session, TokenHash{}, u.PasswordHash); err != nil {
		return BrowserGrant{}, err
	}
	return BrowserGrant{Session: session, Cookie: s.sessionCookie(session.ID), DeviceCookie: s.devices.Cookie(browser)}, nil
}

// LoginBrowser is Authenticate and StartBrowserSession in one; see Login.
func (s *Service) LoginBrowser(ctx context.Context, l Login, ttl time.Duration) (User, BrowserGrant, error) {
	return loginWith(ctx, s, l, func(u User) (BrowserGrant, error) {
		return s.StartBrowserSession(ctx, u, l.Client, l.DeviceCookie, ttl)
	})
}

// touchEvery is how long it takes until a session is written again because it was
// used.
const touchEvery = time.Minute

// VerifyBrowser returns the live session that a cookie stands for, with its user,
// or ErrSignedOut. It notes who asks and extends the session, so that it lives for
// ttl from now on: at most once a minute, as far as the store can be written to, and
// not at all where ttl is 0, for what a page asks by itself while nobody is there.
func (s *Service) VerifyBrowser(ctx context.Context, cookie string, client gatehouse.Client, ttl time.Duration) (Session, User, error) {
	id, ok := s.openSessionCookie(cookie)
	if !ok {
		return Session{}, User{}, ErrSignedOut
	}
	session, u, err := s.live(ctx, id)
	if err == nil && !session.Browser {
		err = ErrSignedOut
	}
	if err != nil {
		return Session{}, User{}, err
	}
	now := s.now()
	if ttl == 0 || now.Sub(session.LastUsed).Abs() < touchEvery { // a clock may have stepped back
		return session, u, nil
	}
	if !client.Place.Known() && client.IP == session.Client.IP {
		client.Place = session.Client.Place
	}
	client.Device = session.Client.Device
	err = s.store.TouchSession(toTheEnd(ctx), session.ID, client, now, now.Add(ttl))
	if errors.Is(err, gatehouse.ErrNotFound) { // it was ended meanwhile
		return Session{}, User{}, ErrSignedOut
	}
	if err == nil { // else the next request tries again
		session.Client, session.LastUsed, session.Expires = client, now, now.Add(ttl)
	}
	return session, u, nil
}

// sessionCookieVersion begins the value of a session cookie.
const sessionCookieVersion = "1."

// sessionCookie returns the value of the cookie that stands for a session: its ID,
// which is no secret, and what proves that this server has given it away.
func (s *Service) sessionCookie(id string) string {
	return sessionCookieVersion + id + "." + cookieEncoding.EncodeToString(mac(s.browser, id))
}

// openSessionCookie accepts exactly what sessionCookie writes.
func (s *Service) openSessionCookie(cookie string) (id string, ok bool) {
	const longest = 128 // ours have 82 bytes
	if len(cookie) > longest {
		return "", false
	}
	id, _, ok = strings.Cut(strings.TrimPrefix(cookie, sessionCookieVersion), ".")
	return id, ok && id != "" && hmac.Equal([]byte(cookie), []byte(s.sessionCookie(id)))
}
