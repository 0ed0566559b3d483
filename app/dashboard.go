package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/dashboard"
	"github.com/fluxstudio/gatehouse/geoip"
)

// openDashboard puts the pages for operators together.
func (a *App) openDashboard(ctx context.Context, keys accounts.Keys, service *accounts.Service, login *authserver.Server) error {
	if !a.config.Dashboard.Enabled {
		return nil
	}
	known, err := service.HasAdministrator(ctx)
	if err != nil {
		return err
	}
	if !known {
		a.setup = newToken()
	}
	a.dashboard, err = dashboard.New(dashboard.Options{
		Accounts:       service,
		SignIn:         login.SignIn,
		Guard:          a.guard,
		Blocks:         a.blocks,
		Log:            a.records,
		Stats:          a.records,
		Feed:           a.feed,
		SetShadow:      a.setShadow,
		Allowed:        operatorsList{a},
		Health:         a.dashboardHealth,
		Attribution:    geoip.Attribution,
		AttributionURL: geoip.AttributionURL,
		SetupToken:     a.setup,
		Secret:         keys.Derive("dashboard"),
		SessionTTL:     a.config.Dashboard.SessionTTL,
		MaxWatchers:    max(a.config.MaxConnections/2, 1), // the others are for acting
		Now:            a.clock.now,
		Logger:         a.logger,
		OnError:        a.monitoring.sentry.OnError,
	})
	return err
}

// AddOperator adds somebody who may use the dashboard. Errors are those of
// accounts.Service.CreateOperator.
func (a *App) AddOperator(ctx context.Context, email, password, name string, role accounts.Role) error {
	_, err := a.accounts.CreateOperator(ctx, email, password, name, role)
	return err
}

// runDashboard keeps what is live on it.
func (a *App) runDashboard(ctx context.Context, group *errgroup.Group) {
	if a.dashboard != nil {
		group.Go(func() error { return a.dashboard.Run(ctx) })
	}
}

// registerDashboard adds its pages to the admin listener.
func (a *App) registerDashboard(mux *http.ServeMux) {
	if a.dashboard != nil {
		a.dashboard.Register(mux)
	}
}

// DashboardURL is where operators look, for somebody on this machine; empty where
// the dashboard is switched off. As long as there was no administrator when the
// server started, it is the one-time link that creates the first one.
func (a *App) DashboardURL() (link string, setup bool) {
	if a.dashboard == nil {
		return "", false
	}
	u := url.URL{Scheme: "http", Host: onThisMachine(a.admin.Addr().(*net.TCPAddr).AddrPort()).String(), Path: "/"}
	if a.setup != "" {
		u.Path, u.RawQuery = "/setup", url.Values{"token": {a.setup}}.Encode()
	}
	return u.String(), a.setup != ""
}

// dashboardHealth is how the parts of the server are, those that report to others
// included.
func (a *App) dashboardHealth() dashboard.Health {
	r := a.report()
	h := dashboard.Health{Spooled: r.Spooled}
	for _, name := range slices.Sorted(maps.Keys(r.Parts)) {
		part := dashboard.Part{Name: name, State: r.Parts[name].Status, Detail: r.Parts[name].Error}
		if since := r.Parts[name].Since; since != nil {
			part.Since = *since
		}
		h.Parts = append(h.Parts, part)
	}
	c, off := a.config, "off"
	add := func(name string, on bool, detail string) {
		p := dashboard.Part{Name: name, State: off}
		if on {
			p.State, p.Detail = "ok", detail
		}
		h.Parts = append(h.Parts, p)
	}
	add("Sentry", c.Monitoring.Enabled && c.Sentry.DSN != "", c.Sentry.Environment)
	add("traces", c.Monitoring.Enabled && c.Tracing.OTLPEndpoint != "", "OpenTelemetry")
	add("account mail", c.Mail.Host != "", "")
	add("alert routes", len(c.Alerts.Routes) > 0, fmt.Sprintf("%d", len(c.Alerts.Routes)))
	add("detection", c.Detection.Enabled, "")
	return h
}
