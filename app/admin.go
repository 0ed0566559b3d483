package app

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// adminHandler answers on the admin listener: the dashboard, health, metrics,
// profiles, and control for the command line.
func (a *App) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { a.report().write(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { a.ready(r.Context()).write(w) })
	mux.Handle("/control/", a.controlHandler())
	a.monitoring.register(mux)
	a.registerDashboard(mux)
	h := httpguard.Routes(mux)
	if addr, ok := a.admin.Addr().(*net.TCPAddr); ok && addr.IP.IsLoopback() {
		h = onlyByName(h, a.config.Dashboard.Hosts)
	}
	return httpguard.New(nil, httpguard.Options{
		Clients: a.clients,
		Now:     a.clock.now,
		Logger:  a.logger,
		Mux:     mux,
		MaxBody: importBytes,
		OnPanic: a.monitoring.sentry.OnPanic,
		OnError: a.monitoring.sentry.OnError,
	}).Wrap(h)
}

// report tells how the server is. It is alive as long as it can say so: to start
// it anew would mend no store.
func (a *App) report() healthReport {
	parts, well := a.health.snapshot()
	r := healthReport{Status: "ok", Parts: parts, Spooled: a.spool.State().Records}
	if !well {
		r.Status = "degraded"
	}
	return r
}

// ready tells whether people can log in here, which takes the record store.
func (a *App) ready(ctx context.Context) healthReport {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r := a.report()
	err := a.records.Ping(ctx)
	if s := a.spool.State(); err == nil && s.Failing { // such as a full disk with room for a ping
		err = s.Err
	}
	if err != nil {
		at := a.clock.now().UTC()
		r.Status = "unavailable"
		if since := r.Parts[partRecords].Since; since != nil {
			at = *since
		}
		r.Parts[partRecords] = condition{Status: "degraded", Since: &at, Error: err.Error()}
	}
	return r
}

// inward reports whether a path is not for those who come through a proxy: what it
// answers asks nobody who they are.
func inward(path string) bool {
	return slices.Contains([]string{"/metrics", "/healthz", "/readyz"}, path) ||
		strings.HasPrefix(path, "/debug/") || strings.HasPrefix(path, "/control/")
}

// onlyByName refuses requests that name this machine by anything but an address,
// localhost or one of names. A page that a browser on this machine has open can have
// a name of its own lead here (DNS rebinding), and would read what is answered.
func onlyByName(next http.Handler, names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		known := func(name string) bool { return strings.EqualFold(name, host) }
		if slices.ContainsFunc(names, known) {
			if inward(r.URL.Path) {
				httpguard.Problem(w, r, httpguard.ProblemDetails{Status: http.StatusNotFound})
				return
			}
		} else if _, err := netip.ParseAddr(host); err != nil && host != "" && !known("localhost") {
			httpguard.Problem(w, r, httpguard.ProblemDetails{Status: http.StatusMisdirectedRequest, Detail: "Use an address, localhost or a name in dashboard.hosts."})
			return
		}
		next.ServeHTTP(w, r)
	})
}
