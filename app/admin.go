package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// adminHandler answers on the admin listener: health, metrics, profiles, and
// control for the command line.
func (a *App) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		health(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := a.store.Ping(ctx); err != nil {
			health(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "records": err.Error()})
			return
		}
		health(w, http.StatusOK, map[string]string{"status": "ready", "records": "ok"})
	})
	mux.Handle("/control/", a.controlHandler())
	a.monitoring.register(mux)
	return httpguard.New(nil, httpguard.Options{Now: a.now, Logger: a.logger, Mux: mux}).Wrap(httpguard.Routes(mux))
}

func health(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that is gone is no error of ours
}
