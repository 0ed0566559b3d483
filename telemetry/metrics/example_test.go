package metrics_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

// Measuring the requests of any handler, and serving the metrics elsewhere.
func Example() {
	m := metrics.New(metrics.Options{Version: "1.0.0"})

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(http.ResponseWriter, *http.Request) {})
	public := httpguard.New(nil, httpguard.Options{
		Around: []func(http.Handler) http.Handler{m.Around},
	}).Wrap(httpguard.Routes(mux))
	admin := m.Handler()

	public.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil))
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, _ := io.ReadAll(w.Body)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "gatehouse_http_requests_total") {
			fmt.Print(line)
		}
	}
	// Output: gatehouse_http_requests_total{code="200",endpoint="POST /login",method="POST"} 1
}
