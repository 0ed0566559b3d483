package outbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/store/sql"
)

// printer is a channel that prints.
type printer struct{}

func (printer) Send(_ context.Context, m notify.Message) error {
	fmt.Println(m.Title)
	return nil
}

// A message is enqueued, and delivered by a worker.
func Example() {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, err := sql.OpenSQLite(ctx, filepath.Join(dir, "gatehouse.db"), sql.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	err = store.Enqueue(ctx, outbox.Delivery{
		ID: "welcome-1@screen", Channel: "screen", Created: time.Now(),
		Message: notify.Message{Kind: notify.Test, Key: "welcome-1", Title: "It works"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	worker, err := outbox.NewWorker(outbox.Options{
		Store: store, Holder: "this node", Channels: map[string]notify.Notifier{"screen": printer{}},
		OnAttempt: func(outbox.Attempt) { cancel() }, // enough for an example
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	worker.Run(ctx)
	// Output: It works
}
