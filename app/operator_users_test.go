package app_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

// Accounts are changed through a running server and without one, and who did it is
// on record either way.
func TestOperatorChangesAccounts(t *testing.T) {
	for _, running := range []bool{true, false} {
		dir := t.TempDir()
		stop := serving(t, dir)
		o := operate(t, dir)
		ctx := t.Context()
		for _, name := range []string{"ada", "bob"} {
			u := accounts.User{ID: name, Account: name + "@example.com", Email: name + "@example.com", PasswordHash: "hash", Created: time.Now()}
			if err := o.Store().CreateUser(ctx, u); err != nil {
				t.Fatal(err)
			}
			s := accounts.Session{ID: "session of " + name, User: name, Created: time.Now(), Expires: time.Now().Add(time.Hour)}
			if err := o.Store().CreateSession(ctx, s, accounts.TokenHash{}, "hash"); err != nil {
				t.Fatal(err)
			}
		}
		if !running {
			stop()
		}
		lock := func(account string) error {
			n, err := o.LockAccount(ctx, account, "an operator")
			if err == nil && n != 1 {
				t.Errorf("running %t: ended %d sessions", running, n)
			}
			return err
		}
		for i, step := range []struct{ got, want error }{
			{o.SetRole(ctx, " Ada@Example.com", accounts.Administrator, "an operator"), nil},
			{o.SetRole(ctx, "ada@example.com", accounts.Viewer, "an operator"), accounts.ErrLastAdministrator},
			{o.SetRole(ctx, "nobody@example.com", accounts.Viewer, "an operator"), gatehouse.ErrNotFound},
			{lock("ada@example.com"), accounts.ErrLastAdministrator},
			{lock("nobody@example.com"), gatehouse.ErrNotFound},
			{lock("bob@example.com"), nil},
			{o.UnlockAccount(ctx, "bob@example.com", "an operator"), nil},
			{o.UnlockAccount(ctx, "bob@example.com", "an operator"), gatehouse.ErrNotFound},
		} {
			if !errors.Is(step.got, step.want) {
				t.Errorf("running %t, step %d: %v, want %v", running, i, step.got, step.want)
			}
		}
		if err := o.SetRole(ctx, "bob@example.com", "root", "an operator"); err == nil {
			t.Errorf("running %t: a role that there is not", running)
		}
		want := []string{"account_unlocked bob ", "account_locked bob ", "role_changed ada administrator"} // newest first
		for r, err := range o.Store().Query(ctx, gatehouse.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Kind) + " " + r.User + " " + r.Reason; len(want) == 0 || got != want[0] || r.Actor != "an operator" || r.Account != r.User+"@example.com" {
				t.Errorf("running %t: record %+v, want %q", running, r, want)
				break
			}
			want = want[1:]
		}
		if len(want) > 0 {
			t.Errorf("running %t: not on record: %q", running, want)
		}
		if running {
			stop()
		}
	}
}
