package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Options configure a Service. Store is required; the rest has defaults.
type Options struct {
	Store  Store
	Hasher *Hasher // default: one with the default HasherOptions
	Policy Policy  // which passwords may be chosen
	// Keys sign and derive. With the zero value new ones are made, so that tokens
	// do not outlive the process.
	Keys Keys
	// Now is the clock; default: time.Now.
	Now func() time.Time
	// AccessTTL is how long an access token is good; default: 15 min.
	AccessTTL time.Duration
	// RefreshTTL is how long a session lives after its last use; default: 720 h.
	RefreshTTL time.Duration
	// RefreshGrace is for how long after its use a refresh token that comes again
	// gets the same successor, as long as that is unused; default: 10 s. A
	// negative one allows none.
	RefreshGrace time.Duration
	// ResetTTL is how long a link to reset the password is good; default: 1 h.
	ResetTTL time.Duration
	// DisownTTL is how long a "this was not me" link is good; default: 7 days.
	DisownTTL time.Duration
	// Issuer and Audience are the "iss" and "aud" of access tokens; default:
	// "gatehouse".
	Issuer, Audience string
}

// Service is what a login server does with accounts. It is safe for concurrent
// use. Where nothing else is said, its errors are those of the Store, and
// gatehouse.ErrBusy when too many passwords were waiting to be hashed. What it
// has begun to write it finishes, whatever becomes of the context.
type Service struct {
	store   Store
	hasher  *Hasher
	policy  Policy
	signer  *signer
	devices *Devices
	refresh []byte // key of refresh tokens' successors
	links   []byte // key of the tokens of one-time links
	browser []byte // key of session cookies
	misfits []byte // key of the names of what is no account name
	now     func() time.Time

	accessTTL, refreshTTL, grace time.Duration
	resetTTL, disownTTL          time.Duration
}

// New returns a Service, or an error that names the option that is missing or out
// of bounds.
func New(o Options) (*Service, error) {
	if o.Store == nil {
		return nil, errors.New("accounts: Options.Store is required")
	}
	if o.Hasher == nil {
		h, err := NewHasher(HasherOptions{})
		if err != nil {
			return nil, fmt.Errorf("accounts: %w", err)
		}
		o.Hasher = h
	}
	if o.Keys.Signing == nil && o.Keys.Secret == [32]byte{} {
		o.Keys = GenerateKeys()
	}
	if err := o.Keys.check(); err != nil {
		return nil, fmt.Errorf("accounts: Options.Keys: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{
		store: o.Store, hasher: o.Hasher, policy: o.Policy, now: o.Now,
		devices:    NewDevices(o.Keys),
		refresh:    o.Keys.Derive("refresh successor"),
		links:      o.Keys.Derive("one-time links"),
		browser:    o.Keys.Derive("session cookie"),
		misfits:    o.Keys.Derive("misfit account names"),
		accessTTL:  cmp.Or(o.AccessTTL, 15*time.Minute),
		refreshTTL: cmp.Or(o.RefreshTTL, 720*time.Hour),
		grace:      max(0, cmp.Or(o.RefreshGrace, 10*time.Second)),
		resetTTL:   cmp.Or(o.ResetTTL, time.Hour),
		disownTTL:  cmp.Or(o.DisownTTL, 7*24*time.Hour),
	}
	if s.accessTTL < time.Second || s.refreshTTL < s.accessTTL {
		return nil, fmt.Errorf("accounts: AccessTTL %s must be 1 s or more, and RefreshTTL %s not shorter", s.accessTTL, s.refreshTTL)
	}
	s.signer = newSigner(o.Keys, cmp.Or(o.Issuer, "gatehouse"), cmp.Or(o.Audience, "gatehouse"), o.Now)
	return s, nil
}

// toTheEnd is the context of what changes the store. A caller who goes away while
// it is written would be told of a failure that may be none, and nobody would
// put into the security log what was done.
func toTheEnd(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// Devices tells the devices of this service's users apart.
func (s *Service) Devices() *Devices { return s.devices }
