package gatehouse

import "time"

// Verdict is the answer to "may this go on?".
type Verdict uint8

// The verdicts. The zero value lets nothing through, so that a forgotten
// decision is a refusal.
const (
	Undecided Verdict = iota
	Allow
	Blocked // the address is blocked
	Limited // too many, for now
	Busy    // not refused, but no room to decide in time; ask again
)

var verdictNames = [...]string{"undecided", "allow", "blocked", "limited", "busy"}

// String returns the lower-case name.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "unknown"
}

// Decision is a verdict with its reasons.
type Decision struct {
	Verdict Verdict
	// RetryAfter is how long the client should stay away. It is positive for
	// every verdict but Allow.
	RetryAfter time.Duration
	Findings   []Finding
	Block      *Block // the block that refused it, if one did
	// NewDevice and NewCountry say of a login that succeeded that the user was
	// seen before, but not on this device or not in this country. The first
	// login of all is no news.
	NewDevice, NewCountry bool
}

// Allowed reports whether the request may go on.
func (d Decision) Allowed() bool { return d.Verdict == Allow }
