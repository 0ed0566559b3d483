package httpguard

import (
	"log/slog"
	"net/http"
	"time"
)

// The limits of Server.
const (
	// ReadHeaderTimeout bounds how slowly a client may send its header.
	ReadHeaderTimeout = 5 * time.Second
	// ReadTimeout bounds header and body together.
	ReadTimeout = 15 * time.Second
	// WriteTimeout bounds the handler and the sending of its answer. It leaves
	// room for a login that waits its turn. A handler that streams sets its own
	// with http.ResponseController.
	WriteTimeout = time.Minute
	// IdleTimeout is how long a connection is kept between requests.
	IdleTimeout = 2 * time.Minute
	// MaxHeaderBytes lets a request with an absurd header through to the rules,
	// a user agent of 1 MiB for one, and stops short of what hurts.
	MaxHeaderBytes = 1<<20 + 64<<10
)

// Server returns a server for h with the limits above, which may be changed
// before it is started. What net/http has to complain of goes to log as
// warnings; nil means slog.Default().
func Server(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.Default()
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
