package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

// How much is shown of a user, and how much is read for it.
const (
	activityShown = 50
	statsDays     = 30
	historyRead   = 600 // records of findings and logins within these days
	arcsShown     = 12
)

type userPage struct {
	User          accounts.User
	Path          string
	Roles         []accounts.Role
	Self          bool // the visitor's own account
	Devices       []userDevice
	Sessions      int
	StepUp        bool // there are sessions that need the password again
	Days          []day
	Findings      int  // within the days
	Partial       bool // there were more than are counted
	Map           worldmap.Map
	Places        []placeCount
	Drawable      bool
	Zone          *time.Location
	Group         string
	Groups        []kindGroup
	Activity      []entry
	Older, Newest string // addresses of other pages
}

// userDevice is a device on which the user is signed in.
type userDevice struct {
	accounts.SignedInDevice
	Sessions []userSession
}

type userSession struct {
	accounts.Session
	StepUp bool // it needs the password again
	Own    bool // the visitor's
}

// day is how many findings there were on a day, by severity.
type day struct {
	Begin                         time.Time
	Info, Warning, High, Critical int
}

// user shows what there is about one person.
func (s *Server) user(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx := r.Context()
	u, err := s.userByID(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := userPage{
		User: u, Path: "/users/" + url.PathEscape(u.ID), Roles: append([]accounts.Role{accounts.Holder}, accounts.Roles()...),
		Self: u.ID == v.user.ID, Zone: web.Location(r), Groups: kindGroups,
	}
	if err := s.activityOf(ctx, &p, r.URL.Query()); err != nil {
		return err
	}
	if err := s.devicesOf(ctx, &p, v); err != nil {
		return err
	}
	if err := s.historyOf(ctx, &p); err != nil {
		return err
	}
	return s.show(w, r, v, http.StatusOK, "user", page{Title: u.Account, Section: "/users", Data: p})
}

func (s *Server) userByID(ctx context.Context, id string) (accounts.User, error) {
	if id == "" || len(id) > maxID {
		return accounts.User{}, gatehouse.ErrNotFound
	}
	return s.Accounts.User(ctx, id)
}

// activityOf adds a page of what is on record about the user.
func (s *Server) activityOf(ctx context.Context, p *userPage, form url.Values) error {
	p.Group = form.Get("group")
	q := gatehouse.Query{After: form.Get("after"), Limit: activityShown + 1}
	if p.Group != "" {
		if q.Kinds = kindsOf(p.Group); q.Kinds == nil {
			return unprocessable("There is no such group of records.")
		}
	}
	records, err := collect(s.about(ctx, q, namesOf(p.User)...))
	if err != nil {
		return err
	}
	records, after := cut(records, activityShown)
	p.Activity = entries(records)
	if after != "" {
		p.Older = p.Link(p.Group, after)
	}
	if q.After != "" {
		p.Newest = p.Link(p.Group, "")
	}
	return nil
}

// Link is the page with a part of the activity.
func (p userPage) Link(group, after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"group": group, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return p.Path + "#activity"
	}
	return p.Path + "?" + q.Encode() + "#activity"
}

// devicesOf adds where the user is signed in.
func (s *Server) devicesOf(ctx context.Context, p *userPage, v visitor) error {
	sessions, err := s.Accounts.Sessions(ctx, p.User.ID)
	if err != nil {
		return err
	}
	byID := map[string]userSession{}
	for _, ss := range sessions {
		byID[ss.ID] = userSession{ss, s.Accounts.NeedsStepUp(p.User, ss), ss.ID == v.session.ID}
		p.StepUp = p.StepUp || byID[ss.ID].StepUp
	}
	devices, err := s.Accounts.SignedIn(ctx, p.User.ID)
	for _, d := range devices {
		device := userDevice{SignedInDevice: d}
		for _, id := range d.Sessions {
			if ss, known := byID[id]; known { // else it is newer than what was read before
				device.Sessions = append(device.Sessions, ss)
			}
		}
		p.Sessions += len(device.Sessions)
		p.Devices = append(p.Devices, device)
	}
	return err
}

// historyOf adds the findings by day, and where the user was.
func (s *Server) historyOf(ctx context.Context, p *userPage) error {
	now := s.Now().In(p.Zone)
	begin := time.Date(now.Year(), now.Month(), now.Day()-statsDays+1, 0, 0, 0, 0, p.Zone)
	for i := range statsDays {
		p.Days = append(p.Days, day{Begin: time.Date(begin.Year(), begin.Month(), begin.Day()+i, 0, 0, 0, 0, p.Zone)})
	}
	// One look for both, since it may have to pass over much in between.
	kinds := append([]gatehouse.Kind{gatehouse.LoginSucceeded}, alarming...)
	seen, read := map[string]bool{}, 0
	var logins []gatehouse.Record
	for r, err := range s.about(ctx, gatehouse.Query{Kinds: kinds, Since: begin, Limit: historyRead}, namesOf(p.User)...) {
		if err != nil {
			return err
		}
		read++
		if r.Kind == gatehouse.LoginSucceeded {
			logins = append(logins, r)
		} else if id := subjectID(&r); !seen[id] {
			seen[id] = true
			p.count(r)
		}
	}
	p.Partial = read == historyRead
	p.mapOf(logins)
	return nil
}

// count adds a finding, and the way that it tells of.
func (p *userPage) count(r gatehouse.Record) {
	at := r.Time
	if f := r.Finding; f != nil {
		at = f.First
		if arc, ok := arcOf(f.Evidence.Travel); ok && len(p.Map.Arcs) < arcsShown && !slices.Contains(p.Map.Arcs, arc) {
			p.Map.Arcs = append(p.Map.Arcs, arc)
		}
	}
	for i := len(p.Days) - 1; i >= 0; i-- {
		d := &p.Days[i]
		if at.Before(d.Begin) {
			continue
		}
		p.Findings++
		switch r.Severity {
		case gatehouse.Info:
			d.Info++
		case gatehouse.Warning:
			d.Warning++
		case gatehouse.High:
			d.High++
		default:
			d.Critical++
		}
		return
	}
}
