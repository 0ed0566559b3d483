package sql

import (
	"context"
	stdsql "database/sql"
	"strings"

	"github.com/pressly/goose/v3"
)

// database is what differs between the databases that a Store is kept in. The
// schema and the statements are the same.
type database struct {
	dialect    goose.Dialect
	migrations *strings.Replacer                                            // what the migrations' text becomes
	lock       func(context.Context, *stdsql.DB) (unlock func(), err error) // on the schema; may be nil
	tableCount string                                                       // counts tables, those of the migrations and the log: see schema
	snapshot   stdsql.IsolationLevel                                        // at which a transaction reads one moment
	clock      string                                                       // asks for the time in microseconds; empty: the process's
	numbers    string                                                       // yields the numbers of a JSON array, the first argument
	shared     bool                                                         // others write at the same time: operations need their locks
	transient  func(error) bool                                             // what was undone may succeed when it is run again
	single     func(error) bool                                             // one write of a transaction may be to blame
	session    func(*stdsql.Conn, *handle) session
}

// session is how the writer's connection runs a transaction.
type session interface {
	// begin begins a transaction that holds the named locks until its end. Of
	// two with the same name, in whatever process, the second waits until the
	// first has ended. It may be put off until something is asked for, unless
	// operations follow.
	begin(ctx context.Context, locks []string, operations bool) error
	// add adds rows to the log, those whose ID is known excepted, and moves the
	// end of the node's chain, whose lock the transaction holds.
	add(ctx context.Context, l *link, rows []addition) error
	// commit makes the transaction durable. An error wraps errUncertain where
	// it may have done so.
	commit(ctx context.Context) error
}

// Names of locks. SQLite, which has one writer at a time, needs none.

func lockUser(id string) string         { return "user:" + id }
func lockAccount(account string) string { return "account:" + account }
func lockNetwork(network string) string { return "network:" + network }
func lockChain(node string) string      { return "chain:" + node }

const (
	lockNothing   = ""          // for an operation that decides on nothing it has read
	lockUpkeep    = "upkeep"    // for what removes old rows
	lockOperators = "operators" // who has which role, and is not locked
)
