package main

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// standIn runs one of the servers that are no Gatehouse, until it is killed:
// "floor" answers as a guarded request is answered and does nothing for it,
// "sentry" takes what Sentry is sent.
func standIn(role, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	switch role {
	case "floor":
		mux.HandleFunc("GET "+mePath, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"id":"0123456789abcdef0123456789abcdef","email":"account0@example.com","name":"Sample","created":"2026-01-02T03:04:05.678Z"}`)
		})
	case "sentry":
		mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "{}")
		})
	default:
		return fmt.Errorf("no server is called %q", role)
	}
	server := http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}
