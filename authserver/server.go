package authserver

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// Options are the parts of a Server.
type Options struct {
	Guard    *guard.Guard      // required
	Accounts *accounts.Service // required
	// Places tells where sessions are, for the list of devices. Default: nowhere
	// known.
	Places gatehouse.Places
	// Log is where the account pages read what happened to an account. Default:
	// they do not show it.
	Log gatehouse.Log
	// Attribution is what pages that show places must say, with its link.
	// Default: nothing.
	Attribution, AttributionURL string
	// SessionTTL is how long somebody stays signed in to the account pages without
	// asking for one. Default: 12 h.
	SessionTTL time.Duration
	// Mail tells account holders what happens, and mails them links. Default:
	// nobody is told, and requests for new passwords come to nothing.
	Mail *accountmail.Mailer
	// ResetRequests is how many requests for a new password are taken from one
	// address in an hour. Default: 20.
	ResetRequests int
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// TrustedOrigins are the other sites whose pages may use this server, like
	// "https://app.example.com". Default: none.
	TrustedOrigins []string
}

// Server answers the requests of the package comment. It is safe for concurrent
// use.
type Server struct {
	guard    *guard.Guard
	accounts *accounts.Service
	places   gatehouse.Places
	mail     *accountmail.Mailer
	requests gatehouse.Limit // for a new password, of one address
	now      func() time.Time
	origins  *http.CrossOriginProtection

	log                         gatehouse.Log
	attribution, attributionURL string
	sessionTTL                  time.Duration
	pages                       *web.Pages
	own                         *http.CrossOriginProtection // of forms, which no other site has
}

// New returns a Server, or an error that names the option that is missing or
// malformed.
func New(o Options) (*Server, error) {
	if o.Guard == nil || o.Accounts == nil {
		return nil, errors.New("authserver: Options.Guard and Options.Accounts are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		guard: o.Guard, accounts: o.Accounts, places: o.Places, mail: o.Mail, now: o.Now, origins: http.NewCrossOriginProtection(),
		requests: gatehouse.Limit{Threshold: cmp.Or(o.ResetRequests, 20), Window: time.Hour},
		log:      o.Log, attribution: o.Attribution, attributionURL: o.AttributionURL,
		sessionTTL: cmp.Or(o.SessionTTL, 12*time.Hour), own: http.NewCrossOriginProtection(),
	}
	var err error
	if s.pages, err = parsePages(o.Now); err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	for _, origin := range o.TrustedOrigins {
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("authserver: trusted origin %q: %w", origin, err)
		}
	}
	return s, nil
}

// The paths of requests that have a kind of refusal of their own.
const (
	signupPath   = "/api/auth/signup"
	loginPath    = "/api/auth/login"
	refreshPath  = "/api/auth/refresh"
	passwordPath = "/api/auth/password"
	forgotPath   = "/api/auth/password/forgot"
	resetPath    = "/api/auth/password/reset"
	stepUpPath   = "/api/auth/step-up"
)

// Register adds the routes to mux.
func (s *Server) Register(mux *http.ServeMux) {
	routes := map[string]httpguard.HandlerFunc{
		"POST " + signupPath:            s.signup,
		"POST " + loginPath:             s.login,
		"POST " + refreshPath:           s.refresh,
		"POST /api/auth/logout":         s.anySession(s.logout),
		"POST " + stepUpPath:            s.anySession(s.stepUp),
		"POST /api/auth/logout-all":     s.signedIn(s.logoutAll),
		"GET /api/auth/me":              s.signedIn(s.me),
		"POST " + passwordPath:          s.signedIn(s.changePassword),
		"POST " + forgotPath:            s.forgotPassword,
		"POST " + resetPath:             s.resetPassword,
		"GET /api/auth/devices":         s.signedIn(s.devices),
		"DELETE /api/auth/devices/{id}": s.signedIn(s.endDevice),
	}
	for pattern, handler := range routes {
		mux.Handle(pattern, s.sameSite(handler))
	}
	for pattern, handler := range s.pageRoutes() {
		mux.Handle(pattern, handler)
	}
	mux.Handle("GET /assets/", web.Assets())
}

// Handler returns a handler of the routes alone, for httpguard's Wrap.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Register(mux)
	return httpguard.Routes(mux)
}

// Refusal tells as which kind of event a request is recorded if it is refused
// before it gets here; see httpguard.Options.
func Refusal(r *http.Request) gatehouse.Kind {
	if r.Method == http.MethodPost {
		switch r.URL.Path {
		case signupPath, signupPage:
			return gatehouse.SignupRefused
		case loginPath, loginPage:
			return gatehouse.LoginRefused
		case refreshPath:
			return gatehouse.TokenRefreshRefused
		case passwordPath, passwordPage:
			return gatehouse.PasswordChangeRefused
		case stepUpPath, stepUpPage:
			return gatehouse.StepUpRefused
		case forgotPath, forgotPage, resetPath, accountmail.ResetPath, accountmail.DisownPath:
			return gatehouse.PasswordResetRefused
		}
	}
	return gatehouse.RequestRefused
}

// sameSite refuses what a page of another site makes a browser send.
func (s *Server) sameSite(next httpguard.HandlerFunc) httpguard.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.origins.Check(r) != nil {
			return httpguard.ProblemDetails{Status: http.StatusForbidden, Detail: "Requests from pages of other sites are not allowed."}
		}
		return next(w, r)
	}
}

// request returns what the middleware found out, and where the client is.
func (s *Server) request(r *http.Request) (httpguard.Request, error) {
	q, ok := httpguard.FromContext(r.Context())
	if !ok {
		return q, errors.New("authserver: not behind httpguard")
	}
	return s.located(q), nil
}

func (s *Server) located(q httpguard.Request) httpguard.Request {
	if s.places != nil {
		q.Client.Place = s.places.Place(q.Client.IP)
	}
	return q
}
