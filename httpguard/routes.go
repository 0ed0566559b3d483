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
	own := unmatched{header: http.Header{}}
	h.ServeHTTP(&own, r)
	if own.status != http.StatusNotFound && own.status != http.StatusMethodNotAllowed {
		s.mux.ServeHTTP(w, r) // a redirect to a cleaner path
		return
	}
	if allow := own.header["Allow"]; allow != nil {
		w.Header()["Allow"] = allow
	}
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
