package app

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"

	"github.com/fluxstudio/gatehouse/notify"
)

// MailConfig says through which server mail is sent.
type MailConfig struct {
	Host     string // empty: no mail is sent
	Port     int    // 0: by TLS
	TLS      string // starttls, tls or none
	Username string
	Password string
	From     string // a mailbox: "Gatehouse <alerts@example.com>"
}

// options returns them as package notify takes them.
func (c MailConfig) options() notify.MailOptions {
	return notify.MailOptions{
		Host: c.Host, Port: c.Port, TLS: notify.TLSMode(c.TLS), Username: c.Username, Password: c.Password, From: c.From,
	}
}

func mailHost() setting {
	return text("mail.host", "The mail server, for alerts and for messages to account holders. Empty: no mail is sent.",
		"use a name or an address, such as mail.example.com", func(c *Config) *string { return &c.Mail.Host },
		func(s string) bool {
			return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || r <= ' ' || strings.ContainsRune("/@,", r) })
		})
}

func mailFrom() setting {
	return text("mail.from", "The mailbox that mails come from.", `use a mailbox, such as "Gatehouse <alerts@example.com>"`,
		func(c *Config) *string { return &c.Mail.From }, func(s string) bool {
			_, err := mail.ParseAddress(s)
			return s == "" || err == nil
		})
}

// credential is any text. It is not repeated in errors.
func credential(key, about string, field func(*Config) *string) setting {
	s := text(key, about, "use a text of at most 1,000 bytes without control characters", field, func(s string) bool {
		return len(s) <= 1000 && s != masked && !strings.ContainsFunc(s, unicode.IsControl)
	})
	s.silent = true
	return s
}

// mail checks what the settings of the mail server must be to each other.
func (l *loader) mail() {
	c := l.config.Mail
	if c.Host == "" {
		return
	}
	var err error
	if c.From == "" {
		err = errors.New("mail.host needs mail.from, the mailbox that mails come from")
	} else {
		_, err = notify.NewMail(c.options())
	}
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("%s: %w", l.where("mail.tls", "mail.username", "mail.host"), err))
	}
}
