package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/dashboard"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/scrub"
	"github.com/fluxstudio/gatehouse/store/cached"
	"github.com/fluxstudio/gatehouse/store/redis"
	"github.com/fluxstudio/gatehouse/store/spool"
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

// shutdownGrace is how long requests in flight may take after the end was asked
// for.
const shutdownGrace = 10 * time.Second

// App is a login server that is ready to run.
type App struct {
	config     Config
	clock      *clock
	logger     *slog.Logger
	monitoring *monitoring
	health     *health
	records    *sqlstore.Store
	redis      *redis.Client // nil: this node is alone
	spool      *spool.Spool
	blocks     *cached.Blocks
	feed       gatehouse.Feed
	alerts     *alerts
	mailer     *accountmail.Mailer // nil: account holders get no mail
	ending     context.Context     // ends when the server is asked to
	end        context.CancelFunc
	resync     chan struct{} // asks to compare the blocks; one token
	relist     chan struct{} // asks to read the lists again; one token
	lists      *lists
	choices    choices
	nearness   *nearness
	close      []func() error
	clients    *clientip.Finder
	guard      *guard.Guard
	handler    http.Handler
	token      string // of the control interface
	accounts   *accounts.Service
	dashboard  *dashboard.Server // nil: switched off
	setup      string            // opens the page that creates the first administrator; empty: there is one

	fingerprint string // of the keys

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
	scrubber := scrub.New(scrub.Options{})
	a := &App{
		config: c,
		logger: slog.New(scrub.NewHandler(o.Logger.Handler(), scrubber)),
		resync: make(chan struct{}, 1),
		relist: make(chan struct{}, 1),
		token:  newToken(),
	}
	a.ending, a.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	lock, err := openData(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	a.closing(lock.Close)
	if info, err := os.Stat(c.Data); err == nil && info.Mode().Perm()&0o022 != 0 {
		a.logger.Warn("other users can write to the data directory, and so replace keys and records", "data", c.Data, "mode", info.Mode().Perm().String())
	}
	// Left by a server that was killed.
	if err := os.Remove(controlPath(c.Data)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	keys, err := loadKeys(c)
	if err != nil {
		return nil, err
	}
	if a.records, err = openRecords(ctx, c, keys); err != nil {
		return nil, err
	}
	a.closing(a.records.Close)
	if a.clients, err = openClients(c); err != nil {
		return nil, err
	}
	if a.monitoring, err = openMonitoring(c, keys, a.clients, scrubber, a.logger); err != nil {
		return nil, err
	}
	a.closing(a.closeMonitoring)
	a.logger = a.monitoring.logger(a.logger)
	if err := a.openShared(ctx, o.Now); err != nil {
		return nil, err
	}
	if a.lists, err = openLists(c.Lists, a.clock.now, a.logger); err != nil {
		return nil, err
	}
	if err := a.agree(ctx, keys); err != nil {
		return nil, err
	}
	if err := a.openAlerts(); err != nil {
		return nil, err
	}
	a.openNearness()
	if err := a.wire(ctx, keys, o); err != nil {
		return nil, err
	}
	if err := a.readSettings(ctx); err != nil {
		return nil, err
	}
	if a.public, err = listen("listen", c.Listen, c.MaxConnections); err != nil {
		return nil, err
	}
	a.admin, err = listen("admin_listen", c.AdminListen, c.MaxConnections)
	return a, err
}

func listen(setting, address string, most int) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", setting, address, err)
	}
	return netutil.LimitListener(l, most), nil
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
		controlCrowd(server, a.config.MaxConnections)
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			a.end() // answers without an end
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
	group.Go(func() error { return a.cleanUpUntil(ctx) })
	group.Go(func() error { return a.clock.keep(ctx) })
	group.Go(func() error { return a.syncBlocksUntil(ctx) })
	a.alerts.run(ctx, group)
	a.runDashboard(ctx, group)
	group.Go(func() error { return a.mailer.Run(ctx) })
	group.Go(func() error { return a.agreeUntil(ctx) })
	group.Go(func() error { return a.lists.watch(ctx, a.relist) })
	group.Go(func() error { return a.settingsUntil(ctx) })
	group.Go(func() error { return a.nearnessUntil(ctx) })
	return group.Wait()
}

// Close gives back what New opened. It is called by Run.
func (a *App) Close() error {
	for _, l := range []net.Listener{a.public, a.admin} {
		if l != nil {
			l.Close() // closed already, after Run
		}
	}
	a.end()
	var errs []error
	for _, end := range slices.Backward(a.close) {
		errs = append(errs, end())
	}
	a.close = nil
	return errors.Join(errs...)
}

// closing has Close call end, before what was opened earlier is closed.
func (a *App) closing(end func() error) { a.close = append(a.close, end) }

func (a *App) closeMonitoring() error {
	if err := a.monitoring.close(); err != nil { // no failure of the login server
		a.logger.Warn("not everything could be reported before the end", "error", err)
	}
	return nil
}
