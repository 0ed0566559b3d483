package httpguard

import "net/http"

// Routes returns a handler that is mux, but for its answers to paths and
// methods that it does not know: those are problem documents, 404, or 405 with
// the header Allow.
func Routes(mux *http.ServeMux) http.Handler { return routes{mux} }

type routes struct{ mux *http.ServeMux }

func (s routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	own := unmatched{header: w.Header(), status: http.StatusNotFound}
	h.ServeHTTP(&own, r)
	Problem(w, r, ProblemDetails{Status: own.status})
}

// unmatched takes the mux's own answer, for its status and header.
type unmatched struct {
	header http.Header
	status int
}

func (w *unmatched) Header() http.Header         { return w.header }
func (w *unmatched) WriteHeader(status int)      { w.status = status }
func (w *unmatched) Write(b []byte) (int, error) { return len(b), nil }
