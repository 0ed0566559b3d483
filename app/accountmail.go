package app

import (
	"context"
	"net/netip"
	"net/url"

	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
)

// openAccountMail makes what writes to account holders: nil, and one line in the
// log, unless it is known who takes mail and where its links lead.
func (a *App) openAccountMail(service *accounts.Service) (*accountmail.Mailer, error) {
	c := a.config
	if c.Mail.Host == "" || c.PublicURL == "" {
		a.logger.Info("account holders get no mail, neither notices nor links to reset their password; set mail.host and public_url for that")
		return nil, nil
	}
	if inTheClear(c.PublicURL) {
		a.logger.Warn("public_url begins with http: everybody on the way can read the links that are mailed", "public_url", c.PublicURL)
	}
	m, err := accountmail.New(accountmail.Options{
		Accounts:  service,
		Outbox:    pokingOutbox{a},
		PublicURL: c.PublicURL,
		Notices:   c.AccountMail.NoticesPerHour,
		Resets:    c.AccountMail.ResetsPerHour,
		Now:       a.clock.now,
		OnError: func(ctx context.Context, doing string, err error) {
			a.logger.ErrorContext(ctx, "could not "+doing, "error", err, "correlation_id", correlationID(ctx))
		},
	})
	return m, explained(err, "public_url")
}

// inTheClear reports whether others than this machine see what is sent to a URL.
func inTheClear(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
}

// pokingOutbox has the worker look at once.
type pokingOutbox struct{ app *App }

func (o pokingOutbox) Enqueue(ctx context.Context, list ...outbox.Delivery) error {
	err := o.app.records.Enqueue(ctx, list...)
	if err == nil {
		o.app.alerts.worker.Poke()
	}
	return err
}

// fillLinks has the links of mails to account holders filled in when they are
// sent.
func (a *App) fillLinks(channels map[string]notify.Notifier) {
	if mail := channels[outbox.Mail]; mail != nil {
		channels[outbox.Mail] = lateLinks{a, mail}
	}
}

// lateLinks asks for the mailer when there is a message: it is made after the
// worker.
type lateLinks struct {
	app  *App
	next notify.Notifier
}

func (l lateLinks) Send(ctx context.Context, m notify.Message) error {
	return l.app.mailer.Notifier(l.next).Send(ctx, m)
}
