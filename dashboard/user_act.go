package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// What operators do about a user. Each is one form, and is recorded once it is done
// with who did it and, where they say so, why.

func (s *Server) userActRoutes() []route {
	return []route{
		{"POST /users/{id}/end-session", accounts.Analyst, s.act(s.endSession)},
		{"POST /users/{id}/end-device", accounts.Analyst, s.act(s.endDevice)},
		{"POST /users/{id}/end-all", accounts.Analyst, s.act(s.endAll)},
		{"POST /users/{id}/step-up", accounts.Analyst, s.act(s.requireStepUp)},
		{"POST /users/{id}/lock", accounts.Administrator, s.act(s.lock)},
		{"POST /users/{id}/unlock", accounts.Administrator, s.act(s.unlock)},
		{"POST /users/{id}/role", accounts.Administrator, s.act(s.giveRole)},
	}
}

// userDone is what the page tells after an act.
var userDone = map[string]string{
	"user-over":    "It was so already: nothing had to be done.",
	"user-session": "The session is ended. Its tokens and cookies are worth nothing any more.",
	"user-device":  "The device is signed out.",
	"user-all":     "The user is signed out everywhere.",
	"user-step-up": "Each session of the user now needs the password again.",
	"user-locked":  "The account is locked and signed out everywhere. The right password is answered like a wrong one.",
	"user-open":    "The account is unlocked. The user can sign in again.",
	"user-role":    "The role is changed. It holds from the user's next request on.",
}

// acted is what was done. Without a kind there was nothing to do: somebody else may
// have been faster.
type acted struct {
	kind            gatehouse.Kind
	session, device string
	detail          string // put before the reason
	done            string // key of userDone
}

// act runs a form about a user, records what it did, and goes back to the user's page.
func (s *Server) act(do func(ctx context.Context, u accounts.User, form url.Values) (acted, error)) func(http.ResponseWriter, *http.Request, visitor) error {
	return func(w http.ResponseWriter, r *http.Request, v visitor) error {
		if err := readForm(w, r); err != nil {
			return err
		}
		u, err := s.userByID(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		path := next(r.PostForm, "/users/"+url.PathEscape(u.ID))
		a, err := do(r.Context(), u, r.PostForm)
		switch {
		case errors.Is(err, gatehouse.ErrNotFound) || err == nil && a.kind == "":
			return back(w, r, path, "user-over")
		case errors.Is(err, accounts.ErrLastAdministrator):
			return httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "This is the last administrator who is not locked. Make somebody else administrator first."}
		case err != nil:
			return err
		}
		e := s.event(v, a.kind)
		e.User, e.Account, e.Session, e.Device.ID = u.ID, u.Account, a.session, a.device
		e.Reason = reasonOf(r.PostForm)
		if a.detail != "" {
			e.Reason = strings.TrimSuffix(a.detail+": "+e.Reason, ": ")
		}
		if _, err := s.Guard.Observe(r.Context(), e); err != nil {
			return err
		}
		return back(w, r, path, a.done)
	}
}

func (s *Server) endSession(ctx context.Context, u accounts.User, form url.Values) (acted, error) {
	id := form.Get("session")
	return acted{kind: gatehouse.SessionEnded, session: id, done: "user-session"}, s.Accounts.EndSession(ctx, u.ID, id)
}

func (s *Server) endDevice(ctx context.Context, u accounts.User, form url.Values) (acted, error) {
	id := form.Get("device")
	return acted{kind: gatehouse.DeviceEnded, device: id, done: "user-device"}, s.Accounts.EndDevice(ctx, u.ID, id)
}

func (s *Server) endAll(ctx context.Context, u accounts.User, _ url.Values) (acted, error) {
	n, err := s.Accounts.LogoutEverywhere(ctx, u.ID)
	if n == 0 {
		return acted{}, err
	}
	return acted{kind: gatehouse.LoggedOutEverywhere, done: "user-all"}, err
}

// requireStepUp does nothing where all sessions need the password already.
func (s *Server) requireStepUp(ctx context.Context, u accounts.User, _ url.Values) (acted, error) {
	sessions, err := s.Accounts.Sessions(ctx, u.ID)
	if err != nil {
		return acted{}, err
	}
	for _, session := range sessions {
		if !s.Accounts.NeedsStepUp(u, session) {
			return acted{kind: gatehouse.StepUpRequired, done: "user-step-up"}, s.Accounts.RequireStepUp(ctx, u.ID)
		}
	}
	return acted{}, nil
}

func (s *Server) lock(ctx context.Context, u accounts.User, _ url.Values) (acted, error) {
	if !u.Locked.IsZero() {
		return acted{}, nil
	}
	_, err := s.Accounts.Lock(ctx, u.ID)
	return acted{kind: gatehouse.AccountLocked, done: "user-locked"}, err
}

func (s *Server) unlock(ctx context.Context, u accounts.User, _ url.Values) (acted, error) {
	return acted{kind: gatehouse.AccountUnlocked, done: "user-open"}, s.Accounts.Unlock(ctx, u.ID)
}

// giveRole changes the role of somebody who has one. Who has none must be invited:
// whoever signed up by an address need not be the person whose it is.
func (s *Server) giveRole(ctx context.Context, u accounts.User, form url.Values) (acted, error) {
	role, err := accounts.ParseRole(form.Get("role"))
	if err != nil || form.Get("role") == "" {
		return acted{}, unprocessable("The roles are holder, viewer, analyst and administrator.")
	}
	if role == u.Role {
		return acted{}, nil
	}
	if u.Role == accounts.Holder {
		return acted{}, httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "This account has no role, or not any more. Invite its owner instead."}
	}
	if _, err = s.Accounts.SetRole(ctx, u.ID, u.Role, role); errors.Is(err, accounts.ErrRoleChanged) {
		err = httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "Somebody else has changed the role meanwhile."}
	}
	return acted{kind: gatehouse.RoleChanged, detail: u.Role.String() + " to " + role.String(), done: "user-role"}, err
}
