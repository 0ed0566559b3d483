// Package sql keeps what must outlive the process in a relational database: the
// security log, blocks, sightings, and the accounts with their sessions and
// refresh tokens. One [Store] is all of these ports at once.
//
// The database is one embedded SQLite file, opened with [OpenSQLite] by the
// server and with [AttachSQLite] by a tool that works beside it, or PostgreSQL,
// which several nodes share: [OpenPostgres], [AttachPostgres]. Schema and
// statements are the same; what differs is in sqlite.go and postgres*.go.
//
// # Several nodes
//
// An operation decides on what it has read. In SQLite a transaction holds the one
// write lock; in PostgreSQL it holds a lock on what its operations decide on (a
// user, a network, the node's chain), taken at its beginning, in one order. When
// PostgreSQL undoes a transaction because of another one, or the connection was
// lost before it could be committed, it is run again.
//
// # Durability
//
// A write is answered once it is on the disk. Writes that are asked for at the
// same time share one transaction and so one fsync; the more clients there are,
// the cheaper each write becomes. A write that fails by itself leaves the others
// of its transaction alone; when the transaction fails, each of them is told so
// with an error that wraps [gatehouse.ErrUnavailable], and the next one starts
// afresh.
//
// A context that ends before its write was begun withdraws it. One that ends
// later gets an error that says so, and the write may still be kept. So does the
// caller of an operation when PostgreSQL was lost while it committed.
//
// PostgreSQL is given [Options.Timeout] for each query and transaction, and two
// seconds for a new connection. What takes longer fails, and the next call
// connects again.
//
// # Precision and limits
//
// Times are kept in microseconds, in UTC; what is finer is cut off. Text from
// outside is cleaned with [gatehouse.CleanText] to [gatehouse.MaxText] bytes
// before it is kept, and lists within a record are cut to 64 entries.
package sql
