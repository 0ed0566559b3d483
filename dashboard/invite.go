package dashboard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/canonical"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

// invitation is what the link of an invitation says. Nothing of it is kept: the
// link is signed, and it is spent as soon as the account has got a role, or had one
// changed, since it was made.
type invitation struct {
	Email  string        `json:"email"`
	Role   accounts.Role `json:"role"`
	By     string        `json:"by"` // the administrator, by user ID
	Issued time.Time     `json:"issued"`
}

// How long a link is good, and how long a token of one can be.
const (
	inviteTTL = 24 * time.Hour
	maxInvite = 2048
)

func (i invitation) until() time.Time { return i.Issued.Add(inviteTTL) }

var inviteEncoding = base64.RawURLEncoding

func inviteMAC(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("invitation 1\n" + text))
	return mac.Sum(nil)
}

// seal writes the token that stands for the invitation.
func (i invitation) seal(key []byte) string {
	data, err := json.Marshal(i)
	if err != nil {
		panic("dashboard: " + err.Error()) // these types can be written
	}
	text := inviteEncoding.EncodeToString(data)
	return text + "." + inviteEncoding.EncodeToString(inviteMAC(key, text))
}

// openInvitation reads what seal has written. It does not look at the time.
func openInvitation(key []byte, token string) (i invitation, ok bool) {
	if len(token) > maxInvite {
		return i, false
	}
	text, sum, _ := strings.Cut(token, ".")
	if !hmac.Equal([]byte(sum), []byte(inviteEncoding.EncodeToString(inviteMAC(key, text)))) {
		return i, false
	}
	data, err := inviteEncoding.DecodeString(text)
	return i, err == nil && json.Unmarshal(data, &i) == nil
}

// errNoInvitation is told whatever is wrong with a link.
var errNoInvitation = httpguard.ProblemDetails{
	Status: http.StatusNotFound,
	Detail: "This invitation is not good, or not any more. It works once, within 24 hours, as long as whoever sent it is an administrator. Ask for a new one.",
}

// invited is an invitation that is good.
type invited struct {
	invitation
	Token   string
	Account string
	By      string // the administrator, by account
	Known   bool   // there is an account, whose password is asked for
	Name    string // as it was filled in
	user    accounts.User
}

// invited returns the invitation that a token stands for, if it is good now.
func (s *Server) invited(ctx context.Context, token string) (invited, error) {
	i, ok := openInvitation(s.Secret, token)
	in := invited{invitation: i, Token: token}
	now := s.Now()
	if !ok || now.Before(i.Issued.Add(-time.Minute)) || !now.Before(i.until()) { // a clock may have stepped back
		return in, errNoInvitation
	}
	var err error
	if in.Account, err = canonical.Email(i.Email); err != nil {
		return in, errNoInvitation
	}
	by, err := s.Accounts.User(ctx, i.By)
	switch {
	case errors.Is(err, gatehouse.ErrNotFound):
		return in, errNoInvitation
	case err != nil:
		return in, err
	case by.Role != accounts.Administrator || !by.Locked.IsZero():
		return in, errNoInvitation
	}
	in.By = by.Account
	if in.Known, in.user, err = s.userOf(ctx, in.Account); err != nil {
		return in, err
	}
	if in.user.Role != accounts.Holder {
		return in, errNoInvitation
	}
	// Had it been used, and the role been taken away, it must not bring it back.
	q := gatehouse.Query{User: in.Account, Kinds: []gatehouse.Kind{gatehouse.RoleChanged}, Since: i.Issued, Limit: 1}
	for _, err := range s.Log.Query(ctx, q) {
		if err == nil {
			err = errNoInvitation
		}
		return in, err
	}
	return in, nil
}

func (s *Server) invitationPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in, err := s.invited(r.Context(), r.URL.Query().Get("token"))
	if err != nil {
		return err
	}
	return s.showInvitation(w, r, v, http.StatusOK, in, "")
}

// showInvitation shows the page as nobody's, whoever is signed in on this browser.
func (s *Server) showInvitation(w http.ResponseWriter, r *http.Request, v visitor, status int, in invited, alert string) error {
	return s.show(w, r, visitor{Request: v.Request}, status, "invite", page{Title: "You are invited", Alert: alert, Data: in})
}

// accept gives the role: to a new account, or to one whose password was given.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	in, err := s.invited(r.Context(), r.PostForm.Get("token"))
	if err != nil {
		return err
	}
	in.Name = r.PostForm.Get("name")
	password := r.PostForm.Get("password")
	if !in.Known {
		var policy *accounts.PolicyError
		in.user, err = s.Accounts.CreateOperator(r.Context(), in.Email, password, in.Name, in.Role)
		switch {
		case errors.As(err, &policy):
			return s.showInvitation(w, r, v, http.StatusUnprocessableEntity, in, policy.Detail)
		case errors.Is(err, accounts.ErrTaken): // meanwhile
			in.Known = true
			return s.showInvitation(w, r, v, http.StatusConflict, in, "There is an account with this address by now. Give its password.")
		case err != nil:
			return err
		}
		if err := s.tell(r.Context(), v, in, gatehouse.SignupSucceeded, gatehouse.RoleChanged); err != nil {
			return err
		}
	}
	if err := s.admit(r.Context(), v); err != nil {
		return err
	}
	user, grant, err := s.SignIn(r.Context(), v.Request, web.DeviceCookie.Get(r, v.Secure), in.Email, password, s.SessionTTL)
	if p := problemOf(err); p.Status != 0 && p.Status < http.StatusInternalServerError && in.Known {
		return s.showInvitation(w, r, v, p.Status, in, p.Detail)
	}
	switch {
	case err != nil && in.Known:
		return err
	case err != nil: // the account is theirs all the same
		return back(w, r, "/login", "invited")
	case in.Known:
		if _, err := s.invited(r.Context(), in.Token); err != nil { // it may have had to wait, and be used up by now
			return errors.Join(err, s.Accounts.EndSession(r.Context(), user.ID, grant.Session.ID))
		}
		in.user, err = s.Accounts.SetRole(r.Context(), user.ID, accounts.Holder, in.Role)
		if errors.Is(err, accounts.ErrRoleChanged) {
			return errors.Join(errNoInvitation, s.Accounts.EndSession(r.Context(), user.ID, grant.Session.ID))
		}
		if err != nil {
			return err
		}
		if err := s.tell(r.Context(), v, in, gatehouse.RoleChanged); err != nil {
			return err
		}
	}
	s.signedIn(w, v, grant)
	return back(w, r, "/", "invited")
}

// tell records what an invitation has led to. The role is the inviter's doing.
func (s *Server) tell(ctx context.Context, v visitor, in invited, kinds ...gatehouse.Kind) error {
	for _, kind := range kinds {
		e := v.Event(kind)
		e.Time, e.User, e.Account = s.Now(), in.user.ID, in.user.Account
		if kind == gatehouse.RoleChanged {
			e.Actor, e.Reason = in.By, "invited as "+in.Role.String()
		}
		if _, err := s.Guard.Observe(ctx, e); err != nil {
			return err
		}
	}
	return nil
}
