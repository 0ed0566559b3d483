package dashboard

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/logstats"
)

// Options are the parts of a Server. All are required but those with a default.
type Options struct {
	Accounts *accounts.Service
	// SignIn runs a guarded login. Its errors are httpguard.ProblemDetails where
	// the person can be told.
	SignIn func(ctx context.Context, q httpguard.Request, deviceCookie, email, password string, ttl time.Duration) (accounts.User, accounts.BrowserGrant, error)
	Guard  *guard.Guard
	Blocks gatehouse.Blocks
	Log    gatehouse.Log
	Stats  logstats.Store
	Feed   gatehouse.Feed
	// SetShadow puts a rule in the shadow or back in force, and records who did it.
	SetShadow func(ctx context.Context, rule string, on bool, by string) error
	Allowed   AllowList
	// Health tells how the parts of the server are. It must not wait.
	Health func() Health
	// Attribution is what pages that show places must say, with its link.
	Attribution, AttributionURL string
	// SetupToken opens the page that creates the first administrator, as long as
	// there is none. It must be hard to guess. Default: that page stays shut.
	SetupToken string
	// Secret signs the links that invite operators, and marks the cookies of those
	// who signed in here; nodes share it. At least 16 bytes. Default: random, good
	// for one process.
	Secret []byte
	// SessionTTL is how long an operator stays signed in without asking for
	// anything. Default: 12 h.
	SessionTTL time.Duration
	// MaxWatchers is how many may watch the live feed at the same time, each on a
	// connection. Default: 500.
	MaxWatchers int
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger hears of unforeseen errors. Default: slog.Default().
	Logger *slog.Logger
	// OnError is called with each of them, for error tracking. Default: nobody.
	OnError func(r *http.Request, err error)
}

// AllowList is the addresses that no rule keeps out. It is safe for concurrent
// use.
type AllowList interface {
	// List returns all entries, those of files and the configuration included.
	List() []Allowed
	// Add and Remove change the entries of operators, on all nodes. Errors that a
	// person can mend are httpguard.ProblemDetails.
	Add(ctx context.Context, p netip.Prefix, reason, by string) error
	Remove(ctx context.Context, p netip.Prefix, by string) error
}

// Allowed is one entry of an AllowList.
type Allowed struct {
	Prefix netip.Prefix
	Reason string
	Origin string    // a file, the configuration, or "" where an operator added it
	By     string    // that operator's account name
	Since  time.Time // when
}

// Health is how the server is.
type Health struct {
	Parts   []Part // in the order of their names
	Spooled int    // records that wait for their store
}

// Part is how a part of the server is.
type Part struct {
	Name   string
	State  string    // ok, degraded or off
	Since  time.Time // of a degradation
	Detail string    // why, or where it reports to
}

// Well reports whether nothing is degraded.
func (h Health) Well() bool {
	for _, p := range h.Parts {
		if p.State == "degraded" {
			return false
		}
	}
	return true
}

// Server answers the requests of operators' browsers. It is safe for concurrent
// use.
type Server struct {
	Options
	pages   *web.Pages
	live    *hub
	origins *http.CrossOriginProtection
	exports chan struct{} // holds one for each export that runs
}

// New returns a Server, or an error that names the option that is missing. Run
// must be called for the live feed.
func New(o Options) (*Server, error) {
	switch {
	case o.Accounts == nil || o.SignIn == nil:
		return nil, errors.New("dashboard: Options.Accounts and Options.SignIn are required")
	case o.Guard == nil || o.Blocks == nil || o.Log == nil || o.Stats == nil || o.Feed == nil:
		return nil, errors.New("dashboard: Options.Guard, Blocks, Log, Stats and Feed are required")
	case o.SetShadow == nil || o.Allowed == nil || o.Health == nil:
		return nil, errors.New("dashboard: Options.SetShadow, Allowed and Health are required")
	case o.Secret != nil && len(o.Secret) < 16:
		return nil, errors.New("dashboard: Options.Secret is shorter than 16 bytes")
	}
	if o.Secret == nil {
		o.Secret = make([]byte, 32)
		rand.Read(o.Secret) // never fails (crypto/rand)
	}
	o.SessionTTL = cmp.Or(o.SessionTTL, 12*time.Hour)
	o.MaxWatchers = cmp.Or(o.MaxWatchers, 500)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.OnError == nil {
		o.OnError = func(*http.Request, error) {}
	}
	s := &Server{Options: o, origins: http.NewCrossOriginProtection()}
	var err error
	if s.pages, err = parsePages(o.Now); err != nil {
		return nil, err
	}
	s.exports = make(chan struct{}, exportsAtOnce)
	s.live = newHub(o.Feed, o.MaxWatchers, s.feedItem)
	return s, nil
}

// Run keeps the live feed until ctx ends.
func (s *Server) Run(ctx context.Context) error { return s.live.run(ctx) }

// Register adds the pages to mux, which must be served behind httpguard.
func (s *Server) Register(mux *http.ServeMux) {
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.enter(r))
	}
	mux.Handle("GET /assets/", web.Assets())
}
