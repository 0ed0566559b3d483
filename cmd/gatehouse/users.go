package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/app"
)

type usersCmd struct {
	List   usersListCmd   `cmd:"" default:"withargs" help:"List the accounts."`
	Role   usersRoleCmd   `cmd:"" help:"Say what somebody may do on the dashboard."`
	Lock   usersLockCmd   `cmd:"" help:"Keep everybody out of an account, and end its sessions, at once."`
	Unlock usersUnlockCmd `cmd:"" help:"Let its holder log in to an account again."`
}

type usersListCmd struct {
	serverFlags
	JSON  bool `help:"One JSON object a line." name:"json"`
	Limit int  `help:"At most so many, in order of account name." default:"100"`
}

// listedUser is what the JSON form tells of a user.
type listedUser struct {
	ID      string        `json:"id"`
	Account string        `json:"account"`
	Name    string        `json:"name,omitempty"`
	Created time.Time     `json:"created"`
	Role    accounts.Role `json:"role,omitempty"`
	Locked  time.Time     `json:"locked,omitzero"`
}

func (cmd *usersListCmd) Run(ctx context.Context, c console) error {
	if cmd.Limit < 1 {
		return usageError{fmt.Errorf("--limit %d: use a positive number", cmd.Limit)}
	}
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	users, err := o.Store().Users(ctx, "", cmd.Limit)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return lines(c, users, func(u accounts.User) listedUser {
			return listedUser{u.ID, u.Account, u.Name, u.Created, u.Role, u.Locked}
		})
	}
	if len(users) == 0 {
		_, err := fmt.Fprintln(c.err, "no accounts yet")
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tNAME\tCREATED\tROLE\tID")
	for _, u := range users {
		role := u.Role.String()
		if !u.Locked.IsZero() {
			role += ", locked"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", gatehouse.CleanText(u.Account, 60), gatehouse.CleanText(u.Name, 40), u.Created.Local().Format(time.DateTime), role, u.ID)
	}
	return w.Flush()
}

// accountCmd is a command about one account.
type accountCmd struct {
	serverFlags
	Account string `arg:"" help:"E-mail address of the account."`
}

// act does something to the account, and prints what act says of it. what is what it
// is about, for errors.
func (cmd *accountCmd) act(ctx context.Context, c console, what string, act func(o *app.Operator, name string) (string, error)) error {
	o, err := cmd.operate(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	name := gatehouse.CleanText(cmd.Account, 60)
	done, err := act(o, name)
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, name, err)
	}
	_, err = fmt.Fprintln(c.out, done)
	return err
}

type usersRoleCmd struct {
	accountCmd
	Role string `arg:"" help:"viewer, analyst, administrator, or holder for none."`
}

func (cmd *usersRoleCmd) Run(ctx context.Context, c console) error {
	role, err := accounts.ParseRole(cmd.Role)
	if err != nil {
		return usageError{err}
	}
	return cmd.act(ctx, c, "role of", func(o *app.Operator, name string) (string, error) {
		return fmt.Sprintf("the role of %s is %s", name, role), o.SetRole(ctx, cmd.Account, role, operatorName())
	})
}

type usersLockCmd struct{ accountCmd }

func (cmd *usersLockCmd) Run(ctx context.Context, c console) error {
	return cmd.act(ctx, c, "lock", func(o *app.Operator, name string) (string, error) {
		n, err := o.LockAccount(ctx, cmd.Account, operatorName())
		return fmt.Sprintf("%s is locked; sessions ended: %d", name, n), err
	})
}

type usersUnlockCmd struct{ accountCmd }

func (cmd *usersUnlockCmd) Run(ctx context.Context, c console) error {
	return cmd.act(ctx, c, "lock of", func(o *app.Operator, name string) (string, error) {
		return name + " is unlocked", o.UnlockAccount(ctx, cmd.Account, operatorName())
	})
}
