package app

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// cleanUpBatch is how many sessions one transaction removes: few enough that no
// login waits for it.
const cleanUpBatch = 500

// cleanUpUntil cleans up every so often until ctx ends. A failure is logged, told
// to Sentry, and tried again the next time.
func (a *App) cleanUpUntil(ctx context.Context) error {
	every := a.config.CleanUp.Every
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		done := a.monitoring.sentry.CheckIn(ctx, "clean-up", sentrytel.Schedule{Every: every})
		sessions, blocks, err := a.cleanUp(ctx)
		if ctx.Err() != nil {
			err = nil // it goes on after the next start
		}
		done(err)
		if err != nil {
			a.logger.Error("could not clean up", "error", err)
			continue
		}
		a.logger.Info("cleaned up", "sessions", sessions, "blocks", blocks)
	}
}

// cleanUp removes sessions with their tokens, and blocks, that have been over for
// as long as they are kept.
func (a *App) cleanUp(ctx context.Context) (sessions, blocks int, err error) {
	before := a.clock.now().Add(-a.config.CleanUp.Keep)
	for {
		n, err := a.records.DeleteExpired(ctx, before, cleanUpBatch)
		sessions += n
		if err != nil {
			return sessions, 0, fmt.Errorf("remove sessions: %w", err)
		}
		if n < cleanUpBatch {
			break
		}
	}
	if blocks, err = a.records.PruneBlocks(ctx, before); err != nil {
		return sessions, blocks, fmt.Errorf("remove blocks: %w", err)
	}
	return sessions, blocks, nil
}
