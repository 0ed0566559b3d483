package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/store/sql"
)

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
	keys, err := accounts.LoadOrCreateKeys(dir)
	if err != nil {
		panic(err)
	}
	service, err := accounts.New(accounts.Options{Store: store, Keys: keys})
	if err != nil {
		panic(err)
	}

	_, err = service.Signup(ctx, "alice@example.com", "alice@example.com", "Alice")
	fmt.Println(err)
	_, err = service.Signup(ctx, "alice@example.com", "seven quiet herons", "Alice")
	fmt.Println(err)

	login := accounts.Login{Account: "Alice@Example.com", Password: "seven quiet herons", Client: gatehouse.Client{UserAgent: "Example/1.0"}}
	user, grant, err := service.Login(ctx, login)
	fmt.Println(user.Name, err)
	session, _, err := service.VerifyAccess(ctx, grant.AccessToken)
	fmt.Println(session.User == user.ID, err)

	service.Logout(ctx, session)
	_, _, err = service.VerifyAccess(ctx, grant.AccessToken)
	fmt.Println(errors.Is(err, accounts.ErrSignedOut))
	// Output:
	// password: The password is too easy to guess from your e-mail address or name.
	// <nil>
	// Alice <nil>
	// true <nil>
	// true
}
