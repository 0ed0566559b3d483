package export_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

func Example() {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "security.jsonl")

	target, err := export.Open("file:" + path)
	if err != nil {
		log.Fatal(err)
	}
	exporter, err := export.New(export.Options{Target: target, Format: export.OCSF})
	if err != nil {
		log.Fatal(err)
	}

	// In a server, exporter.Journal wraps the journal and does this.
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	exporter.Records([]gatehouse.Record{{ID: gatehouse.NewID(at), Event: gatehouse.Event{
		Kind:    gatehouse.LoginFailed,
		Time:    at,
		Reason:  "wrong_password",
		Subject: gatehouse.Subject{Account: "alice@example.com"},
		Client:  gatehouse.Client{IP: netip.MustParseAddr("192.0.2.1")},
	}}})

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := exporter.Close(ctx); err != nil {
		log.Fatal(err)
	}
	line, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	_, message, _ := strings.Cut(string(line), `"message":"`)
	message, _, _ = strings.Cut(message, `"`)
	fmt.Println(message)
	fmt.Printf("%+v\n", exporter.Stats())
	// Output:
	// Login failed for alice@example.com from 192.0.2.1 (wrong_password)
	// {Written:1 Dropped:0 Pending:0 Errors:0 Failing:false}
}
