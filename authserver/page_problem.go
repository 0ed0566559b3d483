package authserver

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse/accountmail"
	"github.com/fluxstudio/gatehouse/httpguard"
)

// ErrorPages shows the problem documents among the answers to requests for pages
// as pages, those of the middleware included. It belongs into
// httpguard.Options.Around; without it people see JSON there.
func (s *Server) ErrorPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != homePage && !strings.HasPrefix(r.URL.Path, homePage+"/") {
			next.ServeHTTP(w, r)
			return
		}
		held := &heldProblem{ResponseWriter: w}
		next.ServeHTTP(held, r)
		if held.status == 0 {
			return
		}
		if err := s.show(w, held.status, "problem", held.page(r)); err != nil {
			httpguard.Error(w, r, err)
		}
	})
}

// heldProblem passes an answer on, unless it is a problem document.
type heldProblem struct {
	http.ResponseWriter
	status int // of a problem document
	body   []byte
	begun  bool
}

func (w *heldProblem) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *heldProblem) WriteHeader(status int) {
	if !w.begun && status >= 400 && w.Header().Get("Content-Type") == "application/problem+json" {
		w.begun, w.status = true, status
		return
	}
	if w.status != 0 {
		return
	}
	w.begun = w.begun || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

func (w *heldProblem) Write(b []byte) (int, error) {
	if w.status != 0 {
		w.body = append(w.body, b...)
		return len(b), nil
	}
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// trouble is what the page of a problem shows.
type trouble struct {
	Detail      string
	Correlation string        // where somebody may look into it
	After       time.Duration // when it is worth trying again; 0: not known
}

// page returns the page of the problem.
func (w *heldProblem) page(r *http.Request) page {
	var told struct{ Title, Detail string }
	json.Unmarshal(w.body, &told) // what is not told is not shown
	t := trouble{Detail: told.Detail}
	if t.Detail == "" {
		t.Detail = "That did not work."
	}
	if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err == nil && seconds >= 60 {
		t.After = (time.Duration(seconds) * time.Second).Round(time.Minute)
	}
	if w.status >= http.StatusInternalServerError {
		t.Correlation = w.Header().Get(httpguard.CorrelationHeader)
	}
	title := cmp.Or(told.Title, http.StatusText(w.status), "Problem")
	return page{
		Title: title[:1] + strings.ToLower(title[1:]), Data: t,
		private: r.URL.Path == accountmail.ResetPath || r.URL.Path == accountmail.DisownPath,
	}
}
