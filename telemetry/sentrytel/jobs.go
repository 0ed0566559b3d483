package sentrytel

import (
	"context"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
)

// Schedule says when a job runs, so that Sentry can tell when it did not.
type Schedule struct {
	Every      time.Duration // how often; whole minutes, rounded up
	Cron       string        // a crontab line; takes the place of Every
	Margin     time.Duration // how late it may start. Default: 5 min
	MaxRuntime time.Duration // how long it may run. Default: 30 min
}

// CheckIn tells Sentry that the job named slug begins, and done how it ended.
// Call done exactly once, with the job's error; the error itself is captured as an
// event. The slug is put into the form that Sentry knows: at most 50 of a-z, 0-9,
// "-" and "_".
func (m *Monitor) CheckIn(ctx context.Context, slug string, s Schedule) (done func(error)) {
	if !m.Enabled() {
		return func(error) {}
	}
	slug = slugOf(slug)
	config := &sentry.MonitorConfig{
		Schedule:      sentry.IntervalSchedule(max(minutes(s.Every), 1), sentry.MonitorScheduleUnitMinute),
		CheckInMargin: 5, MaxRuntime: 30, Timezone: "UTC",
	}
	if s.Cron != "" {
		config.Schedule = sentry.CrontabSchedule(s.Cron)
	}
	if s.Margin > 0 {
		config.CheckInMargin = minutes(s.Margin)
	}
	if s.MaxRuntime > 0 {
		config.MaxRuntime = minutes(s.MaxRuntime)
	}
	start := time.Now()
	id := m.client.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: slug, Status: sentry.CheckInStatusInProgress}, config, nil)
	return func(err error) {
		end := &sentry.CheckIn{MonitorSlug: slug, Status: sentry.CheckInStatusOK, Duration: time.Since(start)}
		if id != nil {
			end.ID = *id
		}
		if err != nil {
			end.Status = sentry.CheckInStatusError
			m.Survived(ctx, "job "+slug, err)
		}
		m.client.CaptureCheckIn(end, config, nil)
	}
}

func minutes(d time.Duration) int64 { return int64((d + time.Minute - 1) / time.Minute) }

func slugOf(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s)
	if s == "" {
		return "job"
	}
	return s[:min(len(s), 50)]
}
