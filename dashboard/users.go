package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
)

func (s *Server) usersRoutes() []route {
	return []route{
		{"GET /users", accounts.Viewer, s.users},
		{"GET /users/{id}", accounts.Viewer, s.user},
	}
}

const (
	usersShown = 50
	maxSearch  = 320 // the longest e-mail address has 254 bytes
)

type users struct {
	Search    string
	Operators bool // those with a role, instead
	Users     []accounts.User
	Next      string // address of the next page
	First     string
}

func (s *Server) users(w http.ResponseWriter, r *http.Request, v visitor) error {
	form := r.URL.Query()
	u := users{Search: form.Get("q"), Operators: form.Get("only") == "operators"}
	after := form.Get("after")
	if len(u.Search) > maxSearch || len(after) > maxSearch {
		return unprocessable("An e-mail address is not as long as that. Search by its beginning.")
	}
	var err error
	if u.Operators {
		u.Users, err = s.Accounts.Operators(r.Context())
	} else {
		u.Users, err = s.Accounts.Search(r.Context(), u.Search, after, usersShown+1)
		if after != "" {
			u.First = "/users?" + url.Values{"q": {u.Search}}.Encode()
		}
		if len(u.Users) > usersShown {
			u.Users = u.Users[:usersShown]
			u.Next = "/users?" + url.Values{"q": {u.Search}, "after": {u.Users[usersShown-1].Account}}.Encode()
		}
	}
	if err != nil {
		return err
	}
	return s.show(w, r, v, http.StatusOK, "users", page{Title: "Users", Section: "/users", Data: u})
}

// whoIs returns the user that a record is about, by ID or else by account name, or
// gatehouse.ErrNotFound.
func (s *Server) whoIs(ctx context.Context, subject gatehouse.Subject) (accounts.User, error) {
	if subject.User != "" {
		if u, err := s.userByID(ctx, subject.User); !errors.Is(err, gatehouse.ErrNotFound) {
			return u, err
		}
	}
	known, u, err := s.userOf(ctx, subject.Account)
	if err == nil && !known {
		err = gatehouse.ErrNotFound
	}
	return u, err
}

// nameAccounts fills in the account names of records that have the user's ID only.
func (s *Server) nameAccounts(ctx context.Context, records []gatehouse.Record) error {
	names := map[string]string{}
	for i := range records {
		r := &records[i]
		if r.Account != "" || r.User == "" {
			continue
		}
		name, known := names[r.User]
		if !known {
			u, err := s.userByID(ctx, r.User)
			if err != nil && !errors.Is(err, gatehouse.ErrNotFound) {
				return err
			}
			name, names[r.User] = u.Account, u.Account
		}
		r.Account = name
	}
	return nil
}
