package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// requests measures what package httpguard serves.
type requests struct {
	inFlight  prometheus.Gauge
	endpoints *label.Table[string, *endpoint]
	unmatched *endpoint
}

// endpoint is what is measured of one endpoint.
type endpoint struct {
	duration prometheus.Observer
	panics   prometheus.Counter
	answers  *label.Table[answer, prometheus.Counter]
}

// answer is how a request was answered. Both fields are bounded by package
// label.
type answer struct {
	method string
	code   int
}

// maxAnswers is more than there are methods times statuses with a name.
const maxAnswers = 1000

func newRequests(r prometheus.Registerer, known []string) requests {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_http_requests_total",
		Help: "Requests answered, by endpoint, method and status.",
	}, []string{"endpoint", "method", "code"})
	panics := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_http_panics_total",
		Help: "Requests whose handler panicked or broke its answer off, by endpoint.",
	}, []string{"endpoint"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gatehouse_http_request_duration_seconds",
		Help:    "How long requests took to be answered, by endpoint.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"endpoint"})
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatehouse_http_requests_in_flight",
		Help: "Requests that are being answered.",
	})
	r.MustRegister(counted, panics, duration, inFlight)

	of := func(name string) *endpoint {
		name = clean(name)
		return &endpoint{
			duration: duration.WithLabelValues(name),
			panics:   panics.WithLabelValues(name),
			answers: label.NewTable(maxAnswers, func(a answer) prometheus.Counter {
				code := label.Other
				if a.code != 0 {
					code = strconv.Itoa(a.code)
				}
				return counted.WithLabelValues(name, a.method, code)
			}),
		}
	}
	limit := maxEndpoints
	if known != nil {
		limit = len(known)
	}
	q := requests{inFlight: inFlight, endpoints: label.NewTable(limit, of), unmatched: of(httpguard.Unmatched)}
	for _, name := range known {
		q.endpoints.Get(name)
	}
	return q
}

// Around is an instrument for httpguard.Options.Around: it counts and times
// requests, refused ones included. A request that is not httpguard's counts as
// unmatched, with whatever status it had as "other".
func (m *Metrics) Around(next http.Handler) http.Handler {
	q := &m.requests
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		q.inFlight.Inc()
		returned := false
		// Deferred, since a panic passes through.
		defer func() { q.done(r, time.Since(start), returned) }()
		next.ServeHTTP(w, r)
		returned = true
	})
}

func (q *requests) done(r *http.Request, took time.Duration, returned bool) {
	q.inFlight.Dec()
	found, guarded := httpguard.FromContext(r.Context())
	e, ok := q.endpoints.Get(found.Endpoint)
	if !ok || !guarded {
		e = q.unmatched
	}
	e.duration.Observe(took.Seconds())
	status := httpguard.Status(r.Context())
	switch {
	case !returned:
		e.panics.Inc()
		if status == 0 {
			status = http.StatusInternalServerError // what httpguard will answer
		}
	case status == 0 && guarded:
		status = http.StatusOK // what net/http answers for a handler that wrote nothing
	}
	if c, ok := e.answers.Get(answer{label.Method(r.Method), label.Code(status)}); ok {
		c.Inc()
	}
}
