package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testlog"
)

var shared = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// However wrong a machine's clock is, and however it steps, its server's time is
// that of the shared store.
func TestClockIsThatOfTheSharedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		wrong := 30 * time.Second
		var log testlog.Buffer
		down := errors.New("down")
		var failure error
		c := clock{
			own:    func() time.Time { return shared.Add(time.Since(began) + wrong) },
			logger: slog.New(slog.NewTextHandler(&log, nil)),
			ask: func(context.Context) (time.Time, error) {
				time.Sleep(2 * time.Millisecond)
				at := shared.Add(time.Since(began))
				time.Sleep(2 * time.Millisecond)
				return at, failure
			},
		}
		want := func(what string, off time.Duration) {
			t.Helper()
			if got := c.now().Sub(shared.Add(time.Since(began))); got != off {
				t.Errorf("%s: off by %v, want %v", what, got, off)
			}
		}
		want("before the store was asked", wrong)
		failure = down
		if err := c.read(t.Context()); !errors.Is(err, down) {
			t.Error(err)
		}
		want("the store does not answer", wrong)
		failure = nil
		if err := c.read(t.Context()); err != nil {
			t.Error(err)
		}
		want("once asked", 0)
		if !strings.Contains(log.String(), "by=30s") {
			t.Errorf("nobody was told: %s", log.String())
		}
		wrong = -time.Hour
		want("after the machine's clock stepped back", 0)
		failure = down
		c.read(t.Context())
		time.Sleep(time.Hour)
		want("long after the store went down", 0)
		if strings.Contains(log.String(), "stepped") {
			t.Errorf("nothing has stepped: %s", log.String())
		}
		failure, began = nil, began.Add(-time.Minute)
		c.read(t.Context())
		want("after the store's clock stepped", 0)
		if !strings.Contains(log.String(), "stepped") || !strings.Contains(log.String(), "by=1m0s") {
			t.Errorf("nobody was told that the store's clock stepped: %s", log.String())
		}
	})
}

// An answer that took long says little about the time.
func TestClockHeedsNoSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock{own: time.Now, logger: slog.New(slog.DiscardHandler), ask: func(ctx context.Context) (time.Time, error) {
			time.Sleep(clockTrip)
			return shared, nil
		}}
		if err := c.read(t.Context()); err == nil {
			t.Error("a slow answer was heeded")
		}
	})
}
