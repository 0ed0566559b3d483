package httpguard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// Guarding an existing handler. The engine is a *guard.Guard; here it is one
// that refuses everything.
func Example() {
	engine := &admitter{decision: gatehouse.Decision{Verdict: gatehouse.Limited, RetryAfter: 1500 * time.Millisecond}}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(http.ResponseWriter, *http.Request) {})
	guarded := httpguard.New(engine, httpguard.Options{}).Wrap(httpguard.Routes(mux))

	w := httptest.NewRecorder()
	guarded.ServeHTTP(w, httptest.NewRequest("POST", "/login", nil))
	fmt.Println(w.Code, "Retry-After:", w.Header().Get("Retry-After"))
	fmt.Println(w.Body)
	// Output:
	// 429 Retry-After: 2
	// {"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many requests. Try again later."}
}

// Handlers return what went wrong; one place renders it.
func ExampleHandlerFunc() {
	h := httpguard.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "This e-mail address has an account."}
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/signup", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 409 application/problem+json
}
