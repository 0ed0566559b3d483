//go:build race

package sql_test

// verified is how many records VerifyLog is tried on. The race detector makes
// the pure-Go SQLite some twenty times slower.
const verified = 10_000
