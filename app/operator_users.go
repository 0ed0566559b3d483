package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/canonical"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// userRequest asks to change an account.
type userRequest struct {
	Account string         `json:"account"`
	Kind    gatehouse.Kind `json:"type"` // what it is recorded as
	Role    accounts.Role  `json:"role,omitempty"`
	By      string         `json:"by"`
}

// userAnswer is what was done.
type userAnswer struct {
	Account string        `json:"account"`
	Role    accounts.Role `json:"role,omitempty"`
	Ended   int           `json:"ended"` // sessions
}

// SetRole changes the role of an account, whose name may be in any spelling, and
// records who did. It returns gatehouse.ErrNotFound or
// accounts.ErrLastAdministrator.
func (o *Operator) SetRole(ctx context.Context, account string, role accounts.Role, by string) error {
	_, err := o.changeUser(ctx, userRequest{Account: account, Kind: gatehouse.RoleChanged, Role: role, By: by})
	return err
}

// LockAccount keeps everybody out of an account, records who did, and returns how
// many sessions it ended. Errors are those of SetRole.
func (o *Operator) LockAccount(ctx context.Context, account, by string) (ended int, err error) {
	a, err := o.changeUser(ctx, userRequest{Account: account, Kind: gatehouse.AccountLocked, By: by})
	return a.Ended, err
}

// UnlockAccount takes that back, or returns gatehouse.ErrNotFound.
func (o *Operator) UnlockAccount(ctx context.Context, account, by string) error {
	_, err := o.changeUser(ctx, userRequest{Account: account, Kind: gatehouse.AccountUnlocked, By: by})
	return err
}

func (o *Operator) changeUser(ctx context.Context, q userRequest) (userAnswer, error) {
	return actOn(ctx, o.config.Data, func() (userAnswer, error) {
		return callUser(ctx, o.config.Data, q)
	}, func() (a userAnswer, err error) {
		err = o.withHands(ctx, func(h hands, now time.Time) error {
			a, err = changeUser(ctx, o.store, h.guard, now, q)
			return err
		})
		return a, err
	})
}

// changeUser does what was asked for, and records it.
func changeUser(ctx context.Context, store *sqlstore.Store, g *guard.Guard, now time.Time, q userRequest) (userAnswer, error) {
	u, err := store.UserByAccount(ctx, canonical.Account(q.Account))
	if err != nil {
		return userAnswer{}, err
	}
	ctx = context.WithoutCancel(ctx) // what is changed is recorded, whoever hangs up
	a := userAnswer{Account: u.Account, Role: u.Role}
	e := gatehouse.Event{Kind: q.Kind, Time: now, Subject: gatehouse.Subject{User: u.ID, Account: u.Account}, Actor: q.By}
	switch q.Kind {
	case gatehouse.RoleChanged:
		if _, err := accounts.ParseRole(string(q.Role)); err != nil {
			return a, err
		}
		_, err = store.SetRole(ctx, u.ID, u.Role, q.Role)
		a.Role, e.Reason = q.Role, q.Role.String()
	case gatehouse.AccountLocked:
		a.Ended, err = store.LockUser(ctx, u.ID, now)
	case gatehouse.AccountUnlocked:
		err = store.UnlockUser(ctx, u.ID)
	default:
		err = fmt.Errorf("an account is not changed by %q", q.Kind)
	}
	if err != nil {
		return a, err
	}
	_, err = g.Observe(ctx, e)
	return a, err
}

// userRoutes adds the change of an account to the control interface.
func (a *App) userRoutes(mux *http.ServeMux) {
	mux.Handle("POST /control/users", httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		var q userRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&q); err != nil {
			return httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: err.Error()}
		}
		answer, err := changeUser(r.Context(), a.records, a.guard, a.clock.now(), q)
		switch {
		case errors.Is(err, gatehouse.ErrNotFound):
			return httpguard.ProblemDetails{Status: http.StatusNotFound}
		case errors.Is(err, accounts.ErrLastAdministrator):
			return httpguard.ProblemDetails{Status: http.StatusConflict}
		case err != nil:
			return httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(answer)
	}))
}

// callUser asks the server that runs on dir to change an account, or returns
// errNoServer.
func callUser(ctx context.Context, dir string, q userRequest) (a userAnswer, err error) {
	resp, err := ask(ctx, dir, 15*time.Second, http.MethodPost, "/control/users", q)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return a, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return a, json.Unmarshal(text, &a)
	case http.StatusNotFound:
		return a, gatehouse.ErrNotFound
	case http.StatusConflict:
		return a, accounts.ErrLastAdministrator
	case http.StatusUnauthorized:
		// The server has changed, and its file is about to.
		return a, errNoServer
	}
	return a, fmt.Errorf("the server answered %s: %s", resp.Status, strings.TrimSpace(string(text)))
}
