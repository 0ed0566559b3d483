//go:build !race

package sql_test

const verified = 100_000
