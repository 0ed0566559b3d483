package authserver

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"strconv"

	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// The pages that links in mails lead to. GET does nothing, since programs that
// look for malware follow the links of a mail before its reader does; the one
// button of a page does.

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pagePolicy lets a page have its own style and form, and nothing else.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// page is what the template shows.
type page struct {
	Title, Text string
	Alert       string // what went wrong
	Action      string // where the form goes, relative to the page; empty: no form
	Button      string
	Password    bool // the form asks for a new password
	Token       string
}

// Style is trusted: it is the file that was built in.
func (page) Style() template.CSS { return template.CSS(pageStyle) }

func resetPage(token string) page {
	return page{
		Title: "Choose a new password", Text: "Choose one that you use nowhere else. All devices will be signed out.",
		Action: "reset", Button: "Set the new password", Password: true, Token: token,
	}
}

func disownPage(token string) page {
	return page{
		Title: "This was not me", Text: "If somebody else was at your account: this signs out all devices, makes the password useless, and mails you a link to choose a new one.",
		Action: "not-me", Button: "Sign out everywhere", Token: token,
	}
}

// maxLinkToken bounds what is taken for a token. Ours have 47 bytes.
const maxLinkToken = 128

func (s *Server) registerPages(mux *http.ServeMux) {
	for path, of := range map[string]func(token string) page{accountmail.ResetPath: resetPage, accountmail.DisownPath: disownPage} {
		mux.Handle("GET "+path, httpguard.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			token := r.URL.Query().Get("token")
			if token == "" || len(token) > maxLinkToken {
				return show(w, http.StatusBadRequest, page{Title: of("").Title, Alert: badLink.Detail})
			}
			return show(w, http.StatusOK, of(token))
		}))
	}
	mux.Handle("POST "+accountmail.ResetPath, s.ownPage(s.submitReset))
	mux.Handle("POST "+accountmail.DisownPath, s.ownPage(s.submitDisown))
}

// ownPage refuses forms of other sites. Since our pages tell nobody where they
// are (Referrer-Policy), browsers that do not say Sec-Fetch-Site send their forms
// with an unknown origin; such a form needs a token like any other.
func (s *Server) ownPage(next httpguard.HandlerFunc) httpguard.HandlerFunc {
	checked := s.sameSite(next)
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
		return showProblem(w, err, resetPage(token))
	}
	if err := s.reset(r.Context(), q, token, next); err != nil {
		return showProblem(w, err, resetPage(token))
	}
	return show(w, http.StatusOK, page{Title: "You have a new password", Text: "All devices are signed out. Log in with the new password."})
}

func (s *Server) submitDisown(w http.ResponseWriter, r *http.Request) error {
	q, err := s.request(r)
	if err != nil {
		return err
	}
	var token string
	if err := form(w, r, fields{"token": &token}); err != nil {
		return showProblem(w, err, disownPage(token))
	}
	if err := s.disown(r.Context(), q, token); err != nil {
		return showProblem(w, err, disownPage(token))
	}
	return show(w, http.StatusOK, page{
		Title: "All devices are signed out", Text: "The old password does not work any more. A link to choose a new one is on its way to you by mail. If it does not arrive, ask for another one where you log in.",
	})
}

// form reads the fields of a form, each of which is there once.
func form(w http.ResponseWriter, r *http.Request, into fields) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return httpguard.ProblemDetails{Status: http.StatusUnsupportedMediaType, Detail: "Send the form as application/x-www-form-urlencoded."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return badRequest("The form could not be read.")
	}
	for name, value := range into {
		values := r.PostForm[name]
		if len(values) != 1 || values[0] == "" || name == "token" && len(values[0]) > maxLinkToken {
			return badRequest("The form is not complete.")
		}
		*value = values[0]
	}
	return nil
}

// showProblem shows what went wrong to the person who sent a form: with the form
// again where that helps.
func showProblem(w http.ResponseWriter, err error, again page) error {
	var p httpguard.ProblemDetails
	if !errors.As(err, &p) {
		return err
	}
	again.Alert = p.Detail
	if p == badLink || again.Token == "" {
		again.Action, again.Text = "", ""
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.RetryAfter.Seconds()+0.999)))
	}
	return show(w, p.Status, again)
}

// show answers with a page that is nobody else's to see, keep or frame.
func show(w http.ResponseWriter, status int, p page) error {
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, p); err != nil {
		return err
	}
	h := w.Header()
	for name, value := range map[string]string{
		"Content-Type":               "text/html; charset=utf-8",
		"Content-Length":             strconv.Itoa(body.Len()),
		"Content-Security-Policy":    pagePolicy,
		"Referrer-Policy":            "no-referrer",
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
		"Cross-Origin-Opener-Policy": "same-origin",
		"X-Robots-Tag":               "noindex",
		"Cache-Control":              "no-store",
	} {
		h.Set(name, value)
	}
	w.WriteHeader(status)
	w.Write(body.Bytes()) // a client that is gone is no error of ours
	return nil
}
