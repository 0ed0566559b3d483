package authserver

import (
	"net/http"

	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// The pages that links in mails lead to. GET does nothing, since programs that
// look for malware follow the links of a mail before its reader does; the one
// button of a page does.

// linkPage is what such a page shows.
type linkPage struct {
	Text     string
	Action   string // where the form goes, relative to the page; empty: no form
	Button   string
	Password bool // the form asks for a new password
	Least    int  // characters of it
	Token    string
	SignIn   bool // say where to sign in
}

func (s *Server) resetPage(token string) page {
	return page{Title: "Choose a new password", private: true, Data: linkPage{
		Text:   "Choose one that you use nowhere else. All devices will be signed out.",
		Action: "reset", Button: "Set the new password", Password: true, Least: s.accounts.MinPassword(), Token: token,
	}}
}

func (s *Server) disownPage(token string) page {
	return page{Title: "This was not me", private: true, Data: linkPage{
		Text:   "If somebody else was at your account: this signs out all devices, makes the password useless, and mails you a link to choose a new one.",
		Action: "not-me", Button: "Sign out everywhere", Token: token,
	}}
}

// maxLinkToken bounds what is taken for a token. Ours have 47 bytes.
const maxLinkToken = 128

func (s *Server) addLinkPages(routes map[string]http.Handler) {
	for path, of := range map[string]func(token string) page{accountmail.ResetPath: s.resetPage, accountmail.DisownPath: s.disownPage} {
		routes["GET "+path] = httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			token := r.URL.Query().Get("token")
			if token == "" || len(token) > maxLinkToken {
				return s.show(w, http.StatusBadRequest, "link", page{Title: of("").Title, Alert: badLink.Detail, Data: linkPage{}, private: true})
			}
			return s.show(w, http.StatusOK, "link", of(token))
		})
	}
	routes["POST "+accountmail.ResetPath] = s.unknownOrigin(s.submitReset)
	routes["POST "+accountmail.DisownPath] = s.unknownOrigin(s.submitDisown)
}

// unknownOrigin refuses forms of other sites. Since these pages tell nobody where
// they are (Referrer-Policy), browsers that do not say Sec-Fetch-Site send their
// forms with an unknown origin; such a form needs a token like any other.
func (s *Server) unknownOrigin(next httpguard.HandlerFunc) httpguard.HandlerFunc {
	checked := s.anybody(next)
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Origin") == "null" && r.Header.Get("Sec-Fetch-Site") == "" {
			return next(w, r)
		}
		return checked(w, r)
	}
}

func (s *Server) submitReset(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	var token, next string
	if err := form(w, r, fields{"token": &token, "new_password": &next}); err != nil {
		return s.linkAgain(w, err, s.resetPage(token))
	}
	if err := s.reset(r.Context(), q, token, next); err != nil {
		return s.linkAgain(w, err, s.resetPage(token))
	}
	return s.show(w, http.StatusOK, "link", page{
		Title: "You have a new password", private: true, Data: linkPage{Text: "All devices are signed out. Sign in with the new password.", SignIn: true},
	})
}

func (s *Server) submitDisown(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	var token string
	if err := form(w, r, fields{"token": &token}); err != nil {
		return s.linkAgain(w, err, s.disownPage(token))
	}
	if err := s.disown(r.Context(), q, token); err != nil {
		return s.linkAgain(w, err, s.disownPage(token))
	}
	return s.show(w, http.StatusOK, "link", page{Title: "All devices are signed out", private: true, Data: linkPage{
		Text: "The old password does not work any more. A link to choose a new one is on its way to you by mail. If it does not arrive, ask for another one where you sign in.", SignIn: true,
	}})
}

// linkAgain shows what went wrong: with the form again where that helps.
func (s *Server) linkAgain(w http.ResponseWriter, err error, p page) error {
	if shown := p.Data.(linkPage); err == badLink || shown.Token == "" {
		p.Data = linkPage{}
	}
	return s.again(w, err, "link", p)
}
