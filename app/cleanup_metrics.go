package app

import "time"

// cleanedUp counts what a batch of the clean-up has removed.
func (m *monitoring) cleanedUp(what string, n int) {
	if m.metrics != nil {
		m.metrics.CleanedUp(what, n)
	}
}

func (m *monitoring) cleanUpEnded(at time.Time, took time.Duration, err error) {
	if m.metrics != nil {
		m.metrics.CleanUpEnded(at, took, err)
	}
}
