package guard

import (
	"context"
	"encoding/hex"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/agent"
	"github.com/fluxstudio/gatehouse/canonical"
	"github.com/fluxstudio/gatehouse/rules"
)

// Attempt is one check of a password, for which a place is reserved. Exactly
// one of Succeed, Fail and Abandon settles it; later calls do nothing, so that
// Abandon can be deferred. It is safe for concurrent use.
//
// While the brute-force rule is in the shadow no place is reserved; failures are
// counted all the same.
type Attempt struct {
	g           *Guard
	rules       *rules.Set // those that it began with
	event       gatehouse.Event
	kinds       attemptKinds
	key         gatehouse.Key // of the counter of failures
	reservation gatehouse.Reservation
	settled     atomic.Bool
}

// attemptKinds are what an attempt is recorded as.
type attemptKinds struct{ succeeded, failed, refused gatehouse.Kind }

var (
	loginKinds          = attemptKinds{gatehouse.LoginSucceeded, gatehouse.LoginFailed, gatehouse.LoginRefused}
	passwordChangeKinds = attemptKinds{gatehouse.PasswordChanged, gatehouse.PasswordChangeFailed, gatehouse.PasswordChangeRefused}
	passwordResetKinds  = attemptKinds{gatehouse.PasswordReset, gatehouse.PasswordResetFailed, gatehouse.PasswordResetRefused}
	stepUpKinds         = attemptKinds{gatehouse.StepUpSucceeded, gatehouse.StepUpFailed, gatehouse.StepUpRefused}
)

// Begin asks to look at the password of one login attempt: e.Account, in any
// spelling, from e.IP. It may wait for its turn behind attempts in flight, for
// Options.LoginWait at most; the verdict is Busy after that. Unless the verdict
// is Allow the attempt is nil, the refusal has been recorded, and the password
// must not be looked at.
func (g *Guard) Begin(ctx context.Context, e gatehouse.Event) (*Attempt, gatehouse.Decision) {
	return g.begin(ctx, e, loginKinds)
}

// BeginPasswordChange is Begin for the check of the current password before it
// is changed. It shares the account's attempts with logins, so that a stolen
// session does not give more guesses.
func (g *Guard) BeginPasswordChange(ctx context.Context, e gatehouse.Event) (*Attempt, gatehouse.Decision) {
	return g.begin(ctx, e, passwordChangeKinds)
}

// BeginStepUp is Begin for the check of the password of somebody who is signed in
// and must give it again (RFC 9470). It shares the account's attempts with logins.
func (g *Guard) BeginStepUp(ctx context.Context, e gatehouse.Event) (*Attempt, gatehouse.Decision) {
	return g.begin(ctx, e, stepUpKinds)
}

// LinkAccount is the name under which guesses at one-time links are counted: who
// holds none has no account to guess at.
const LinkAccount = "one-time-link"

// BeginPasswordReset is Begin for the look at a one-time link. Guesses at all of
// them from one address share the attempts that one account has there. Whoever
// had a good link should Abandon the attempt: a success would give the guesses
// back.
func (g *Guard) BeginPasswordReset(ctx context.Context, e gatehouse.Event) (*Attempt, gatehouse.Decision) {
	e.Account = LinkAccount
	return g.begin(ctx, e, passwordResetKinds)
}

func (g *Guard) begin(ctx context.Context, e gatehouse.Event, kinds attemptKinds) (*Attempt, gatehouse.Decision) {
	e.Kind = kinds.refused
	e.Account = canonical.Account(e.Account)
	e = g.clean(e)
	if d := g.blocked(ctx, e.IP, e.Time); !d.Allowed() {
		return nil, g.refuse(ctx, e, d)
	}
	a := &Attempt{g: g, rules: g.rules.Load(), event: e, kinds: kinds, key: g.keys.failedLogins(e.Account, e.IP)}
	rule := &a.rules.BruteForce
	if !rule.Enabled || rule.Shadow {
		return a, allow
	}
	reservation, tally, err := g.windows.Reserve(ctx, e.Time, a.key, rule.Limit, g.wait)
	if err != nil {
		return nil, g.refuse(ctx, e, g.failure(ctx, "reserve a login attempt", err))
	}
	a.reservation = reservation
	// It may have waited, and its address may have been blocked meanwhile.
	d := g.blocked(ctx, e.IP, e.Time)
	switch {
	case !d.Allowed():
	case tally.Over:
		retry := max(tally.RetryAfter, rule.Respond.BlockIP)
		d = gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: retry}
	default:
		return a, allow
	}
	a.Abandon(ctx)
	return nil, g.refuse(ctx, e, d)
}

// Abandon gives the place back: the password was not looked at.
func (a *Attempt) Abandon(ctx context.Context) {
	if !a.settled.CompareAndSwap(false, true) {
		return
	}
	_, err := a.g.windows.Settle(context.WithoutCancel(ctx), a.event.Time, a.reservation, gatehouse.Abandoned)
	if err != nil {
		a.g.onError(ctx, "abandon a login attempt", err)
	}
}

// Fail counts a wrong password. The failure that fills the window is found as
// brute force and responded to. reason is for the log: one word. The records
// are durable when it returns nil; the failure is counted in any case that the
// counters can be reached.
func (a *Attempt) Fail(ctx context.Context, at time.Time, reason string) (gatehouse.Decision, error) {
	if !a.settled.CompareAndSwap(false, true) {
		return gatehouse.Decision{}, errSettled
	}
	// Whoever hangs up now has still had the guess.
	ctx = context.WithoutCancel(ctx)
	g, rule := a.g, &a.rules.BruteForce
	e := a.event
	e.Kind, e.Time, e.Reason = a.kinds.failed, at, reason

	tally, countErr := a.countFailure(ctx, at)
	d := allow
	records := []gatehouse.Record{newRecord(e)}
	if countErr == nil && rule.Enabled && !tally.Over && tally.Count == rule.Limit.Threshold {
		f, more := g.responder.Respond(ctx, *rule, a.key, g.counted(rule, tally, at), e)
		d.Findings = append(d.Findings, f)
		records = append(records, more...)
	}
	err := g.observed(ctx, a.rules, e, &d, records)
	if countErr != nil {
		g.onError(ctx, "count a failed login", countErr)
	}
	if countErr != nil && !rule.Shadow {
		return gatehouse.Decision{Verdict: gatehouse.Busy, RetryAfter: askAgain}, countErr
	}
	return d, err
}

// countFailure counts a failure in the reserved place or, where none was reserved
// because the rule is in the shadow, beside the others.
func (a *Attempt) countFailure(ctx context.Context, at time.Time) (gatehouse.Tally, error) {
	rule := &a.rules.BruteForce
	switch {
	case !rule.Enabled:
		return gatehouse.Tally{}, nil
	case rule.Shadow:
		return a.g.count(ctx, at, a.key, rule)
	}
	tally, err := a.g.windows.Settle(ctx, at, a.reservation, gatehouse.Failed)
	if err == nil {
		a.g.told(rule, tally.Count)
	}
	return tally, err
}

// clearFailures gives the place back and the account its attempts.
func (a *Attempt) clearFailures(ctx context.Context, at time.Time) (err error) {
	switch rule := &a.rules.BruteForce; {
	case rule.Enabled && rule.Shadow:
		err = a.g.windows.Forget(ctx, a.key)
	case rule.Enabled:
		_, err = a.g.windows.Settle(ctx, at, a.reservation, gatehouse.Succeeded)
	}
	return err
}

// Succeed clears the account's failures from this address, remembers the device
// and the place, and runs the rules that compare them with earlier ones. s says
// who it turned out to be; without a user ID the account name stands in. A
// device without ID is told by its user agent. The
// records are durable when it returns nil.
func (a *Attempt) Succeed(ctx context.Context, at time.Time, s gatehouse.Subject, device gatehouse.Device) (gatehouse.Decision, error) {
	if !a.settled.CompareAndSwap(false, true) {
		return gatehouse.Decision{}, errSettled
	}
	ctx = context.WithoutCancel(ctx)
	g := a.g
	e := a.event
	e.Kind, e.Time = a.kinds.succeeded, at
	e.User, e.Session = s.User, s.Session
	if e.User == "" {
		e.User = e.Account
	}
	e.Device = g.identify(e, device)

	if err := a.clearFailures(ctx, at); err != nil {
		g.onError(ctx, "reset failed logins", err)
	}
	d := allow
	records := []gatehouse.Record{newRecord(e)}
	if e.Kind == gatehouse.LoginSucceeded {
		records = append(records, g.compare(ctx, a.rules, e, &d)...)
	}
	return d, g.observed(ctx, a.rules, e, &d, records)
}

// identify fills in what is not known of a device.
func (g *Guard) identify(e gatehouse.Event, d gatehouse.Device) gatehouse.Device {
	if d.ID == "" {
		key := g.keys.device(e.User, e.UserAgent)
		d.ID = hex.EncodeToString(key[:])
	}
	if d.Name == "" {
		d.Name = agent.DeviceName(e.UserAgent)
	}
	d.Name = gatehouse.CleanText(d.Name, gatehouse.MaxText)
	return d
}

// compare runs the rules that look at where and on what a user was before.
func (g *Guard) compare(ctx context.Context, set *rules.Set, e gatehouse.Event, d *gatehouse.Decision) []gatehouse.Record {
	now := gatehouse.Sighting{Time: e.Time, IP: e.IP, Place: e.Place, Device: e.Device}
	before, err := g.sightings.See(ctx, e.User, now)
	if err != nil {
		// A login is not refused because its history cannot be read.
		g.onError(ctx, "compare with earlier logins", err)
		return nil
	}
	d.NewDevice, d.NewCountry = news(before, now)
	sightings := append([]gatehouse.Sighting{now}, before...)
	var records []gatehouse.Record
	respond := func(f *gatehouse.Finding, parts ...string) {
		if f == nil {
			return
		}
		key := g.keys.ongoing(f.Rule, append(parts, e.User)...)
		done, more := g.responder.Respond(ctx, *set.Rule(f.Rule), key, *f, e)
		d.Findings = append(d.Findings, done)
		records = append(records, more...)
	}
	respond(g.manyDevices(&set.MultipleDevices, sightings))
	for _, f := range g.takeover(set, sightings) {
		respond(&f, f.Evidence.Travel.From.Place.Country, e.Device.ID)
	}
	return records
}

// news tells whether the device and the country of a user who was seen before are
// new. A country is only new to somebody who was seen in a known one.
func news(earlier []gatehouse.Sighting, now gatehouse.Sighting) (device, country bool) {
	device, country = len(earlier) > 0, false
	been := false
	for _, s := range earlier {
		device = device && s.Device.ID != now.Device.ID
		country = country || s.Place.Known()
		been = been || s.Place.Country == now.Place.Country
	}
	return device, country && now.Place.Known() && !been
}
