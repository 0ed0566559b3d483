package app

import (
	"context"
	"log/slog"

	"github.com/fluxstudio/gatehouse"
)

// scrubbed takes secrets out of what clients wrote before it is kept: a user
// agent with a token in it, for one. What the server itself wrote stays as it is.
// It changes the records in place, so that the alerts about them are clean too.
type scrubbed struct {
	gatehouse.Journal
	text func(string) string
}

func (s scrubbed) Append(ctx context.Context, records ...gatehouse.Record) error {
	for i := range records {
		r := &records[i]
		r.UserAgent = s.text(r.UserAgent)
		r.Account = s.text(r.Account)
		if f := r.Finding; f != nil && f.Evidence.UserAgent != "" {
			f := *f
			f.Evidence.UserAgent = s.text(f.Evidence.UserAgent)
			r.Finding = &f
		}
	}
	return s.Journal.Append(ctx, records...)
}

// told tells observers of records once they are durable.
type told struct {
	gatehouse.Journal
	observers []func([]gatehouse.Record) // nil ones are passed over
}

func (t told) Append(ctx context.Context, records ...gatehouse.Record) error {
	err := t.Journal.Append(ctx, records...)
	if err != nil {
		return err
	}
	for _, tell := range t.observers {
		if tell != nil {
			tell(records)
		}
	}
	return nil
}

// logAlerts gives alerts to the process's own log.
type logAlerts struct{ logger *slog.Logger }

func (l logAlerts) Alert(ctx context.Context, r gatehouse.Record) error {
	f := r.Finding
	l.logger.WarnContext(ctx, "alert: "+string(f.Kind),
		"severity", f.Severity.String(), "rule", f.Rule, "observed", f.Observed, "threshold", f.Threshold,
		"ip", r.IP, "user_id", r.User, "finding_id", f.ID, "correlation_id", r.CorrelationID)
	return nil
}
