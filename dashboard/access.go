package dashboard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// visitor is who asks. User and session are zero where nobody is signed in.
type visitor struct {
	httpguard.Request
	user    accounts.User
	session accounts.Session
}

func (v visitor) signedIn() bool { return v.session.ID != "" }

// may reports whether the visitor has at least a role.
func (v visitor) may(role accounts.Role) bool {
	return v.signedIn() && v.user.Role != accounts.Holder && v.user.Role.Includes(role)
}

// event returns an event that this visitor brings about as an operator.
func (s *Server) event(v visitor, kind gatehouse.Kind) gatehouse.Event {
	e := v.Event(kind)
	e.Time = s.Now()
	e.Actor = v.user.Account
	return e
}

// sessionCookie says who is signed in, as long as the browser is open.
var sessionCookie = web.Cookie{Name: "gatehouse_dashboard"}

// mark is what shows that a session began at this door: the cookie of one that
// somebody has at the login server opens nothing here.
func (s *Server) mark(cookie string) string {
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte("session 1\n" + cookie))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signedIn keeps a browser signed in as long as it is open.
func (s *Server) signedIn(w http.ResponseWriter, v visitor, grant accounts.BrowserGrant) {
	web.DeviceCookie.Set(w, grant.DeviceCookie, v.Secure)
	sessionCookie.Set(w, grant.Cookie+"."+s.mark(grant.Cookie), v.Secure)
}

// opened returns what of a cookie stands for a session, or nothing.
func (s *Server) opened(value string) string {
	i := strings.LastIndexByte(value, '.')
	if i < 0 || !hmac.Equal([]byte(value[i+1:]), []byte(s.mark(value[:i]))) {
		return ""
	}
	return value[:i]
}

// visit finds out who asks, whose session lives for ttl from now on; for 0 as long
// as before.
func (s *Server) visit(r *http.Request, ttl time.Duration) (visitor, error) {
	q, ok := httpguard.FromContext(r.Context())
	if !ok {
		return visitor{}, errors.New("dashboard: not behind httpguard")
	}
	v := visitor{Request: q}
	cookie := s.opened(sessionCookie.Get(r, q.Secure))
	if cookie == "" {
		return v, nil
	}
	session, user, err := s.Accounts.VerifyBrowser(r.Context(), cookie, q.Client, ttl)
	switch {
	case errors.Is(err, accounts.ErrSignedOut):
		return v, nil
	case err != nil:
		return v, err
	case s.Accounts.NeedsStepUp(user, session):
		return v, nil // to sign in again is the step
	}
	v.user, v.session = user, session
	return v, nil
}

// byItself are the routes that an open page asks for without anybody being there.
// They keep no session alive.
var byItself = []string{"GET /live", "GET /overview/counters", "GET /overview/state"}

// enter lets those in who may, and renders what goes wrong.
func (s *Server) enter(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.SetHeaders(w.Header())
		ttl := s.SessionTTL
		if slices.Contains(byItself, route.pattern) {
			ttl = 0
		}
		v, err := s.visit(r, ttl)
		if err == nil {
			err = s.origins.Check(r)
			if err != nil {
				err = httpguard.ProblemDetails{Status: http.StatusForbidden, Detail: "Requests from pages of other sites are not allowed."}
			}
		}
		switch {
		case err != nil:
		case route.needs == accounts.Holder || v.may(route.needs):
			err = route.handle(w, r, v)
		case !v.signedIn():
			http.Redirect(w, r, signInPath(r), http.StatusSeeOther)
		default:
			err = httpguard.ProblemDetails{Status: http.StatusForbidden, Detail: "This takes the role " + string(route.needs) + "."}
		}
		if err != nil {
			s.fail(w, r, v, err)
		}
	})
}

// signInPath is where to sign in, and to come back from to the page that was asked
// for.
func signInPath(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path == "/" && r.URL.RawQuery == "" || r.Header.Get("HX-Request") != "" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(r.URL.RequestURI())
}

// local returns a path of ours that somebody asks to be sent to, or "/".
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return next
}
