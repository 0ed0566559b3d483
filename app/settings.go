package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// The scopes of settings: what operators choose while the server runs. They are
// kept in the record store, and hold on all nodes and over restarts.
const (
	scopeShadow = "shadow" // by rule: "on" or "off"
	scopeAllow  = "allow"  // by network: why it is never kept out
)

// settingsCheck is how often settings are read, in case another node has changed
// one and could not tell of it; settingsPatience is how long that may take.
const (
	settingsCheck    = 5 * time.Second
	settingsPatience = 5 * time.Second
)

// choices guards what follows from settings: whoever changes one, and whoever
// applies them, holds it from before they are read, so that what is applied last is
// what was read last.
type choices struct{ mu sync.Mutex }

// readSettings applies all settings as they are kept.
func (a *App) readSettings(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settingsPatience)
	defer cancel()
	a.choices.mu.Lock()
	defer a.choices.mu.Unlock()
	return explained(errors.Join(a.applyRuleModes(ctx), a.applyAllowed(ctx)), "read the settings")
}

// changeSetting keeps a setting, or removes it, and applies it here; the other nodes
// follow. With an error nothing has changed. If it is kept and cannot be applied, this
// node follows as the others do.
func (a *App) changeSetting(ctx context.Context, v sqlstore.Setting, remove bool, apply func(context.Context) error) error {
	a.choices.mu.Lock()
	defer a.choices.mu.Unlock()
	var err error
	if remove {
		err = a.records.DeleteSetting(ctx, v.Scope, v.Name)
	} else {
		err = a.records.SetSetting(ctx, v)
	}
	if err != nil {
		return err
	}
	if err := apply(ctx); err != nil {
		a.logger.Warn("a setting is kept, and comes in force here with the next look at all of them", "scope", v.Scope, "name", v.Name, "error", err)
	}
	return nil
}

// settingsUntil applies settings whenever they may have changed, until ctx ends.
func (a *App) settingsUntil(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		for m := range a.feed.Subscribe(ctx) {
			if changesSetting(m.Record.Kind) {
				select {
				case changed <- struct{}{}:
				default: // they are about to be read
				}
			}
		}
	})
	every(ctx, settingsCheck, changed, func(bool) {
		if err := a.readSettings(ctx); err != nil && ctx.Err() == nil {
			a.logger.Debug("the settings hold as they were", "error", err)
		}
	})
	watching.Wait()
	return nil
}

func changesSetting(k gatehouse.Kind) bool {
	switch k {
	case gatehouse.RuleModeChanged, gatehouse.AllowListExtended, gatehouse.AllowListReduced:
		return true
	}
	return false
}

// acted records what an operator did, by the request that ctx belongs to.
func (a *App) acted(ctx context.Context, kind gatehouse.Kind, by, reason string, change func(*gatehouse.Event)) error {
	q, _ := httpguard.FromContext(ctx)
	e := q.Event(kind)
	e.Time, e.Actor, e.Reason = a.clock.now(), by, reason
	if change != nil {
		change(&e)
	}
	_, err := a.guard.Observe(ctx, e)
	return err
}
