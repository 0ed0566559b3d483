package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Why a one-time link was of no use. A client must be told the same of both.
var (
	// ErrLink says that there is no such link.
	ErrLink = errors.New("no such link")
	// ErrLinkOver says that the link was good once: it has expired, has been used,
	// or another one was used instead. It wraps ErrLink. Who has it guessed
	// nothing.
	ErrLinkOver = fmt.Errorf("%w any more", ErrLink)
	// ErrTooManyLinks says that an Allowance is used up.
	ErrTooManyLinks = errors.New("too many links for now")
)

// Purpose is what a one-time link is good for.
type Purpose string

// The purposes.
const (
	ToReset  Purpose = "password_reset" // to choose a new password
	ToDisown Purpose = "not_me"         // to say that somebody else was at the account
)

// OneTime is a link that is sent to an account holder and works once. Its token
// is not kept, only what it hashes to.
type OneTime struct {
	Hash    TokenHash
	User    string
	Purpose Purpose
	Topic   gatehouse.Kind // what the mail that it came with was about
	Created time.Time
	Expires time.Time
	Spent   time.Time // when it was used or became void; zero while it is good
}

// LiveAt reports whether the link is good at the instant t.
func (o OneTime) LiveAt(t time.Time) bool { return o.Spent.IsZero() && t.Before(o.Expires) }

// Allowance bounds how many links, and so mails, a user gets within a sliding
// window.
type Allowance struct {
	Window  time.Duration
	Purpose int // of one purpose; 0: no limit
	Topic   int // of one purpose about one topic; 0: no limit
}

// ticketLen is the length of a ticket and of a token, in bytes.
const ticketLen = 32

// linkPrefix marks tokens of links, so that scanners for leaked secrets, our own
// among them, know them.
const linkPrefix = "ghl_"

// IssueLink makes a link for a user and returns its ticket, from which LinkToken
// makes the token when the mail is sent. So what waits to be sent is no secret,
// and the database knows none. held is how many links were refused since the last
// one of this purpose. The error is ErrTooManyLinks when the allowance is used
// up. It ends with ctx: a link that nobody hears of does no harm.
func (s *Service) IssueLink(ctx context.Context, user string, p Purpose, topic gatehouse.Kind, a Allowance) (ticket string, held int, err error) {
	var t [ticketLen]byte
	rand.Read(t[:]) // never fails (crypto/rand)
	ttl := s.resetTTL
	if p == ToDisown {
		ttl = s.disownTTL
	}
	now := s.now()
	token := s.linkToken(t[:])
	o := OneTime{Hash: sha256.Sum256(token), User: user, Purpose: p, Topic: topic, Created: now, Expires: now.Add(ttl)}
	if held, err = s.store.IssueOneTime(ctx, o, a); err != nil {
		return "", 0, err
	}
	return refreshEncoding.EncodeToString(t[:]), held, nil
}

// LinkToken returns the token of a ticket, as a link has it.
func (s *Service) LinkToken(ticket string) (string, error) {
	t, ok := parseTicket(ticket)
	if !ok {
		return "", errors.New("accounts: not a ticket")
	}
	return linkPrefix + refreshEncoding.EncodeToString(s.linkToken(t)), nil
}

// parseTicket reads what stands for 32 bytes in exactly one spelling. The decoder
// would skip line breaks.
func parseTicket(text string) ([]byte, bool) {
	if len(text) != refreshEncoding.EncodedLen(ticketLen) {
		return nil, false
	}
	t, err := refreshEncoding.DecodeString(text)
	return t, err == nil && len(t) == ticketLen
}

func (s *Service) linkToken(ticket []byte) []byte {
	mac := hmac.New(sha256.New, s.links)
	mac.Write(ticket)
	return mac.Sum(nil)
}

// link returns what is known of a token. Its error is ErrLink, ErrLinkOver, or
// the store's.
func (s *Service) link(ctx context.Context, token string, p Purpose) (OneTime, error) {
	text, ours := strings.CutPrefix(token, linkPrefix)
	secret, ok := parseTicket(text)
	if !ours || !ok {
		return OneTime{}, ErrLink
	}
	o, err := s.store.OneTime(ctx, p, sha256.Sum256(secret))
	switch {
	case errors.Is(err, gatehouse.ErrNotFound):
		return OneTime{}, ErrLink
	case err == nil && !o.LiveAt(s.now()):
		return o, ErrLinkOver
	}
	return o, err
}

// UserByAccount returns the user with an account name, in any spelling, or
// gatehouse.ErrNotFound.
func (s *Service) UserByAccount(ctx context.Context, account string) (User, error) {
	return s.store.UserByAccount(ctx, s.AccountName(account))
}

// ResetPassword sets the password of the user to whom the token was sent, and
// ends all sessions and all links of that user. A *PolicyError says that next may
// not be chosen, and leaves the link good. Otherwise the error is one that wraps
// ErrLink, with the user's ID where one is known, or is the store's.
func (s *Service) ResetPassword(ctx context.Context, token, next string) (User, error) {
	o, err := s.link(ctx, token, ToReset)
	if err != nil {
		return User{ID: o.User}, err
	}
	u, err := s.store.UserByID(ctx, o.User)
	if err != nil {
		return User{ID: o.User}, err
	}
	if err := s.policy.Check(next, u.Email, u.Name); err != nil {
		return u, err
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return u, err
	}
	_, err = s.store.SpendOneTime(toTheEnd(ctx), ToReset, o.Hash, hash, s.now())
	return u, err
}

// Disown does what the holder of an account asks who says that somebody else was
// at it: it ends all sessions and all links, and makes the password one that
// nobody knows, since the stranger may know it. The user needs a link of
// ToReset after that. Errors are as for ResetPassword.
func (s *Service) Disown(ctx context.Context, token string) (User, error) {
	o, err := s.link(ctx, token, ToDisown)
	if err != nil {
		return User{ID: o.User}, err
	}
	u, err := s.store.UserByID(ctx, o.User)
	if err != nil {
		return User{ID: o.User}, err
	}
	_, err = s.store.SpendOneTime(toTheEnd(ctx), ToDisown, o.Hash, s.hasher.unknown().String(), s.now())
	return u, err
}
