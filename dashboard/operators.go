package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/canonical"
)

func (s *Server) operatorRoutes() []route {
	return []route{
		{"GET /operators", accounts.Administrator, s.operatorsPage},
		{"POST /operators/invite", accounts.Administrator, s.invite},
		{"GET /invite", "", s.invitationPage},
		{"POST /invite", "", s.accept},
	}
}

// operatorsShown is how many operators a page lists.
const operatorsShown = 50

// operatorsList is the page of those who may use the dashboard. Their roles are
// changed as those of all users are; see giveRole.
type operatorsList struct {
	Rows   []operatorRow
	Pager  pager
	Roles  []roleChoice
	Form   inviteForm
	Link   string // of an invitation that was just made; it is not shown again
	Invite invitation
	Until  time.Time // the link is good
	Known  bool      // the invitation is for an account that there is
}

type operatorRow struct {
	accounts.User
	Self     bool
	SignedIn time.Time // when last; zero: not as far as is known
	Sessions int       // that live
}

// roleChoice is a role and what it is for.
type roleChoice struct {
	Role  accounts.Role
	About string
}

var roleChoices = []roleChoice{
	{accounts.Viewer, "sees everything and changes nothing"},
	{accounts.Analyst, "also blocks addresses, ends sessions and exports the log"},
	{accounts.Administrator, "also locks accounts, changes roles, rules and the allow list"},
}

// inviteForm is the form that invites, as it was filled in.
type inviteForm struct {
	Email string
	Role  accounts.Role
	Open  bool // there is something to be looked at
}

func (s *Server) operatorsPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	return s.showOperators(w, r, v, http.StatusOK, operatorsList{Form: inviteForm{Role: accounts.Viewer}}, "")
}

func (s *Server) showOperators(w http.ResponseWriter, r *http.Request, v visitor, status int, l operatorsList, alert string) error {
	all, err := s.Accounts.Operators(r.Context())
	if err != nil {
		return err
	}
	l.Roles = roleChoices
	l.Pager = pagerOf(r.URL.Query(), "/operators", len(all), operatorsShown)
	for _, u := range all[l.Pager.begin:l.Pager.end] {
		row := operatorRow{User: u, Self: u.ID == v.user.ID}
		if err := s.lastSeen(r.Context(), &row); err != nil {
			return err
		}
		l.Rows = append(l.Rows, row)
	}
	return s.show(w, r, v, status, "operators", page{Title: "Operators", Section: "/operators", Alert: alert, Data: l})
}

// lastSeen finds out when somebody signed in last: by the log, or by their sessions
// where the log does not go back as far.
func (s *Server) lastSeen(ctx context.Context, row *operatorRow) error {
	sessions, err := s.Accounts.Sessions(ctx, row.ID)
	if err != nil {
		return err
	}
	row.Sessions = len(sessions)
	for _, session := range sessions {
		if session.Authenticated.After(row.SignedIn) {
			row.SignedIn = session.Authenticated
		}
	}
	q := gatehouse.Query{User: row.ID, Kinds: []gatehouse.Kind{gatehouse.LoginSucceeded}, Limit: 1}
	for r, err := range s.Log.Query(ctx, q) {
		if err != nil {
			return err
		}
		if r.Time.After(row.SignedIn) {
			row.SignedIn = r.Time
		}
	}
	return nil
}

// invite makes a link by which somebody gets a role, and shows it once.
func (s *Server) invite(w http.ResponseWriter, r *http.Request, v visitor) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	l := operatorsList{Form: inviteForm{Email: strings.TrimSpace(r.PostForm.Get("email")), Open: true}}
	role, err := accounts.ParseRole(r.PostForm.Get("role"))
	if err != nil || role == accounts.Holder {
		return unprocessable("Choose a role: viewer, analyst or administrator.")
	}
	l.Form.Role = role
	account, err := canonical.Email(l.Form.Email)
	if err != nil {
		return s.showOperators(w, r, v, http.StatusUnprocessableEntity, l, "Write an e-mail address like ada@example.com.")
	}
	known, user, err := s.userOf(r.Context(), account)
	switch {
	case err != nil:
		return err
	case known && user.Role != accounts.Holder:
		return s.showOperators(w, r, v, http.StatusConflict, l, fmt.Sprintf("%s has the role %s already. Change it in the list.", account, user.Role))
	case known && !user.Locked.IsZero():
		return s.showOperators(w, r, v, http.StatusConflict, l, fmt.Sprintf("%s is locked. Unlock the account first.", account))
	}
	l.Invite = invitation{Email: l.Form.Email, Role: role, By: v.user.ID, Issued: s.Now()}
	scheme := "http"
	if v.Secure {
		scheme = "https"
	}
	link := url.URL{Scheme: scheme, Host: r.Host, Path: "/invite", RawQuery: url.Values{"token": {l.Invite.seal(s.Secret)}}.Encode()}
	l.Link, l.Known, l.Until, l.Form = link.String(), known, l.Invite.until(), inviteForm{Role: accounts.Viewer}
	return s.showOperators(w, r, v, http.StatusOK, l, "")
}

// userOf returns the user with an account name, if there is one.
func (s *Server) userOf(ctx context.Context, account string) (bool, accounts.User, error) {
	u, err := s.Accounts.UserByAccount(ctx, account)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return false, u, nil
	}
	return err == nil, u, err
}
