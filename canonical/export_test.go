package canonical

// For the test that the fast path agrees with the rules.
var (
	Plain = plain
	Once  = canonicalOnce
)
