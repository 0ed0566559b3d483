package alerting

import (
	"context"
	"errors"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/outbox"
)

var (
	// ErrLed says that another dispatcher leads.
	ErrLed = errors.New("another dispatcher leads")
	// ErrTerm says that the term is over: another dispatcher has led since.
	ErrTerm = errors.New("the term as leader is over")
)

// Bid asks to lead, or to go on leading.
type Bid struct {
	Holder string // names the process, or the node of which it is the only one
	// Term is the one to prolong; 0: a new one.
	Term int64
	At   time.Time
	TTL  time.Duration // for how long after At nobody else gets to lead
}

// Cursors say, for each node, up to which of its records all has been seen.
type Cursors map[string]int64

// Finding is a record with a finding, and its place in its node's chain.
type Finding struct {
	Node string
	Seq  int64
	gatehouse.Record
}

// Batch is what came after some cursors.
type Batch struct {
	Findings []Finding // each node's in their order
	Cursors  Cursors   // of all nodes, after these findings
	More     bool      // there are more findings already
}

// Memory is what a leader starts from.
type Memory struct {
	Cursors Cursors
	Groups  []Group // those that are open, and those told of since an instant
}

// Change is what a leader has decided.
type Change struct {
	Term       int64
	Groups     []Group // new or changed
	Deliveries []outbox.Delivery
	Cursors    Cursors // those that have moved
}

// Store keeps what dispatchers know, beside the security log that they follow. It
// is safe for concurrent use, by several nodes too. Errors wrap
// gatehouse.ErrUnavailable when the store cannot answer.
type Store interface {
	// Lead begins a term, or prolongs one, and returns its number, which is
	// larger than those of all terms before. ErrLed says that another holder's
	// term has not ended yet; ErrTerm that the term to be prolonged was
	// followed by another. The first term of all begins with cursors at the end
	// of the log, so that nobody is alerted about the past.
	Lead(ctx context.Context, b Bid) (term int64, err error)
	// Resign ends a term early. That it is over already is no error.
	Resign(ctx context.Context, term int64) error
	// Recall returns what was committed, with the groups that are open or were
	// told of at since or later.
	Recall(ctx context.Context, since time.Time) (Memory, error)
	// FindingsAfter returns at most limit findings that come after the cursors. No
	// record that is acknowledged before the call is passed over.
	FindingsAfter(ctx context.Context, after Cursors, limit int) (Batch, error)
	// CommitAlerts keeps a change, all of it or nothing. ErrTerm says that the term
	// was followed by another, and that nothing was kept.
	CommitAlerts(ctx context.Context, c Change) error
	// OpenGroups returns the groups that are open, oldest first.
	OpenGroups(ctx context.Context) ([]Group, error)
	// PruneGroups removes at most limit groups that were resolved before an
	// instant, and returns how many.
	PruneGroups(ctx context.Context, before time.Time, limit int) (int, error)
}
