package dashboard

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

func (s *Server) signInRoutes() []route {
	return []route{
		{"GET /login", "", s.signInPage},
		{"POST /login", "", s.signIn},
		{"POST /logout", accounts.Viewer, s.signOut},
	}
}

type signInForm struct {
	Email, Next string
	NoOperator  bool // there is nobody yet who could sign in
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	next := local(r.URL.Query().Get("next"))
	if v.may(accounts.Viewer) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	return s.showSignIn(w, r, v, http.StatusOK, signInForm{Next: next}, "")
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, v visitor, status int, f signInForm, alert string) error {
	any, err := s.Accounts.HasAdministrator(r.Context())
	if err != nil {
		return err
	}
	f.NoOperator = !any
	return s.show(w, r, v, status, "login", page{Title: "Sign in", Alert: alert, Data: f})
}

// signIn is a login like any other, guarded and recorded, of somebody who has a
// role.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	f := signInForm{Email: r.PostForm.Get("email"), Next: local(r.PostForm.Get("next"))}
	if err := s.admit(r.Context(), v); err != nil {
		return err
	}
	user, grant, err := s.SignIn(r.Context(), v.Request, web.DeviceCookie.Get(r, v.Secure), f.Email, r.PostForm.Get("password"), s.SessionTTL)
	var p httpguard.ProblemDetails
	if errors.As(err, &p) && p.Status < http.StatusInternalServerError {
		return s.showSignIn(w, r, v, p.Status, f, p.Detail)
	}
	if err != nil {
		return err
	}
	if user.Role == accounts.Holder {
		if err := s.Accounts.EndSession(r.Context(), user.ID, grant.Session.ID); err != nil {
			return err
		}
		return s.showSignIn(w, r, v, http.StatusForbidden, f, "This account has no role here. An administrator can give it one.")
	}
	if err := s.leave(r.Context(), v); err != nil { // who was signed in here before
		return err
	}
	s.signedIn(w, v, grant)
	http.Redirect(w, r, f.Next, http.StatusSeeOther)
	return nil
}

// signIns is how often passwords may be tried from one address, whosever they are.
var signIns = gatehouse.Limit{Threshold: 50, Window: time.Minute}

// admit returns an error if too many passwords were tried from the visitor's address.
func (s *Server) admit(ctx context.Context, v visitor) error {
	e := v.Event(gatehouse.LoginRefused)
	e.Time = s.Now()
	if d := s.Guard.AdmitWithin(ctx, e, signIns); !d.Allowed() {
		return httpguard.Refused(d)
	}
	return nil
}

// leave ends the visitor's session, if there is one.
func (s *Server) leave(ctx context.Context, v visitor) error {
	if !v.signedIn() {
		return nil
	}
	if err := s.Accounts.Logout(ctx, v.session); err != nil {
		return err
	}
	e := v.Event(gatehouse.LoggedOut)
	e.Time = s.Now()
	e.User, e.Account, e.Session, e.Device = v.user.ID, v.user.Account, v.session.ID, v.session.Client.Device
	_, err := s.Guard.Observe(ctx, e)
	return err
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := s.leave(r.Context(), v); err != nil {
		return err
	}
	sessionCookie.Forget(w, v.Secure)
	return back(w, r, "/login", "signout")
}

// maxForm bounds what a form may send. The longest field is a password.
const maxForm = 64 << 10

// readForm reads the form that was sent into r.PostForm.
func readForm(w http.ResponseWriter, r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return httpguard.ProblemDetails{Status: http.StatusUnsupportedMediaType, Detail: "Send the form as application/x-www-form-urlencoded."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return httpguard.ProblemDetails{Status: http.StatusRequestEntityTooLarge, Detail: "The form is too long."}
		}
		return httpguard.ProblemDetails{Status: http.StatusBadRequest, Detail: "The form could not be read."}
	}
	return nil
}
