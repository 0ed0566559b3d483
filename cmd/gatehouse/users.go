package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

type usersCmd struct {
	serverFlags
	JSON  bool `help:"One JSON object a line." name:"json"`
	Limit int  `help:"At most so many, in order of account name." default:"100"`
}

// listedUser is what the JSON form tells of a user.
type listedUser struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Name    string    `json:"name,omitempty"`
	Created time.Time `json:"created"`
}

func (cmd *usersCmd) Run(ctx context.Context, c console) error {
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
		return lines(c, users, func(u accounts.User) listedUser { return listedUser{u.ID, u.Account, u.Name, u.Created} })
	}
	if len(users) == 0 {
		_, err := fmt.Fprintln(c.err, "no accounts yet")
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tNAME\tCREATED\tID")
	for _, u := range users {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", gatehouse.CleanText(u.Account, 60), gatehouse.CleanText(u.Name, 40), u.Created.Local().Format(time.DateTime), u.ID)
	}
	return w.Flush()
}
