package authserver

import (
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// entry is what the pages for those who are not signed in show.
type entry struct {
	Email, Name string // as typed
	Least       int    // characters of a password
	Mail        bool   // links to reset a password can be mailed
}

func (s *Server) signupForm(email, name string) page {
	return page{Title: "Create an account", Data: entry{Email: email, Name: name, Least: s.accounts.MinPassword()}}
}

func (s *Server) loginForm(r *http.Request, email string) page {
	return page{Title: "Sign in", Done: doneWords[r.URL.Query().Get("done")], Data: entry{Email: email, Mail: s.mail != nil}}
}

func (s *Server) forgotForm(email string) page {
	return page{Title: "Forgot your password?", Data: entry{Email: email}}
}

func (s *Server) showSignup(w http.ResponseWriter, _ *http.Request) error {
	return s.show(w, http.StatusOK, "signup", s.signupForm("", ""))
}

func (s *Server) submitSignup(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	var email, password, name string
	if err := form(w, r, fields{"email": &email, "password": &password, "name": &name}, "name"); err != nil {
		return s.again(w, s.malformed(ctx, q.Event(gatehouse.SignupFailed), err), "signup", s.signupForm(email, name))
	}
	if _, err := s.addAccount(ctx, q, email, password, name); err != nil {
		return s.again(w, err, "signup", s.signupForm(email, name))
	}
	if err := s.enter(w, r, q, email, password); err != nil {
		return goTo(w, r, loginPage, "created") // the account is there in any case
	}
	return goTo(w, r, homePage, "signup")
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) error {
	_, in, err := s.visit(r)
	if err != nil {
		return err
	}
	if in {
		return goTo(w, r, homePage, "")
	}
	return s.show(w, http.StatusOK, "login", s.loginForm(r, ""))
}

func (s *Server) submitLogin(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	var email, password string
	if err := form(w, r, fields{"email": &email, "password": &password}); err != nil {
		err = s.malformed(r.Context(), q.Event(gatehouse.LoginFailed), err)
		return s.again(w, err, "login", s.loginForm(r, email))
	}
	if err := s.enter(w, r, q, email, password); err != nil {
		return s.again(w, err, "login", s.loginForm(r, email))
	}
	return goTo(w, r, homePage, "")
}

// enter signs a browser in, and out of the session that it was in before.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, q httpguard.Request, email, password string) error {
	_, grant, err := s.SignIn(r.Context(), q, web.DeviceCookie.Get(r, q.Secure), email, password, s.sessionTTL)
	if err != nil {
		return err
	}
	before, in, err := s.visit(r)
	if err == nil && in {
		err = s.leave(r.Context(), before)
	}
	if err != nil {
		return err
	}
	web.DeviceCookie.Set(w, grant.DeviceCookie, q.Secure)
	sessionCookie.Set(w, grant.Cookie, q.Secure)
	return nil
}

func (s *Server) showForgot(w http.ResponseWriter, _ *http.Request) error {
	return s.show(w, http.StatusOK, "forgot", s.forgotForm(""))
}

func (s *Server) submitForgot(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	var email string
	if err := form(w, r, fields{"email": &email}); err != nil {
		err = s.malformed(r.Context(), q.Event(gatehouse.PasswordResetFailed), err)
		return s.again(w, err, "forgot", s.forgotForm(email))
	}
	if err := s.requestReset(r.Context(), q, email); err != nil {
		return s.again(w, err, "forgot", s.forgotForm(email))
	}
	p := s.forgotForm("")
	p.Done = forgotten.Detail
	return s.show(w, http.StatusAccepted, "forgot", p)
}
