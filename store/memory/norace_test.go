//go:build !race

package memory_test

const floodSize = 3_000_000
