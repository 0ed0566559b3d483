package authserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// A login server whose records are in one SQLite file. Six wrong passwords: five
// are looked at.
func Example() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "gatehouse")
	defer os.RemoveAll(dir)
	records, err := sql.OpenSQLite(ctx, filepath.Join(dir, "gatehouse.db"), sql.Options{})
	if err != nil {
		panic(err)
	}
	defer records.Close()
	engine, err := guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}),
		Blocks:  records, Sightings: records, Journal: records,
	})
	if err != nil {
		panic(err)
	}
	people, err := accounts.New(accounts.Options{Store: records})
	if err != nil {
		panic(err)
	}
	server, err := authserver.New(authserver.Options{Guard: engine, Accounts: people})
	if err != nil {
		panic(err)
	}
	chain := httpguard.New(engine, httpguard.Options{Refusal: authserver.Refusal})
	ts := httptest.NewServer(chain.Wrap(server.Handler()))
	defer ts.Close()

	for range 6 {
		res, err := http.Post(ts.URL+"/api/auth/login", "application/json",
			strings.NewReader(`{"email":"alice@example.com","password":"wrong"}`))
		if err != nil {
			panic(err)
		}
		res.Body.Close()
		fmt.Println(res.StatusCode, res.Header.Get("Retry-After") != "")
	}
	// Output:
	// 401 false
	// 401 false
	// 401 false
	// 401 false
	// 401 false
	// 429 true
}
