// Package memory keeps Gatehouse's counters, blocks, sightings and a short
// security log in this process. Nothing here survives a restart and nothing is
// shared with other processes.
//
// [Windows] is built for a hostile crowd: exact sliding windows, a byte budget
// that a flood of invented keys cannot exceed, and no goroutine, no full sweep
// and no allocation on the way of a request. See its documentation for what is
// evicted when the budget is used up. [Rates] limits rates in the same manner.
//
// [Blocks] answers without a lock. [Sightings] and [Journal] are bounded and
// meant for tests, demonstrations and as a stand-in while a durable store is
// down.
package memory

// Options bounds what the stores of this package keep. The zero value is ready
// to use; each constructor reads only its own fields.
type Options struct {
	// MaxBytes bounds the live memory of a Windows or Rates store: tables, rings of
	// timestamps and reservations, not parked goroutines. While a table
	// grows, up to 1/256 of it is held twice, and what was let go of stays
	// with the garbage collector for a while. Zero means 64 MiB, room for
	// a million keys; less than 256 KiB is taken as 256 KiB.
	MaxBytes int
	// MaxWaiters bounds how many calls of Windows.Reserve wait for one key.
	// Zero means 1024; a negative number lets none wait.
	MaxWaiters int
	// MaxUsers bounds how many users a Sightings store remembers. Zero means
	// 100,000.
	MaxUsers int
	// MaxRecords bounds how many records a Journal keeps. Zero means 10,000.
	MaxRecords int
}

func orDefault(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}
