package accountmail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/outbox"
)

// Outbox is the end of outbox.Store that messages are put into.
type Outbox interface {
	Enqueue(ctx context.Context, list ...outbox.Delivery) error
}

// Options are the parts of a Mailer. Accounts, Outbox and PublicURL are required.
type Options struct {
	Accounts *accounts.Service
	Outbox   Outbox
	// PublicURL is where people reach the login server, like
	// "https://login.example.com". It may have a path.
	PublicURL string
	// Notices and Resets are how many of each an account gets in an hour.
	// Default: 10 and 3.
	Notices, Resets int
	// Timeout is how long a request may wait until its notice is kept. Default:
	// 2 s.
	Timeout time.Duration
	// Delay is the longest time after which a request is looked into whose
	// answer must not tell whether the account exists. Default: 1 s.
	Delay time.Duration
	// Queue is how many of those may wait. Default: 1024.
	Queue int
	Now   func() time.Time // default: time.Now
	// OnError hears of what could not be told. It may be called concurrently.
	// Default: nobody does.
	OnError func(ctx context.Context, doing string, err error)
}

// Mailer writes to account holders. It is safe for concurrent use. A nil Mailer
// writes to nobody.
type Mailer struct {
	o     Options
	base  string // PublicURL without the slash at its end
	later chan job
}

// job is something to look into later.
type job struct {
	event gatehouse.Event
	until time.Time // of the block that the guesses led to
}

// New returns a Mailer, or an error that names the option that is missing or
// malformed.
func New(o Options) (*Mailer, error) {
	if o.Accounts == nil || o.Outbox == nil {
		return nil, errors.New("accountmail: Options.Accounts and Options.Outbox are required")
	}
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(o.PublicURL, "?#") {
		return nil, errors.New("accountmail: the public URL must be one like https://login.example.com, without query, fragment and user")
	}
	// Less than nothing is nothing, which is the default.
	o.Notices, o.Resets = cmp.Or(max(0, o.Notices), 10), cmp.Or(max(0, o.Resets), 3)
	o.Timeout, o.Delay = cmp.Or(max(0, o.Timeout), 2*time.Second), cmp.Or(max(0, o.Delay), time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(context.Context, string, error) {}
	}
	return &Mailer{o: o, base: strings.TrimRight(u.String(), "/"), later: make(chan job, cmp.Or(max(0, o.Queue), 1024))}, nil
}

// RequestReset takes note of a request for a link to reset the password of
// e.Account, which may be nobody's, and returns at once. Run looks into it. It
// returns gatehouse.ErrBusy when too many wait.
func (m *Mailer) RequestReset(e gatehouse.Event) error {
	if m == nil {
		return nil
	}
	select {
	case m.later <- job{event: e}:
		return nil
	default:
		return fmt.Errorf("requests for new passwords: %w", gatehouse.ErrBusy)
	}
}

// Tell tells the account holder of an event, where it is one to tell of: a login
// on a new device or from a new country, guesses at the password that were
// stopped, a password that was changed or reset, sessions that were all ended.
// d is the guard's decision about the event. The message is in the outbox when
// Tell returns, but for that about guesses: there the answer must not tell
// whether the account exists.
func (m *Mailer) Tell(ctx context.Context, e gatehouse.Event, d gatehouse.Decision) {
	if m == nil {
		return
	}
	switch e.Kind {
	case gatehouse.LoginSucceeded:
		if !d.NewDevice && !d.NewCountry {
			return
		}
	case gatehouse.PasswordChanged, gatehouse.PasswordReset, gatehouse.LoggedOutEverywhere:
	case gatehouse.LoginFailed, gatehouse.PasswordChangeFailed:
		if until, stopped := guesses(d); stopped {
			select {
			case m.later <- job{e, until}:
			default:
				m.failed(ctx, e, gatehouse.ErrBusy)
			}
		}
		return
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.o.Timeout)
	defer cancel()
	u, err := m.o.Accounts.User(ctx, e.User)
	if err == nil {
		err = m.send(ctx, u, notice(e, d))
	}
	if err != nil {
		m.failed(ctx, e, err)
	}
}

func (m *Mailer) failed(ctx context.Context, e gatehouse.Event, err error) {
	if !errors.Is(err, accounts.ErrTooManyLinks) {
		m.o.OnError(ctx, "tell an account holder of "+string(e.Kind), err)
	}
}

// guesses returns until when the address of guesses at a password is blocked, and
// whether there is a finding about them.
func guesses(d gatehouse.Decision) (until time.Time, found bool) {
	for _, f := range d.Findings {
		if f.Kind != gatehouse.BruteForceDetected || f.Shadow {
			continue
		}
		found = true
		for _, a := range f.Actions {
			if a.Target.IsValid() && a.Failure == "" {
				until = a.Until
			}
		}
	}
	return until, found
}

// Disowned mails the link for a new password to somebody who said that it was not
// them: accounts.Service.Disown has taken the old one away. Such a mail is not
// limited, since the link that led here is. If it cannot be put into the outbox,
// they can still ask for one.
func (m *Mailer) Disowned(ctx context.Context, u accounts.User, e gatehouse.Event) {
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.o.Timeout)
	defer cancel()
	if err := m.send(ctx, u, disowned(e)); err != nil {
		m.failed(ctx, e, err)
	}
}

// Run looks into what RequestReset and Tell left for later, until ctx ends; what
// waits then it still looks into, for as long as Options.Timeout.
func (m *Mailer) Run(ctx context.Context) error {
	if m == nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.o.Timeout)
			defer cancel()
			m.rest(last)
			return nil
		case j := <-m.later:
			// Some time later, so that the work is not seen in how fast the next
			// request is answered.
			wait := time.NewTimer(rand.N(m.o.Delay))
			select {
			case <-ctx.Done():
			case <-wait.C:
			}
			wait.Stop()
			m.look(ctx, j)
			m.rest(ctx)
		}
	}
}

// rest works off what waits, until ctx ends.
func (m *Mailer) rest(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case j := <-m.later:
			m.look(ctx, j)
		default:
			return
		}
	}
}

// look finishes what it has begun, whatever becomes of ctx.
func (m *Mailer) look(ctx context.Context, j job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.o.Timeout)
	defer cancel()
	u, err := m.o.Accounts.UserByAccount(ctx, j.event.Account)
	switch {
	case errors.Is(err, gatehouse.ErrNotFound):
		return
	case err == nil && j.event.Kind == gatehouse.PasswordResetRequested:
		err = m.send(ctx, u, reset(j.event))
	case err == nil:
		err = m.send(ctx, u, guessed(j.event, j.until))
	}
	if err != nil {
		m.failed(ctx, j.event, err)
	}
}

// send makes the link of a letter and puts it into the outbox.
func (m *Mailer) send(ctx context.Context, u accounts.User, l letter) error {
	const window = time.Hour
	a := accounts.Allowance{Window: window}
	switch {
	case l.purpose == accounts.ToDisown:
		a.Purpose, a.Topic = m.o.Notices, l.most
	case l.limited:
		a.Purpose = m.o.Resets
	}
	ticket, held, err := m.o.Accounts.IssueLink(ctx, u.ID, l.purpose, l.message.Event, a)
	if err != nil {
		return err
	}
	now := m.o.Now()
	msg := l.message
	msg.Key = "account-" + gatehouse.NewID(now)
	msg.To = u.Email
	msg.Facts = append(facts(u), msg.Facts...)
	if held > 0 && l.purpose == accounts.ToDisown {
		msg.Facts = append(msg.Facts, leftOut(held))
	}
	msg.Links = append(msg.Links, m.link(l.purpose, ticket))
	return m.o.Outbox.Enqueue(ctx, outbox.Delivery{ID: msg.Key, Channel: outbox.Mail, Message: msg, Created: now})
}
