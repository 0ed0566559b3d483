package authserver

import (
	"embed"
	"errors"
	"io/fs"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// sessionCookie says who is signed in to the account pages, as long as the browser is
// open.
var sessionCookie = web.Cookie{Name: "gatehouse_session"}

//go:embed templates/*.html
var templateFiles embed.FS

func parsePages(now func() time.Time) (*web.Pages, error) {
	files, err := fs.Sub(templateFiles, "templates")
	if err != nil {
		return nil, err
	}
	return web.Parse(files, web.Funcs(now), "layout.html")
}

// The paths of the pages.
const (
	homePage      = "/account"
	signupPage    = "/account/signup"
	loginPage     = "/account/login"
	logoutPage    = "/account/logout"
	forgotPage    = "/account/forgot"
	stepUpPage    = "/account/step-up"
	passwordPage  = "/account/password"
	endPage       = "/account/sessions/end"
	endOthersPage = "/account/sessions/end-others"
)

// pageRoutes is every page, by its pattern.
func (s *Server) pageRoutes() map[string]http.Handler {
	routes := map[string]http.Handler{
		"GET " + signupPage:     s.anybody(s.showSignup),
		"POST " + signupPage:    s.anybody(s.submitSignup),
		"GET " + loginPage:      s.anybody(s.showLogin),
		"POST " + loginPage:     s.anybody(s.submitLogin),
		"GET " + forgotPage:     s.anybody(s.showForgot),
		"POST " + forgotPage:    s.anybody(s.submitForgot),
		"GET " + homePage:       s.holder(s.home),
		"GET " + passwordPage:   s.holder(s.showPassword),
		"POST " + passwordPage:  s.holder(s.submitPassword),
		"POST " + endPage:       s.holder(s.endSession),
		"POST " + endOthersPage: s.holder(s.endOthers),
		"GET " + stepUpPage:     s.anyHolder(s.showStepUp),
		"POST " + stepUpPage:    s.anyHolder(s.submitStepUp),
		"POST " + logoutPage:    s.anyHolder(s.submitLogout),
	}
	s.addLinkPages(routes)
	return routes
}

// page is what the layout shows around the content of each page.
type page struct {
	Title string
	// Account is whose page it is; empty: of nobody who is signed in.
	Account string
	// Done says what the person has just done, Alert what went wrong.
	Done, Alert                 string
	Attribution, AttributionURL string // where places are shown
	Data                        any    // what the page shows
	// private is for a page whose address must not be told, not even to ourselves.
	private bool
}

// show answers with a page that is nobody else's to see, keep or frame.
func (s *Server) show(w http.ResponseWriter, status int, name string, p page) error {
	html, err := s.pages.Part(name, "layout", p)
	if err != nil {
		return err
	}
	h := w.Header()
	web.SetHeaders(h)
	if p.private {
		h.Set("Referrer-Policy", "no-referrer")
	}
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	w.WriteHeader(status)
	w.Write(html) // a client that is gone is no error of ours
	return nil
}

// again shows a form again with what is wrong with what was sent. Where that is
// nothing for the person, it returns the error.
func (s *Server) again(w http.ResponseWriter, err error, name string, p page) error {
	var problem httpguard.ProblemDetails
	if !errors.As(err, &problem) {
		return err
	}
	if problem.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(problem.RetryAfter.Seconds()))))
	}
	if problem.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	p.Alert = problem.Detail
	return s.show(w, problem.Status, name, p)
}

// done is what redirects tell of, by the value of the parameter.
var doneWords = map[string]string{
	"signup":   "Welcome. Your account is ready.",
	"created":  "Your account is ready. Sign in to it.",
	"logout":   "You are signed out.",
	"ended":    "That session is signed out.",
	"others":   "Everybody but this browser is signed out.",
	"password": "You have a new password. Everybody but this browser is signed out.",
}

// goTo answers a form that did what it was to do: by a page that can be loaded
// again.
func goTo(w http.ResponseWriter, r *http.Request, path, what string) error {
	if what != "" {
		path += "?done=" + what
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// anybody refuses forms that another site makes a browser send.
func (s *Server) anybody(next httpguard.HandlerFunc) httpguard.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.own.Check(r) != nil {
			return httpguard.ProblemDetails{Status: http.StatusForbidden, Detail: "Requests from pages of other sites are not allowed."}
		}
		return next(w, r)
	}
}

// holder lets in who is signed in, after the password was given again if it must
// be. Others are sent to where they can.
func (s *Server) holder(next func(http.ResponseWriter, *http.Request, call) error) httpguard.HandlerFunc {
	return s.anyHolder(func(w http.ResponseWriter, r *http.Request, c call) error {
		if s.accounts.NeedsStepUp(c.user, c.session) {
			return goTo(w, r, stepUpPage, "")
		}
		return next(w, r, c)
	})
}

// anyHolder lets in who is signed in.
func (s *Server) anyHolder(next func(http.ResponseWriter, *http.Request, call) error) httpguard.HandlerFunc {
	return s.anybody(func(w http.ResponseWriter, r *http.Request) error {
		c, in, err := s.visit(r)
		if err != nil {
			return err
		}
		if !in {
			return goTo(w, r, loginPage, "")
		}
		return failed(c.user.ID, next(w, r, c))
	})
}

// visit finds out who is at a browser, if anybody is signed in there.
func (s *Server) visit(r *http.Request) (c call, in bool, err error) {
	q, err := s.request(r)
	if err != nil {
		return c, false, err
	}
	c.Request = q
	value := sessionCookie.Get(r, q.Secure)
	if value == "" {
		return c, false, nil
	}
	c.session, c.user, err = s.accounts.VerifyBrowser(r.Context(), value, q.Client, s.sessionTTL)
	if errors.Is(err, accounts.ErrSignedOut) {
		return c, false, nil
	}
	return c, err == nil, err
}

// form reads the fields of a form, each of which is there once, and not empty
// unless it is optional.
func form(w http.ResponseWriter, r *http.Request, into fields, optional ...string) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return httpguard.ProblemDetails{Status: http.StatusUnsupportedMediaType, Detail: "Send the form as application/x-www-form-urlencoded."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return badRequest("The form could not be read.")
	}
	complete := true
	for name, value := range into { // all of them, so that a form that comes again has what was filled in
		values := r.PostForm[name]
		switch {
		case len(values) > 1 || len(values) == 1 && name == "token" && len(values[0]) > maxLinkToken:
			complete = false
		case len(values) == 1:
			*value = values[0]
		}
		complete = complete && (*value != "" || slices.Contains(optional, name))
	}
	if !complete {
		return badRequest("The form is not complete.")
	}
	return nil
}
