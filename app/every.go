package app

import (
	"context"
	"time"
)

// every calls do after each interval, and whenever it is asked to, until ctx ends.
// asked may be nil.
func every(ctx context.Context, interval time.Duration, asked <-chan struct{}, do func(asked bool)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(false)
		case <-asked:
			do(true)
		}
	}
}
