package spool_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/spool"
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
	s, err := spool.Open(filepath.Join(dir, "spool"), store, store, spool.Options{Probe: store.Ping})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)

	store.Close() // the store is gone
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	err = s.Append(ctx, gatehouse.Record{ID: gatehouse.NewID(at), Event: gatehouse.Event{Kind: gatehouse.LoginFailed, Time: at}})
	state := s.State()
	fmt.Println(err, state.Degraded, state.Records)
	// Output: <nil> true 1
}
