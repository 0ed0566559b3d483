package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/geoip"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/cached"
	"github.com/fluxstudio/gatehouse/store/memory"
	sqlstore "github.com/fluxstudio/gatehouse/store/sql"
)

// Options are what New does not take from the configuration.
type Options struct {
	// Now is the clock of the login server. Default: time.Now.
	Now func() time.Time
	// Logger takes what the process has to say about itself. Default: discard.
	Logger *slog.Logger
	// OnRecords is told of each set of records once it is durable. It is called
	// concurrently and must not wait. Default: nobody is told.
	OnRecords func([]gatehouse.Record)
}

// maxConnections bounds the memory that connections can take: each may hold a
// request header of httpguard.MaxHeaderBytes.
const maxConnections = 4096

// shutdownGrace is how long requests in flight may take after the end was asked
// for.
const shutdownGrace = 10 * time.Second

// App is a login server that is ready to run.
type App struct {
	config  Config
	now     func() time.Time
	logger  *slog.Logger
	lock    *os.File
	store   *sqlstore.Store
	guard   *guard.Guard
	handler http.Handler
	token   string // of the control interface

	public, admin net.Listener
}

// New opens the data directory, creating what is missing, and binds the
// listeners. The error says which setting to change. Close or Run must be
// called on what it returns.
func New(ctx context.Context, c Config, o Options) (_ *App, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &App{config: c, now: o.Now, logger: o.Logger, token: newToken()}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.lock, err = openData(ctx, c.Data); err != nil {
		return nil, err
	}
	// Left by a server that was killed.
	if err := os.Remove(controlPath(c.Data)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	keys, err := accounts.LoadOrCreateKeys(c.Data)
	if err != nil {
		return nil, err
	}
	if a.store, err = sqlstore.OpenSQLite(ctx, databasePath(c.Data), sqlstore.Options{Sign: logKey(keys)}); err != nil {
		return nil, fmt.Errorf("open the records in %s: %w", c.Data, err)
	}
	if err := a.wire(ctx, keys, o); err != nil {
		return nil, err
	}
	if a.public, err = listen("listen", c.Listen); err != nil {
		return nil, err
	}
	a.admin, err = listen("admin_listen", c.AdminListen)
	return a, err
}

// wire builds the engine and the login server from their parts.
func (a *App) wire(ctx context.Context, keys accounts.Keys, o Options) error {
	c := a.config
	places, err := openPlaces(c.GeoIP)
	if err != nil {
		return err
	}
	blocks, err := cached.NewBlocks(ctx, memory.NewBlocks(), a.store, a.now())
	if err != nil {
		return err
	}
	a.guard, err = guard.New(guard.Options{
		Rules:     c.EffectiveRules(),
		Windows:   memory.NewWindows(memory.Options{MaxBytes: c.Counters.MaxBytes}),
		Blocks:    blocks,
		Sightings: a.store,
		Journal:   told{a.store, o.OnRecords},
		Log:       a.store,
		Places:    places,
		Alerts:    logAlerts{a.logger},
		Secret:    keys.Derive("counters"),
		LoginWait: c.LoginWait,
		OnError: func(ctx context.Context, doing string, err error) {
			a.logger.ErrorContext(ctx, "could not "+doing, "error", err, "correlation_id", correlationID(ctx))
		},
	})
	if err != nil {
		return err
	}
	hasher, err := accounts.NewHasher(accounts.HasherOptions{
		Params:   accounts.Argon2{Memory: c.Passwords.MemoryKiB, Time: c.Passwords.Iterations, Threads: c.Passwords.Parallelism},
		Parallel: c.Passwords.Concurrency,
		Wait:     c.Passwords.Wait,
	})
	if err != nil {
		return err
	}
	service, err := accounts.New(accounts.Options{
		Store:        a.store,
		Hasher:       hasher,
		Policy:       accounts.Policy{MinLength: c.Passwords.MinLength},
		Keys:         keys,
		Now:          a.now,
		AccessTTL:    c.Tokens.AccessTTL,
		RefreshTTL:   c.Tokens.RefreshTTL,
		RefreshGrace: c.Tokens.RefreshGrace,
	})
	if err != nil {
		return err
	}
	login, err := authserver.New(authserver.Options{Guard: a.guard, Accounts: service, Places: places, Now: a.now})
	if err != nil {
		return err
	}
	return a.guardRoutes(login)
}

// guardRoutes puts the middleware in front of the login server.
func (a *App) guardRoutes(login *authserver.Server) error {
	trusted, err := clientip.ParsePrefixes(a.config.TrustedProxies)
	if err != nil {
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	clients, err := clientip.New(clientip.Options{Trusted: trusted, Header: a.config.ClientIPHeader})
	if err != nil {
		return fmt.Errorf("client_ip_header: %w", err)
	}
	a.handler = httpguard.New(a.guard, httpguard.Options{
		Clients: clients,
		Refusal: authserver.Refusal,
		Now:     a.now,
		Logger:  a.logger,
	}).Wrap(login.Handler())
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

func listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", setting, address, err)
	}
	return netutil.LimitListener(l, maxConnections), nil
}

func correlationID(ctx context.Context) string {
	r, _ := httpguard.FromContext(ctx)
	return r.CorrelationID
}

// PublicAddr is where people log in.
func (a *App) PublicAddr() net.Addr { return a.public.Addr() }

// AdminAddr is where health and control answer.
func (a *App) AdminAddr() net.Addr { return a.admin.Addr() }

// Run serves until ctx ends, lets requests in flight finish, and closes the
// App. It returns nil when it was asked to end.
func (a *App) Run(ctx context.Context) error {
	defer a.Close()
	remove, err := a.announce()
	if err != nil {
		return err
	}
	defer remove()
	group, ctx := errgroup.WithContext(ctx)
	serve := func(l net.Listener, h http.Handler) {
		server := httpguard.Server(h, a.logger)
		controlCrowd(server, maxConnections)
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
			defer cancel()
			if err := server.Shutdown(grace); err != nil {
				return errors.Join(fmt.Errorf("requests were cut off at shutdown: %w", err), server.Close())
			}
			return nil
		})
	}
	serve(a.public, a.handler)
	serve(a.admin, a.adminHandler())
	return group.Wait()
}

// Close gives back what New opened. It is called by Run.
func (a *App) Close() error {
	var errs []error
	for _, l := range []net.Listener{a.public, a.admin} {
		if l != nil {
			l.Close() // closed already, after Run
		}
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}
