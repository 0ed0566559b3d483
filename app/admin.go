package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
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
	h := httpguard.Routes(mux)
	if addr, ok := a.admin.Addr().(*net.TCPAddr); ok && addr.IP.IsLoopback() {
		h = onlyByAddress(h)
	}
	return httpguard.New(nil, httpguard.Options{Now: a.now, Logger: a.logger, Mux: mux}).Wrap(h)
}

// onlyByAddress refuses requests that name this machine by anything but an address
// or localhost. A page that a browser on this machine has open can have a name of
// its own lead here (DNS rebinding), and would read what is answered.
func onlyByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if _, err := netip.ParseAddr(host); err != nil && host != "" && !strings.EqualFold(host, "localhost") {
			httpguard.Problem(w, r, httpguard.ProblemDetails{Status: http.StatusMisdirectedRequest, Detail: "Use an address or localhost."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func health(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that is gone is no error of ours
}
