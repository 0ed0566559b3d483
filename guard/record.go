package guard

import (
	"context"

	"github.com/fluxstudio/gatehouse"
)

// severities of events; those not listed are Info.
var severities = map[gatehouse.Kind]gatehouse.Severity{
	gatehouse.TokenReused:           gatehouse.High,
	gatehouse.LoginRefused:          gatehouse.Warning,
	gatehouse.SignupRefused:         gatehouse.Warning,
	gatehouse.TokenRefreshRefused:   gatehouse.Warning,
	gatehouse.PasswordChangeRefused: gatehouse.Warning,
	gatehouse.PasswordResetRefused:  gatehouse.Warning,
	gatehouse.LoginDisowned:         gatehouse.High,
	gatehouse.RequestRefused:        gatehouse.Warning,
	gatehouse.StepUpRefused:         gatehouse.Warning,
	gatehouse.AccountLocked:         gatehouse.Warning,
	gatehouse.RoleChanged:           gatehouse.Warning,
	gatehouse.RuleModeChanged:       gatehouse.Warning,
	gatehouse.AllowListExtended:     gatehouse.Warning,
}

func newRecord(e gatehouse.Event) gatehouse.Record {
	return gatehouse.Record{ID: gatehouse.NewID(e.Time), Event: e, Severity: severities[e.Kind]}
}

// write makes records durable and then gives the alerts that they ask for. People
// hear of an attack even when the log cannot be written: that is their only
// trace of it.
func (g *Guard) write(ctx context.Context, records []gatehouse.Record) error {
	if len(records) == 0 {
		return nil
	}
	err := g.journal.Append(ctx, records...)
	if err := g.responder.Alert(ctx, records); err != nil {
		g.onError(ctx, "alert", err)
	}
	return err
}
