package app

import (
	"context"
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

const (
	shadowOn  = "on"
	shadowOff = "off"
)

// applyRuleModes puts the rules of the configuration in force, in the shadow or not
// as operators have chosen since. A setting about a rule that there is not, or with
// a value of another version, is passed over.
func (a *App) applyRuleModes(ctx context.Context) error {
	list, err := a.records.Settings(ctx, scopeShadow)
	if err != nil {
		return err
	}
	set := a.config.EffectiveRules()
	for _, s := range list {
		rule := set.Rule(s.Name)
		if rule == nil || s.Value != shadowOn && s.Value != shadowOff {
			continue
		}
		rule.Shadow = s.Value == shadowOn
	}
	if before := a.guard.Rules(); set != before {
		a.guard.SetRules(set)
		for _, rule := range set.All() {
			if rule.Shadow != before.Rule(rule.Name).Shadow {
				a.logger.Info("the mode of a rule has changed", "rule", rule.Name, "shadow", rule.Shadow)
			}
		}
	}
	return nil
}

// setShadow puts a rule in the shadow, or back in force, on all nodes, and records
// who did it. A rule that is in that mode already stays as it is, on no record. An
// error may be httpguard.ProblemDetails, and can come with a change that holds: then
// it could not be recorded.
func (a *App) setShadow(ctx context.Context, rule string, on bool, by string) error {
	ctx = context.WithoutCancel(ctx) // what is changed is recorded, whoever hangs up
	if err := a.readSettings(ctx); err != nil {
		return err
	}
	set := a.guard.Rules()
	switch now := set.Rule(rule); {
	case now == nil:
		return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "There is no such rule."}
	case now.Shadow == on:
		return nil
	}
	v, told := sqlstore.Setting{Scope: scopeShadow, Name: rule, Value: shadowOff, By: by, Changed: a.clock.now()}, rule+" is in force"
	if on {
		v.Value, told = shadowOn, rule+" is in the shadow"
	}
	if err := a.changeSetting(ctx, v, false, a.applyRuleModes); err != nil {
		return err
	}
	return a.acted(ctx, gatehouse.RuleModeChanged, by, told, nil)
}
