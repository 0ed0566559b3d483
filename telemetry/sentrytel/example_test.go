package sentrytel_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
)

// In front of any handler, without the rest of Gatehouse.
func Example() {
	monitor, err := sentrytel.New(sentrytel.Options{
		DSN:         os.Getenv("SENTRY_DSN"), // without one nothing is sent
		Environment: os.Getenv("SENTRY_ENVIRONMENT"),
		Release:     os.Getenv("SENTRY_RELEASE"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		monitor.Close(ctx) // sends what still waits
	}()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		step := monitor.Span(r.Context(), "db", "find item")
		// ... look it up ...
		step.End(nil)
	})
	var handler http.Handler = monitor.Handler(mux) // traces, and panics that go on
	_ = handler

	fmt.Println(monitor)
	// Output: Sentry is off: no DSN
}

// Behind httpguard and around the engine's ports.
func ExampleMonitor_Around() {
	monitor, err := sentrytel.New(sentrytel.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var journal gatehouse.Journal // where records become durable
	engine := guard.Options{
		Journal: monitor.Journal(journal), // keeps the traces of attacks
		OnError: monitor.Survived,
	}
	web := httpguard.Options{
		Around:  []func(http.Handler) http.Handler{monitor.Around},
		OnPanic: monitor.OnPanic,
		OnError: monitor.OnError,
	}
	logger := slog.New(monitor.LogHandler(slog.LevelWarn))
	observers := []func([]gatehouse.Record){monitor.Records}

	fmt.Println(engine.OnError != nil, len(web.Around), logger != nil, len(observers))
	// Output: true 1 true 1
}

// A scheduled job checks in, so that Sentry can tell when it did not run.
func ExampleMonitor_CheckIn() {
	var monitor *sentrytel.Monitor // nil does nothing
	job := func(ctx context.Context) (err error) {
		done := monitor.CheckIn(ctx, "token-cleanup", sentrytel.Schedule{Every: time.Hour})
		defer func() { done(err) }()
		return nil
	}
	fmt.Println(job(context.Background()))
	// Output: <nil>
}
