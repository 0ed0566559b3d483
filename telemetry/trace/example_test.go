package trace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/trace"
)

// Tracing the requests of any handler. The collector would be Jaeger, Tempo or
// OpenTelemetry's own.
func Example() {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	tracer, err := trace.New(trace.Options{Endpoint: collector.URL, Ratio: 1})
	if err != nil {
		fmt.Println(err)
		return
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(http.ResponseWriter, *http.Request) {})
	guarded := httpguard.New(nil, httpguard.Options{
		Around: []func(http.Handler) http.Handler{tracer.Around},
	}).Wrap(mux)
	guarded.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil))

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(tracer.Shutdown(ctx), tracer.Stats().Exported)
	// Output: <nil> 1
}
