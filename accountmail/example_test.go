package accountmail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// printer stands in for notify.Mail.
type printer struct{}

func (printer) Send(_ context.Context, m notify.Message) error {
	link, _, _ := strings.Cut(m.Links[0].URL, "ghl_")
	fmt.Println(m.To, "|", m.Title, "|", link+"...")
	return nil
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := sql.OpenSQLite(ctx, filepath.Join(dir, "gatehouse.db"), sql.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	service, err := accounts.New(accounts.Options{Store: store})
	if err != nil {
		panic(err)
	}
	user, err := service.Signup(ctx, "ada@example.com", "seven quiet herons", "Ada")
	if err != nil {
		panic(err)
	}
	mailer, err := accountmail.New(accountmail.Options{Accounts: service, Outbox: store, PublicURL: "https://login.example.com"})
	if err != nil {
		panic(err)
	}

	// A login was on a device that is new to Ada.
	e := gatehouse.Event{Kind: gatehouse.LoginSucceeded, Subject: gatehouse.Subject{User: user.ID}}
	mailer.Tell(ctx, e, gatehouse.Decision{Verdict: gatehouse.Allow, NewDevice: true})

	// An outbox.Worker does this, with notify.Mail in place of the printer.
	waiting, err := store.Deliveries(ctx, outbox.Filter{})
	if err != nil {
		panic(err)
	}
	for _, d := range waiting {
		if err := mailer.Notifier(printer{}).Send(ctx, d.Message); err != nil {
			panic(err)
		}
	}
	// Output:
	// ada@example.com | Login on a new device | https://login.example.com/account/not-me?token=...
}
