package app

import (
	"context"
	"log/slog"

	"github.com/fluxstudio/gatehouse"
)

// told tells of records once they are durable.
type told struct {
	gatehouse.Journal
	tell func([]gatehouse.Record)
}

func (t told) Append(ctx context.Context, records ...gatehouse.Record) error {
	err := t.Journal.Append(ctx, records...)
	if err == nil && t.tell != nil {
		t.tell(records)
	}
	return err
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
