package sentrytel

import "sync/atomic"

// Reason says why something was not sent.
type Reason string

// The reasons.
const (
	QueueFull    Reason = "queue_full"    // Sentry is slower than events come, or down
	Limited      Reason = "limited"       // more than Options allow
	RateLimited  Reason = "rate_limited"  // Sentry asked to be left alone
	NetworkError Reason = "network_error" // no answer in time, or none at all
	Refused      Reason = "refused"       // an answer that is not a success
	TooLarge     Reason = "too_large"     // more than MaxEnvelope bytes
	Closed       Reason = "closed"        // after Close, or still waiting at its deadline
	Failed       Reason = "failed"        // could not be put into JSON
)

var reasons = [...]Reason{QueueFull, Limited, RateLimited, NetworkError, Refused, TooLarge, Closed, Failed}

// Stats are counts since New. Batches of log lines and of metrics count as one.
type Stats struct {
	Sent    uint64
	Dropped map[Reason]uint64 // every reason, also those with zero
	Waiting int               // in the queue, or being sent
}

// Total returns how much was dropped, for whatever reason.
func (s Stats) Total() (dropped uint64) {
	for _, n := range s.Dropped {
		dropped += n
	}
	return dropped
}

// counts are Stats while they grow.
type counts struct {
	sent    atomic.Uint64
	dropped [len(reasons)]atomic.Uint64
}

func (c *counts) drop(why Reason) {
	for i, r := range reasons {
		if r == why {
			c.dropped[i].Add(1)
			return
		}
	}
}

func (c *counts) stats() Stats {
	s := Stats{Sent: c.sent.Load(), Dropped: make(map[Reason]uint64, len(reasons))}
	for i, r := range reasons {
		s.Dropped[r] = c.dropped[i].Load()
	}
	return s
}
