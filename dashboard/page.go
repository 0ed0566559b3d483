package dashboard

import (
	"cmp"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/internal/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

func parsePages(now func() time.Time) (*web.Pages, error) {
	files, err := fs.Sub(templateFiles, "templates")
	if err != nil {
		return nil, err
	}
	all := web.Funcs(now)
	maps.Copy(all, funcs)
	return web.Parse(files, all, "layout.html", "parts.html", "parts_blocks.html", "parts_timeline.html")
}

// funcs are what templates call, besides web.Funcs.
var funcs = template.FuncMap{
	"title":     title,
	"because":   because,
	"sentence":  sentence,
	"ruleName":  ruleName,
	"subjectID": func(r gatehouse.Record) string { return subjectID(&r) },
}

// page is what the layout shows around the content of each page.
type page struct {
	Title    string
	Section  string // the path of the entry of the navigation that it belongs to
	Sections []section
	Account  string // of who is signed in; empty: nobody
	Role     string
	Well     bool
	// Done says what the visitor has just done, Alert what went wrong.
	Done, Alert                 string
	Attribution, AttributionURL string // where places are shown
	Data                        any    // what the page shows
	visitor                     visitor
}

// May reports whether the visitor has at least a role, for buttons.
func (p page) May(role accounts.Role) bool { return p.visitor.may(role) }

// show renders a page.
func (s *Server) show(w http.ResponseWriter, r *http.Request, v visitor, status int, name string, p page) error {
	p.visitor = v
	p.Account, p.Role = v.user.Account, string(v.user.Role)
	p.Well = s.Health().Well()
	for _, section := range sections {
		if v.may(section.needs) {
			p.Sections = append(p.Sections, section)
		}
	}
	if p.Done == "" {
		p.Done = cmp.Or(done[r.URL.Query().Get("done")], userDone[r.URL.Query().Get("done")])
	}
	p.Attribution, p.AttributionURL = s.Attribution, s.AttributionURL
	return s.pages.Render(w, status, name, p)
}

// done is what redirects tell of, by the value of the parameter.
var done = map[string]string{
	"setup":   "You are the administrator. Nobody else can use the setup link.",
	"signout": "You are signed out.",

	"placed":     "The address is kept out from now on.",
	"lifted":     "The block is lifted. The accounts whose failed logins led to it have their attempts back.",
	"extended":   "The block holds longer now.",
	"unblocked":  "There was no such block any more: it had ended or been lifted.",
	"allowed":    "The address is on the allow list: no rule and no block keeps it out.",
	"disallowed": "The address is off the allow list. Rules and blocks hold for it again.",
	"shadow-on":  "The rule is in the shadow: it counts and writes down what it finds, and does nothing else.",
	"shadow-off": "The rule is in force.",
	"invited":    "Welcome. Your account may use the dashboard now.",
}

// back answers a form that did what it was to do: by a page that can be loaded
// again.
func back(w http.ResponseWriter, r *http.Request, path, what string) error {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	http.Redirect(w, r, path+sep+"done="+what, http.StatusSeeOther)
	return nil
}

// fail shows what went wrong. What nobody foresaw is for the log, not for the
// page.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, v visitor, err error) {
	var p httpguard.ProblemDetails
	switch {
	case errors.As(err, &p):
	case errors.Is(err, gatehouse.ErrNotFound):
		p = httpguard.ProblemDetails{Status: http.StatusNotFound, Detail: "There is nothing here, or not any more."}
	case errors.Is(err, gatehouse.ErrUnavailable), errors.Is(err, gatehouse.ErrBusy):
		p = httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: "A store does not answer. What is blocked stays blocked. Try again in a moment.", RetryAfter: 5 * time.Second}
	default:
		p = httpguard.ProblemDetails{Status: http.StatusInternalServerError, Detail: "Something went wrong on the server. Its log knows more, under the number below."}
	}
	if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.Logger.ErrorContext(r.Context(), "could not show a page", "endpoint", v.Endpoint, "error", err, "correlation_id", v.CorrelationID)
		if p.Status == http.StatusInternalServerError {
			s.OnError(r, err)
		}
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	problem := page{Title: http.StatusText(p.Status), Alert: p.Detail, Data: v.CorrelationID}
	if err := s.show(w, r, v, p.Status, "problem", problem); err != nil {
		httpguard.Error(w, r, err)
	}
}
