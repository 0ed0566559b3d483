package sentrytel

import "github.com/fluxstudio/gatehouse/scrub"

var _ Scrubber = (*scrub.Scrubber)(nil)

// defaultScrubber is a Scrubber whose limits fit an event.
func defaultScrubber() Scrubber {
	return scrub.New(scrub.Options{MaxBytes: 32 << 10, MaxDepth: 10, MaxItems: 200})
}
