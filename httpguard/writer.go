package httpguard

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// responseWriter notes whether the answer has begun. It passes on what the
// writer below can do beyond the interface: by Unwrap for
// http.ResponseController, and by methods for handlers that still look for
// those.
type responseWriter struct {
	http.ResponseWriter
	begun  bool
	status int // of the answer, once it has begun
}

func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	// 1xx come before the answer; 101 is one.
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// begin notes the status that counts, which is the first.
func (w *responseWriter) begin(status int) {
	if !w.begun {
		w.begun, w.status = true, status
	}
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// ReadFrom lets io.Copy reach sendfile.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	return io.Copy(w.ResponseWriter, r)
}

func (w *responseWriter) Flush() { w.FlushError() }

func (w *responseWriter) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.begin(http.StatusSwitchingProtocols)
	}
	return conn, buf, err
}

// begun reports whether the answer that goes through w has begun, as far as
// the middleware can know.
func begun(w http.ResponseWriter) bool {
	for {
		switch u := w.(type) {
		case *responseWriter:
			return u.begun
		case interface{ Unwrap() http.ResponseWriter }:
			w = u.Unwrap()
		default:
			return false
		}
	}
}
