package authserver

import (
	"net/http"

	"github.com/fluxstudio/gatehouse"
)

// secret is what the pages that ask for the password of somebody who is signed in
// show.
type secret struct {
	Email string
	Least int  // characters of a new one
	NotMe bool // they saw something in their account that they had not done
}

func (s *Server) passwordForm(r *http.Request, c call) page {
	_, notMe := r.URL.Query()["not-me"]
	p := page{Title: "Change your password", Account: c.user.Account, Data: secret{c.user.Email, s.accounts.MinPassword(), notMe}}
	if notMe {
		p.Title = "That was not you?"
	}
	return p
}

func (s *Server) showPassword(w http.ResponseWriter, r *http.Request, c call) error {
	return s.show(w, http.StatusOK, "password", s.passwordForm(r, c))
}

func (s *Server) submitPassword(w http.ResponseWriter, r *http.Request, c call) error {
	ctx := r.Context()
	var current, next string
	err := form(w, r, fields{"current_password": &current, "new_password": &next})
	if err != nil {
		err = s.malformed(ctx, s.event(c, gatehouse.PasswordChangeFailed), err)
	} else {
		err = s.replacePassword(ctx, c, current, next)
	}
	if err != nil {
		return s.again(w, err, "password", s.passwordForm(r, c))
	}
	return goTo(w, r, homePage, "password")
}

func stepUpForm(c call) page {
	return page{Title: "Give your password again", Data: secret{Email: c.user.Email}}
}

func (s *Server) showStepUp(w http.ResponseWriter, r *http.Request, c call) error {
	if !s.accounts.NeedsStepUp(c.user, c.session) {
		return goTo(w, r, homePage, "")
	}
	return s.show(w, http.StatusOK, "stepup", stepUpForm(c))
}

func (s *Server) submitStepUp(w http.ResponseWriter, r *http.Request, c call) error {
	ctx := r.Context()
	var password string
	err := form(w, r, fields{"password": &password})
	if err != nil {
		err = s.malformed(ctx, s.event(c, gatehouse.StepUpFailed), err)
	} else {
		err = s.confirm(ctx, c, password)
	}
	if err == signedOut {
		return goTo(w, r, loginPage, "")
	}
	if err != nil {
		return s.again(w, err, "stepup", stepUpForm(c))
	}
	return goTo(w, r, homePage, "")
}
