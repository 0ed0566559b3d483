package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/geoip"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// wire builds the engine and the login server from their parts.
func (a *App) wire(ctx context.Context, keys accounts.Keys, o Options) error {
	c := a.config
	places, err := openPlaces(c.GeoIP)
	if err != nil {
		return err
	}
	a.guard, err = guard.New(guard.Options{
		Rules:     c.EffectiveRules(),
		Windows:   a.windows(),
		Blocks:    a.monitoring.blocks(listedBlocks{a.blocks, a.lists}),
		Sightings: a.monitoring.sightings(a.records),
		Journal:   a.monitoring.journal(a.spool, o.OnRecords, a.publish, a.alerts.records),
		Log:       a.records,
		Places:    places,
		Alerts:    a.monitoring.alerts(logAlerts{a.logger}),
		Secret:    keys.Derive("counters"),
		LoginWait: c.LoginWait,
		Exempt:    a.lists.allows,
		OnCount:   a.nearness.Count,
		OnError: func(ctx context.Context, doing string, err error) {
			a.logger.ErrorContext(ctx, "could not "+doing, "error", err, "correlation_id", correlationID(ctx))
			a.monitoring.sentry.Survived(ctx, doing, err)
		},
	})
	if err != nil {
		return err
	}
	hasher, err := accounts.NewHasher(accounts.HasherOptions{
		Params:   accounts.Argon2{Memory: c.Passwords.MemoryKiB, Time: c.Passwords.Iterations, Threads: c.Passwords.Parallelism},
		Parallel: c.Passwords.Concurrency,
		Wait:     c.Passwords.Wait,
		OnWait:   a.monitoring.hashWaited(),
	})
	if err != nil {
		return err
	}
	inForce := func() int {
		list, err := a.blocks.List(context.Background(), a.clock.now())
		if err != nil {
			return 0 // a copy in memory does not fail
		}
		return len(list)
	}
	if err := a.monitoring.watch(inForce, hasher.InFlight, func() int { return a.spool.State().Records }); err != nil {
		return err
	}
	service, err := accounts.New(accounts.Options{
		Store:        a.records,
		Hasher:       hasher,
		Policy:       accounts.Policy{MinLength: c.Passwords.MinLength},
		Keys:         keys,
		Now:          a.clock.now,
		AccessTTL:    c.Tokens.AccessTTL,
		RefreshTTL:   c.Tokens.RefreshTTL,
		RefreshGrace: c.Tokens.RefreshGrace,
	})
	if err != nil {
		return err
	}
	a.accounts = service
	if a.mailer, err = a.openAccountMail(service); err != nil {
		return err
	}
	login, err := authserver.New(authserver.Options{
		Guard: a.guard, Accounts: service, Places: places, Now: a.clock.now,
		Mail: a.mailer, ResetRequests: c.AccountMail.RequestsPerHour,
		Log: a.records, Attribution: geoip.Attribution, AttributionURL: geoip.AttributionURL,
	})
	if err != nil {
		return err
	}
	if err := a.openDashboard(ctx, keys, service, login); err != nil {
		return err
	}
	return a.guardRoutes(login, keys)
}

// openClients tells clients by the proxies that were named.
func openClients(c Config) (*clientip.Finder, error) {
	trusted, err := clientip.ParsePrefixes(c.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	clients, err := clientip.New(clientip.Options{Trusted: trusted, Header: c.ClientIPHeader})
	if err != nil {
		return nil, fmt.Errorf("client_ip_header: %w", err)
	}
	return clients, nil
}

// guardRoutes puts the middleware in front of the login server.
func (a *App) guardRoutes(login *authserver.Server, keys accounts.Keys) error {
	around := append(a.monitoring.around(), login.ErrorPages)
	limit, err := a.rateLimit(keys)
	if err != nil {
		return err
	}
	if limit != nil {
		around = append(around, limit) // which the instruments see
	}
	guarded := httpguard.New(a.monitoring.admitter(a.guard), httpguard.Options{
		Clients: a.clients,
		Refusal: authserver.Refusal,
		Now:     a.clock.now,
		Logger:  a.logger,
		Around:  around,
		OnPanic: a.monitoring.sentry.OnPanic,
		OnError: a.monitoring.sentry.OnError,
	}).Wrap(login.Handler())
	assets := web.Assets()
	a.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/assets/") {
			// A page has several, which must not count as so many requests, and one
			// that says that its reader is blocked has them, too.
			assets.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
	return nil
}

// openPlaces asks the operator's own networks first, then the database file
// that was named, then the data built in.
func openPlaces(c GeoIPConfig) (gatehouse.Places, error) {
	var sources []gatehouse.Places
	if len(c.Networks) > 0 {
		networks, err := geoip.NewNetworks(c.Table())
		if err != nil {
			return nil, fmt.Errorf("geoip.networks: %w", err)
		}
		sources = append(sources, networks)
	}
	if c.Database != "" {
		db, err := geoip.Open(c.Database)
		if err != nil {
			return nil, fmt.Errorf("geoip.database: %w", err)
		}
		sources = append(sources, db)
	}
	return geoip.Chain(append(sources, geoip.Builtin())...), nil
}
