package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse/notify"
)

// Mail is the channel for messages to account holders, whose address is in
// notify.Message.To.
const Mail = "mail"

// State is what has become of a delivery.
type State string

// The states.
const (
	Pending State = "pending" // it is tried until it is sent or dead
	Sent    State = "sent"    // the receiver has it; the message itself is forgotten
	Dead    State = "dead"    // given up; a person may requeue it
)

// Delivery is one message on its way to one channel.
type Delivery struct {
	// ID is unique in the outbox for as long as sent deliveries are kept: what
	// is enqueued again under a known ID is left as it is. The key by which a
	// receiver knows the message is Message.Key.
	ID      string
	Channel string // the name of a notifier, such as Mail
	Message notify.Message
	Created time.Time

	// The rest is the store's; Enqueue begins with a pending delivery that is
	// due at Created, or at Due if that is later.

	State     State
	Due       time.Time // pending: not before; else: since when it is sent or dead
	Since     time.Time // when trying began: Created, or when it was requeued
	Attempts  int       // since then
	Claim     int       // the number of the newest claim; see Store.Claim
	LastError string
}

// Check returns an error for a delivery that cannot be enqueued.
func (d Delivery) Check() error {
	switch {
	case d.ID == "" || d.Channel == "":
		return errors.New("outbox: a delivery needs an ID and a channel")
	case d.Message.Key == "":
		return fmt.Errorf("outbox: delivery %s: its message has no idempotency key", d.ID)
	case d.Created.IsZero():
		return fmt.Errorf("outbox: delivery %s: when was it created?", d.ID)
	}
	return nil
}

// Claim says which deliveries a worker takes.
type Claim struct {
	Holder  string // the node; see Store.Release
	Channel string
	At      time.Time     // what is due by then
	Lease   time.Duration // nobody else gets it for so long
	Limit   int
}

// Filter selects deliveries. Zero fields select everything.
type Filter struct {
	States  []State
	Channel string
	ID      string
	Since   time.Time // Due at or after
	Limit   int       // at most so many; 0: no limit
}

// Store keeps deliveries. It is safe for concurrent use, by several nodes too.
// Times are given by the caller and kept to the microsecond. What it acknowledges
// is durable. Errors wrap gatehouse.ErrUnavailable when the store cannot answer.
type Store interface {
	// Enqueue adds deliveries, all or none. One whose ID is known is left as
	// it is.
	Enqueue(ctx context.Context, list ...Delivery) error
	// Claim returns pending deliveries that are due, those due first first. Of
	// several claims at the same time each delivery goes to one. It counts the
	// attempt, numbers the claim, and puts off Due to the end of the lease:
	// unless it is marked before, it is due then again.
	Claim(ctx context.Context, c Claim) ([]Delivery, error)
	// Sent marks a pending delivery as sent, whoever has claimed it since. It
	// is no error if it is sent already, and gatehouse.ErrNotFound if it is
	// unknown.
	Sent(ctx context.Context, id string, at time.Time) error
	// Retry makes a delivery due at an instant. gatehouse.ErrNotFound says that
	// the claim is not the newest of a pending delivery: it is somebody else's
	// now.
	Retry(ctx context.Context, id string, claim int, due time.Time, why string) error
	// Bury marks a delivery as dead. Its error is as for Retry.
	Bury(ctx context.Context, id string, claim int, at time.Time, why string) error
	// Release makes what holder has claimed and not marked due at the instant:
	// for a node that has started anew, and for one that ends. It returns how
	// many there were.
	Release(ctx context.Context, holder string, at time.Time) (int, error)
	// Requeue makes a dead delivery pending again, as if it were created at
	// the instant, or returns gatehouse.ErrNotFound where no dead delivery has
	// this ID.
	Requeue(ctx context.Context, id string, at time.Time) error
	// Deliveries returns deliveries, oldest first. Those that were sent have no
	// message.
	Deliveries(ctx context.Context, f Filter) ([]Delivery, error)
	// PruneDeliveries removes at most limit deliveries that were sent, or died, before
	// an instant, and returns how many.
	PruneDeliveries(ctx context.Context, before time.Time, limit int) (int, error)
}
