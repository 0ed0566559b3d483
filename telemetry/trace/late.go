package trace

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Records marks the requests in which something was found, so that their
// traces are kept. It is an observer for the wiring, does not wait, and must be
// called before the request is answered, as the engine's order is: records are
// durable, observers are told, the answer goes out.
func (t *Tracer) Records(rs []gatehouse.Record) {
	for i := range rs {
		if f := rs[i].Finding; f != nil && rs[i].CorrelationID != "" {
			t.marks.add(rs[i].CorrelationID, finding{
				rule:     gatehouse.CleanText(f.Rule, 64),
				kind:     gatehouse.CleanText(string(f.Kind), 64),
				severity: f.Severity.String(),
			})
		}
	}
}

// finding is what a span tells of one.
type finding struct{ rule, kind, severity string }

// Bounds on what is remembered of requests that are being served.
const (
	maxMarks    = 1024 // requests; the oldest is forgotten first
	maxFindings = 8    // of one request
)

// marks are the findings of requests that are being served, by correlation ID.
type marks struct {
	n     atomic.Int64 // how many there are, so that most requests take no lock
	mu    sync.Mutex
	found map[string][]finding
	order [maxMarks]string // a ring: where the next is put stands the oldest
	next  int
}

func (m *marks) add(id string, f finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil {
		m.found = make(map[string][]finding)
	}
	before, known := m.found[id]
	if !known {
		delete(m.found, m.order[m.next]) // no harm if it has been taken
		m.order[m.next] = id
		m.next = (m.next + 1) % maxMarks
	}
	if len(before) < maxFindings {
		m.found[id] = append(before, f)
	}
	m.n.Store(int64(len(m.found)))
}

// take returns what was found in a request, and forgets it.
func (m *marks) take(id string) []finding {
	if m.n.Load() == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.found[id]
	delete(m.found, id)
	m.n.Store(int64(len(m.found)))
	return f
}

// allowance lets so much happen in each second, and no more.
type allowance struct {
	perSecond int64
	second    atomic.Int64
	used      atomic.Int64
}

// take reports whether there is room at the instant at. Two that begin a second
// together may both start its count: a few more are let through then.
func (a *allowance) take(at time.Time) bool {
	now := at.Unix()
	if before := a.second.Load(); before != now && a.second.CompareAndSwap(before, now) {
		a.used.Store(0)
	}
	return a.used.Add(1) <= a.perSecond
}
