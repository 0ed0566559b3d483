package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// cleanUpDuty names the clean-up among what only one node may do at a time.
const cleanUpDuty = "clean-up"

// ErrCleaning says that a clean-up is under way already, here or on another node.
var ErrCleaning = errors.New("a clean-up is under way already")

// scheduleCheck is how long the clean-up sleeps at most before it looks at the
// clock again, which may have been set.
const scheduleCheck = time.Minute

// cleanUpUntil cleans up by the schedule until ctx ends. A failure is logged, told
// to Sentry, and tried again the next time. Of several nodes the first one to
// come does it.
func (a *App) cleanUpUntil(ctx context.Context) error {
	schedule, err := parseSchedule(a.config.CleanUp.Schedule)
	if err != nil {
		return err
	}
	for due := schedule.Next(a.clock.now().UTC()); ; {
		wait := time.NewTimer(min(due.Sub(a.clock.now()), scheduleCheck))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
		now := a.clock.now().UTC()
		if now.Before(due) {
			continue
		}
		if err := a.cleanUpFor(ctx, due); err != nil && ctx.Err() == nil {
			a.logger.Error("could not clean up", "error", err)
		}
		due = schedule.Next(a.clock.now().UTC())
	}
}

// parseSchedule reads a crontab line of five fields, as Sentry takes it too. It
// refuses one that never comes, and a time zone, on which the parser would panic
// if nothing follows.
func parseSchedule(line string) (cron.Schedule, error) {
	if strings.Contains(line, "=") {
		return nil, errors.New("a schedule is in UTC")
	}
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(line)
	if err == nil && s.Next(time.Unix(0, 0).UTC()).IsZero() {
		err = errors.New("no such day")
	}
	return s, err
}

// cleanUpFor cleans up unless another node does, or has done so for the same
// instant of the schedule.
func (a *App) cleanUpFor(ctx context.Context, due time.Time) (err error) {
	turn, err := a.records.TakeTurn(ctx, cleanUpDuty)
	if errors.Is(err, sqlstore.ErrTaken) {
		return nil
	}
	if err != nil {
		return err
	}
	defer turn.Release()
	last, err := a.records.DutyDone(ctx, cleanUpDuty)
	if err != nil || !last.Before(due) {
		return err
	}
	done := a.monitoring.sentry.CheckIn(ctx, cleanUpDuty, sentrytel.Schedule{Cron: a.config.CleanUp.Schedule})
	_, err = a.cleanUp(ctx, turn, nil)
	if err == nil {
		err = a.records.MarkDuty(ctx, cleanUpDuty, due)
	}
	if ctx.Err() != nil {
		done(nil) // it goes on after the next start
		return nil
	}
	done(err)
	return err
}

// cleanUp removes what is over, tells progress, which may be nil, and says on one
// line of the log and in the metrics what came of it.
func (a *App) cleanUp(ctx context.Context, turn *sqlstore.Turn, progress func(CleanUpCount)) ([]CleanUpCount, error) {
	began := time.Now()
	removed, err := sweep(ctx, turn, chores(a.records, a.config.CleanUp), a.clock.now(), func(c CleanUpCount, n int) {
		a.monitoring.cleanedUp(c.What, n)
		if progress != nil {
			progress(c)
		}
	})
	took := time.Since(began)
	a.monitoring.cleanUpEnded(a.clock.now(), took, err)
	args := []any{"took", took.Round(time.Millisecond)}
	for _, c := range removed {
		args = append(args, c.What, c.Count)
	}
	if err != nil {
		return removed, err
	}
	a.logger.Info("cleaned up", args...)
	return removed, nil
}

// cleanUpNow cleans up whatever the schedule says, or returns ErrCleaning.
func (a *App) cleanUpNow(ctx context.Context, progress func(CleanUpCount)) ([]CleanUpCount, error) {
	turn, err := takeTurn(ctx, a.records)
	if err != nil {
		return nil, err
	}
	defer turn.Release()
	return a.cleanUp(ctx, turn, progress)
}

func takeTurn(ctx context.Context, s *sqlstore.Store) (*sqlstore.Turn, error) {
	turn, err := s.TakeTurn(ctx, cleanUpDuty)
	if errors.Is(err, sqlstore.ErrTaken) {
		return nil, fmt.Errorf("%w: %w", ErrCleaning, err)
	}
	return turn, err
}
