package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Notifier makes one attempt to deliver a message. Implementations are safe for
// concurrent use, bound their own time, and end early when ctx does.
//
// nil means that the receiver has taken the message over. An error that is
// ErrPermanent says that another attempt would end the same way; RetryAfter
// reads when the receiver asked to be tried again. Errors name no secret.
type Notifier interface {
	Send(ctx context.Context, m Message) error
}

// Kind is what a message is about, spelled as the "type" of a webhook.
type Kind string

// The kinds of messages.
const (
	Opened   Kind = "finding.opened"   // an attack has begun
	Resolved Kind = "finding.resolved" // it is over
	Notice   Kind = "account.notice"   // an account holder is told what happened to the account
	Test     Kind = "gatehouse.test"   // somebody tries whether messages arrive
)

// Message is what is told. Its texts are plain text that nobody has cleaned.
// It is plain data and survives JSON, so that an outbox can keep it.
type Message struct {
	Kind Kind `json:"kind"`
	// Key is the idempotency key: the same for every attempt at one message,
	// and for no other. It must not be empty.
	Key string `json:"key"`
	// Thread is what belongs together, for example a finding's ID: mail
	// programs show it as one conversation. It may be empty.
	Thread string `json:"thread,omitempty"`
	// Event is the type of what happened, for machines.
	Event gatehouse.Kind `json:"event,omitempty"`
	// To is the account holder's mail address or phone number. Empty: the
	// receiver that the notifier has by itself. Gateways and webhooks have
	// only that one, and refuse a message that has another.
	To string `json:"to,omitempty"`
	// Subject is the line that a list of messages shows. Empty: the title.
	Subject  string             `json:"subject,omitempty"`
	Title    string             `json:"title"`
	Severity gatehouse.Severity `json:"severity"`
	// Text says in one or two sentences what happened.
	Text  string `json:"text,omitempty"`
	Facts []Fact `json:"facts,omitempty"` // shown in this order
	Links []Link `json:"links,omitempty"`
	// Time is when it happened, shown in its own zone.
	Time time.Time `json:"time"`
}

// Fact is one detail: "Address", "192.0.2.7".
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Link leads further. Only absolute http and https URLs are shown.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// check refuses what no delivery can make sense of.
func (m Message) check() error {
	switch {
	case m.Key == "":
		return Permanent(errors.New("message has no idempotency key"))
	case m.Title == "" && m.Text == "":
		return Permanent(errors.New("message has neither title nor text"))
	}
	return nil
}

// checkShared is check for receivers that are not one person.
func (m Message) checkShared() error {
	if m.To != "" {
		return Permanent(errors.New("message is for one person, and this channel is not"))
	}
	return m.check()
}

// token returns s where it can stand in a header, and its hash otherwise.
func token(s string) string {
	const longest = 64
	ok := len(s) > 0 && len(s) <= longest
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
	}
	if ok {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + hex.EncodeToString(sum[:16])
}
