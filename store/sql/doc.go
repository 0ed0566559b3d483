// Package sql keeps what must outlive the process in a relational database: the
// security log, blocks, sightings, and the accounts with their sessions and
// refresh tokens. One [Store] is all of these ports at once.
//
// The database is one embedded SQLite file, opened with [OpenSQLite] by the
// server and with [AttachSQLite] by a tool that works beside it. Schema and
// statements are written so that PostgreSQL accepts them too; what is SQLite's
// own is in sqlite.go.
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
// later gets an error that says so, and the write may still be kept.
//
// # Precision and limits
//
// Times are kept in microseconds, in UTC; what is finer is cut off. Text from
// outside is cleaned with [gatehouse.CleanText] to [gatehouse.MaxText] bytes
// before it is kept, and lists within a record are cut to 64 entries.
package sql
