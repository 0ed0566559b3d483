package accountmail

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/notify"
)

// The pages that links lead to, below the public URL. They are served by package
// authserver.
const (
	ResetPath  = "/account/reset"
	DisownPath = "/account/not-me"
)

// What the query of a link has: a ticket while it waits, the token when it is
// sent.
const (
	ticketParam = "?ticket="
	tokenParam  = "?token="
)

func (m *Mailer) link(p accounts.Purpose, ticket string) notify.Link {
	path, label := ResetPath, "Choose a new password"
	if p == accounts.ToDisown {
		path, label = DisownPath, "This was not me"
	}
	return notify.Link{Label: label, URL: m.base + path + ticketParam + ticket}
}

// Notifier returns next behind what fills the tokens of links in, which is to be
// known to the outbox's worker as outbox.Mail. Messages of other kinds pass
// through it unchanged; those that wait for a mailer that is not configured any
// more fail for good.
func (m *Mailer) Notifier(next notify.Notifier) notify.Notifier { return sealed{m, next} }

type sealed struct {
	mailer *Mailer
	next   notify.Notifier
}

func (s sealed) Send(ctx context.Context, msg notify.Message) error {
	if msg.Kind != notify.Notice {
		return s.next.Send(ctx, msg)
	}
	msg.Links = slices.Clone(msg.Links)
	for i := range msg.Links {
		base, ticket, ok := strings.Cut(msg.Links[i].URL, ticketParam)
		if !ok {
			continue
		}
		if s.mailer == nil { // it was configured when the message was written
			return fmt.Errorf("accountmail: %w", notify.Permanent(errors.New("mail to account holders is not configured")))
		}
		token, err := s.mailer.o.Accounts.LinkToken(ticket)
		if err != nil {
			return fmt.Errorf("accountmail: %w", notify.Permanent(err))
		}
		msg.Links[i].URL = base + tokenParam + url.QueryEscape(token)
	}
	return s.next.Send(ctx, msg)
}
