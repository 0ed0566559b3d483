package profile

import (
	"errors"
	"net/http"
	"runtime/trace"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse/httpguard"
)

// RecorderOptions bound what a Recorder keeps. The zero value is useful.
type RecorderOptions struct {
	// Age is how far back it reaches at least, as long as MaxBytes allows.
	// Default: 5 s.
	Age time.Duration
	// MaxBytes is about how much memory it takes. Default: 8 MiB.
	MaxBytes uint64
}

// Recorder keeps the last seconds of the execution trace: which goroutine ran,
// waited, and for what. It is safe for concurrent use.
type Recorder struct {
	flight  *trace.FlightRecorder
	writing sync.Mutex // the runtime writes one at a time
}

// StartRecorder begins to record. The runtime allows one flight recorder in a
// process: it returns an error while there is another. Recording costs a
// percent or two of the processor, so it is for those who ask for it. Stop ends
// it.
func StartRecorder(o RecorderOptions) (*Recorder, error) {
	if o.Age == 0 {
		o.Age = 5 * time.Second
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 20
	}
	f := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: o.Age, MaxBytes: o.MaxBytes})
	if err := f.Start(); err != nil {
		return nil, errors.Join(errors.New("profile: flight recorder"), err)
	}
	return &Recorder{flight: f}, nil
}

// Stop ends the recording. What was recorded is gone.
func (r *Recorder) Stop() { r.flight.Stop() }

// ServeHTTP answers with what was recorded, for "go tool trace". Like Handler
// it belongs on the admin listener. A second request at the same time is
// answered with 409, one after Stop with 503.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if !r.writing.TryLock() {
		httpguard.Problem(w, q, httpguard.ProblemDetails{Status: http.StatusConflict, Detail: "The recording is being read already."})
		return
	}
	defer r.writing.Unlock()
	if !r.flight.Enabled() {
		httpguard.Problem(w, q, httpguard.ProblemDetails{Status: http.StatusServiceUnavailable, Detail: "The flight recorder has been stopped."})
		return
	}
	attach(w, "flight.trace")
	r.flight.WriteTo(w) // a client that is gone is no error of ours
}
