package profile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/profile"
)

// Profiles on the admin listener, and pushed to a server all the time.
func Example() {
	pyroscope := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer pyroscope.Close()
	pushed, err := profile.Start(profile.Options{PyroscopeURL: pyroscope.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	admin := http.NewServeMux()
	admin.Handle("/debug/pprof/", profile.Handler())

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(http.ResponseWriter, *http.Request) {})
	public := httpguard.New(nil, httpguard.Options{
		Around: []func(http.Handler) http.Handler{profile.Around},
	}).Wrap(mux)
	public.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil))

	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/goroutine", nil))
	fmt.Println(w.Code)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(pushed.Stop(ctx), pushed.Stats().Failed)
	// Output:
	// 200
	// <nil> 0
}
