package sql_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/sql"
)

func Example() {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	store, err := sql.OpenSQLite(ctx, filepath.Join(dir, "gatehouse.db"), sql.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	err = store.Append(ctx, gatehouse.Record{ID: gatehouse.NewID(at), Event: gatehouse.Event{
		Kind:    gatehouse.LoginFailed,
		Time:    at,
		Subject: gatehouse.Subject{Account: "alice@example.com"},
		Client:  gatehouse.Client{IP: netip.MustParseAddr("192.0.2.1"), UserAgent: "curl/8.5\r\nforged"},
	}})
	if err != nil { // nothing is promised to be kept
		log.Fatal(err)
	}
	for r, err := range store.Query(ctx, gatehouse.Query{User: "alice@example.com", Limit: 10}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Time.Format(time.TimeOnly), r.Kind, r.IP, r.UserAgent)
	}
	// Output: 12:00:00 login_failed 192.0.2.1 curl/8.5��forged
}
