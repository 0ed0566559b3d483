//go:build race

package memory_test

// The race detector makes a flood twenty times as slow.
const floodSize = 150_000
