package authserver

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/agent"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// home is what somebody sees of their own account.
type home struct {
	User     accounts.User
	Sessions []ownSession
	Logged   bool // it is known what happened
	Deeds    []deed
	Attempts []deed // that failed
}

type ownSession struct {
	accounts.Session
	Current bool
}

// deed is a record of the security log, as the person whom it is about sees it.
type deed struct {
	Time   time.Time
	What   string
	Client gatehouse.Client
	Times  int  // how often
	Doubt  bool // somebody else may have done it
}

// How many of each the page shows, and how far back it looks for them.
const (
	maxDeeds    = 25
	maxAttempts = 10
	lately      = 90 * 24 * time.Hour
)

// deedWords are the records that are shown, in words. They have the user's ID.
var deedWords = map[gatehouse.Kind]string{
	gatehouse.LoginSucceeded:      "Signed in",
	gatehouse.SignupSucceeded:     "Created the account",
	gatehouse.LoggedOut:           "Signed out",
	gatehouse.LoggedOutEverywhere: "Signed out elsewhere",
	gatehouse.DeviceEnded:         "Signed a device out",
	gatehouse.SessionEnded:        "Signed a session out",
	gatehouse.PasswordChanged:     "Changed the password",
	gatehouse.PasswordReset:       "Chose a new password by a mailed link",
	gatehouse.LoginDisowned:       "Said that somebody else was at the account",
	gatehouse.TokenReused:         "Signed out, as a token came back that had been used",
	gatehouse.StepUpRequired:      "An operator asked for the password again",
	gatehouse.StepUpSucceeded:     "Gave the password again",
	gatehouse.AccountLocked:       "An operator locked the account",
	gatehouse.AccountUnlocked:     "An operator unlocked the account",
	gatehouse.RoleChanged:         "An operator changed what the account may do",
}

// doubtful are what the person should wonder about.
var doubtful = map[gatehouse.Kind]bool{
	gatehouse.LoginSucceeded: true, gatehouse.PasswordChanged: true, gatehouse.PasswordReset: true, gatehouse.StepUpSucceeded: true, gatehouse.TokenReused: true,
}

// attemptWords are the attempts that are shown. They have the account's name, and
// may have been made by anybody.
var attemptWords = map[gatehouse.Kind]string{
	gatehouse.LoginFailed:            "Wrong password",
	gatehouse.LoginRefused:           "Refused before the password was looked at",
	gatehouse.PasswordChangeFailed:   "The password could not be changed",
	gatehouse.PasswordResetRequested: "Asked for a link to choose a new password",
	gatehouse.StepUpFailed:           "Wrong password when it was asked for again",
}

func (s *Server) home(w http.ResponseWriter, r *http.Request, c call) error {
	data := home{User: c.user, Logged: s.log != nil}
	sessions, err := s.accounts.Sessions(r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	for _, session := range sessions {
		data.Sessions = append(data.Sessions, ownSession{session, session.ID == c.session.ID})
	}
	slices.SortStableFunc(data.Sessions, func(a, b ownSession) int { return cmp.Compare(rank(a), rank(b)) })
	if data.Logged {
		if data.Deeds, err = s.deeds(r.Context(), c, c.user.ID, deedWords, maxDeeds); err != nil {
			return err
		}
		if data.Attempts, err = s.deeds(r.Context(), c, c.user.Account, attemptWords, maxAttempts); err != nil {
			return err
		}
	}
	return s.show(w, http.StatusOK, "home", page{
		Title: "Your account", Account: c.user.Account, Done: doneWords[r.URL.Query().Get("done")],
		Attribution: s.attribution, AttributionURL: s.attributionURL, Data: data,
	})
}

// rank puts the browser that asks first.
func rank(s ownSession) int {
	if s.Current {
		return 0
	}
	return 1
}

// deeds reads the newest records of the caller, whom the log has by ID or name.
func (s *Server) deeds(ctx context.Context, c call, of string, words map[gatehouse.Kind]string, limit int) ([]deed, error) {
	var list []deed
	q := gatehouse.Query{User: of, Kinds: slices.Sorted(maps.Keys(words)), Since: s.now().Add(-lately), Limit: limit}
	for r, err := range s.log.Query(ctx, q) {
		if err != nil {
			return nil, err
		}
		d := deed{Time: r.Time, What: words[r.Kind], Client: r.Client, Times: max(1, r.Count)}
		if d.Client.Device.Name == "" && r.UserAgent != "" {
			d.Client.Device.Name = agent.DeviceName(r.UserAgent)
		}
		if r.Actor != "" { // who that is, and where, is not the person's business
			d.Client = gatehouse.Client{Device: gatehouse.Device{Name: "an operator"}}
		}
		d.Doubt = doubtful[r.Kind] && r.Actor == "" && r.Session != c.session.ID
		list = append(list, d)
	}
	return list, nil
}

// endSession signs out one of the caller's sessions, but not the caller.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request, c call) error {
	var id string
	if err := form(w, r, fields{"session": &id}); err != nil {
		return err
	}
	if id == c.session.ID {
		return s.submitLogout(w, r, c)
	}
	ctx := r.Context()
	sessions, err := s.accounts.Sessions(ctx, c.user.ID)
	if err != nil {
		return err
	}
	e := s.event(c, gatehouse.SessionEnded)
	for _, session := range sessions {
		if session.ID == id { // the one that is ended, not the one that asks
			e.Session, e.Device = id, session.Client.Device
		}
	}
	err = s.accounts.EndSession(ctx, c.user.ID, id)
	if errors.Is(err, gatehouse.ErrNotFound) {
		return httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "That session is over already."}
	}
	if err != nil {
		return err
	}
	if _, err := s.guard.Observe(ctx, e); err != nil {
		return err
	}
	return goTo(w, r, homePage, "ended")
}

// endOthers signs out all of the caller's sessions but the one that asks.
func (s *Server) endOthers(w http.ResponseWriter, r *http.Request, c call) error {
	if _, err := s.accounts.LogoutOthers(r.Context(), c.session); err != nil {
		return err
	}
	e := s.event(c, gatehouse.LoggedOutEverywhere)
	e.Reason = "others"
	if err := s.tell(r.Context(), e); err != nil {
		return err
	}
	return goTo(w, r, homePage, "others")
}

func (s *Server) submitLogout(w http.ResponseWriter, r *http.Request, c call) error {
	if err := s.leave(r.Context(), c); err != nil {
		return err
	}
	sessionCookie.Forget(w, c.Secure)
	return goTo(w, r, loginPage, "logout")
}
