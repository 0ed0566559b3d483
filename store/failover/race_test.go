//go:build race

package failover_test

// The race detector empties pools at random, so that they allocate.
const raceEnabled = true
