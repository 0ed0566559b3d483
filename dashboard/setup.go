package dashboard

import (
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

func (s *Server) setupRoutes() []route {
	return []route{
		{"GET /setup", "", s.setupPage},
		{"POST /setup", "", s.setUp},
	}
}

type setupForm struct{ Token, Email, Name string }

// errNoSetup is told to everybody without a good link, whatever is wrong with it.
var errNoSetup = httpguard.ProblemDetails{
	Status: http.StatusNotFound,
	Detail: "This setup link is not good, or not any more. The link works once; each start of gatehouse serve prints a new one as long as there is no administrator.",
}

// settable tells whether a token opens the setup.
func (s *Server) settable(r *http.Request, token string) error {
	if s.SetupToken == "" || subtle.ConstantTimeCompare([]byte(token), []byte(s.SetupToken)) != 1 {
		return errNoSetup
	}
	any, err := s.Accounts.HasAdministrator(r.Context())
	if err == nil && any {
		err = errNoSetup
	}
	return err
}

func (s *Server) setupPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	token := r.URL.Query().Get("token")
	if err := s.settable(r, token); err != nil {
		return err
	}
	return s.show(w, r, v, http.StatusOK, "setup", page{Title: "Set up Gatehouse", Data: setupForm{Token: token}})
}

// setUp creates the first administrator and signs them in. Of many who try at the
// same time one succeeds.
func (s *Server) setUp(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	f := setupForm{r.PostForm.Get("token"), r.PostForm.Get("email"), r.PostForm.Get("name")}
	if err := s.settable(r, f.Token); err != nil {
		return err
	}
	password := r.PostForm.Get("password")
	user, err := s.Accounts.CreateFirstAdministrator(r.Context(), f.Email, password, f.Name)
	var policy *accounts.PolicyError
	switch {
	case errors.As(err, &policy):
		return s.show(w, r, v, http.StatusUnprocessableEntity, "setup", page{Title: "Set up Gatehouse", Alert: policy.Error(), Data: f})
	case errors.Is(err, accounts.ErrTaken):
		return s.show(w, r, v, http.StatusConflict, "setup", page{Title: "Set up Gatehouse", Alert: "Somebody has this e-mail address already. Use another one.", Data: f})
	case errors.Is(err, accounts.ErrAdministratorExists):
		return errNoSetup
	case err != nil:
		return err
	}
	for _, kind := range []gatehouse.Kind{gatehouse.SignupSucceeded, gatehouse.RoleChanged} {
		e := v.Event(kind)
		e.Time, e.User, e.Account = s.Now(), user.ID, user.Account
		if kind == gatehouse.RoleChanged {
			e.Reason, e.Actor = "setup: "+string(user.Role), user.Account
		}
		if _, err := s.Guard.Observe(r.Context(), e); err != nil {
			return err
		}
	}
	_, grant, err := s.SignIn(r.Context(), v.Request, web.DeviceCookie.Get(r, v.Secure), f.Email, password, s.SessionTTL)
	if err != nil { // there is an administrator all the same
		return back(w, r, "/login", "setup")
	}
	s.signedIn(w, v, grant)
	return back(w, r, "/", "setup")
}
