package app

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"
)

// The parts of the server that can fail without ending it, as health page,
// metrics and log name them.
const (
	partCounters = "counters" // the shared counters
	partBlocks   = "blocks"   // the shared blocks
	partRecords  = "records"  // accounts and security log
	partAlerts   = "alerts"   // messages to people
	partKeys     = "keys"     // the same on all nodes
)

// condition is how a part is.
type condition struct {
	Status string     `json:"status"` // ok or degraded
	Since  *time.Time `json:"since,omitempty"`
	Error  string     `json:"error,omitempty"`
}

// health is how all parts are. It is safe for concurrent use.
type health struct {
	logger *slog.Logger
	now    func() time.Time
	meter  func(part string, degraded bool)

	mu    sync.Mutex
	parts map[string]condition
}

func newHealth(logger *slog.Logger, now func() time.Time, meter func(string, bool)) *health {
	return &health{logger: logger, now: now, meter: meter, parts: map[string]condition{}}
}

// watch lists a part, which is well until something else is reported.
func (h *health) watch(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[part] = condition{Status: "ok"}
	h.meter(part, false)
}

// report says how a part is from now on: well where err is nil.
func (h *health) report(part string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, c := h.parts[part], condition{Status: "ok"}
	if err != nil {
		at := h.now().UTC()
		if was.Since != nil {
			at = *was.Since
		}
		c = condition{Status: "degraded", Since: &at, Error: err.Error()}
	}
	h.parts[part] = c
	if was.Status == c.Status {
		return
	}
	h.meter(part, err != nil)
	if err != nil {
		h.logger.Warn("degraded", "part", part, "error", err)
	} else {
		h.logger.Info("recovered", "part", part, "after", h.since(was))
	}
}

func (h *health) since(was condition) string {
	if was.Since == nil {
		return "0s"
	}
	return h.now().Sub(*was.Since).Round(time.Millisecond).String()
}

// snapshot returns how all parts are, and whether all are well.
func (h *health) snapshot() (parts map[string]condition, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ok = true
	for _, c := range h.parts {
		ok = ok && c.Status == "ok"
	}
	return maps.Clone(h.parts), ok
}

// healthReport is what /healthz and /readyz answer.
type healthReport struct {
	Status string               `json:"status"` // ok, degraded or unavailable
	Parts  map[string]condition `json:"parts"`
	// Spooled is how many records wait for their store.
	Spooled int `json:"spooled_records"`
}

func (r healthReport) write(w http.ResponseWriter) {
	status := http.StatusOK
	if r.Status == "unavailable" {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(r) // a client that is gone is no error of ours
}
