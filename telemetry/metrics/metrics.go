package metrics

import (
	"math/bits"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// Bounds on the values of labels that are learned, beyond which they share one.
const (
	maxEndpoints  = 64
	maxComponents = 16
	maxChannels   = 16
	maxPolicies   = 16
)

// Options describe what is measured. The zero value is useful.
type Options struct {
	// Version is that of the program. Default: the main module's, from the
	// build.
	Version string
	// Endpoints are the endpoints that become a label, as httpguard names
	// them; all others are httpguard.Unmatched. Default: the first 64 seen,
	// which a mux has as patterns, not as paths.
	Endpoints []string
	// Rules are the rules in force, whose findings are counted from zero on.
	// Default: rules.Default().
	Rules rules.Set
	// SampleEvery is how many calls of Windows.Hit, Rates.Take and Blocks.Blocked there are
	// for each one timed, rounded down to a power of two. Default: 8. 1 times
	// each.
	SampleEvery int
}

// Metrics is a registry and the instruments that fill it. It is safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	mask     uint64 // of the number of calls, for SampleEvery

	requests requests
	records  records
	verdicts verdicts
	ports    ports
	cleanUp  cleanUp

	degraded   *label.Table[string, prometheus.Gauge]
	sent       *label.Table[string, prometheus.Counter]
	failed     *label.Table[string, prometheus.Counter]
	limited    *label.Table[string, prometheus.Counter]
	otherSent  prometheus.Counter
	otherFail  prometheus.Counter
	otherLimit prometheus.Counter
	hashWaited prometheus.Histogram
}

// New returns metrics that are all zero.
func New(o Options) *Metrics {
	if o.Rules == (rules.Set{}) {
		o.Rules = rules.Default()
	}
	if o.SampleEvery < 1 {
		o.SampleEvery = 8
	}
	// Rounded down to a power of two, whose multiples a mask tells.
	m := &Metrics{registry: prometheus.NewRegistry(), mask: 1<<(bits.Len(uint(o.SampleEvery))-1) - 1}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(o.Version),
	)
	m.requests = newRequests(m.registry, o.Endpoints)
	m.records = newRecords(m.registry, o.Rules)
	m.verdicts = newVerdicts(m.registry, o.Rules)
	m.ports = newPorts(m.registry)
	m.cleanUp = newCleanUp(m.registry)

	degraded := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_degraded",
		Help: "Whether a component works around one that fails: 1, or 0.",
	}, []string{"component"})
	sent := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_alerts_sent_total",
		Help: "Alerts that were delivered, by channel.",
	}, []string{"channel"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_alerts_failed_total",
		Help: "Alerts that were given up, by channel.",
	}, []string{"channel"})
	limited := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_rate_limited_total",
		Help: "Requests over a rate limit, by its policy.",
	}, []string{"policy"})
	m.hashWaited = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gatehouse_password_hash_wait_seconds",
		Help:    "How long a password waited for its turn to be hashed.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	m.registry.MustRegister(degraded, sent, failed, limited, m.hashWaited)
	m.degraded = label.NewTable(maxComponents, func(c string) prometheus.Gauge { return degraded.WithLabelValues(clean(c)) })
	m.sent = label.NewTable(maxChannels, func(c string) prometheus.Counter { return sent.WithLabelValues(clean(c)) })
	m.failed = label.NewTable(maxChannels, func(c string) prometheus.Counter { return failed.WithLabelValues(clean(c)) })
	m.limited = label.NewTable(maxPolicies, func(p string) prometheus.Counter { return limited.WithLabelValues(clean(p)) })
	m.otherLimit = limited.WithLabelValues(label.Other)
	m.otherSent, m.otherFail = sent.WithLabelValues(label.Other), failed.WithLabelValues(label.Other)
	return m
}

// clean makes a name fit to be the value of a label, which must be UTF-8.
func clean(name string) string { return gatehouse.CleanText(name, 128) }

func buildInfo(version string) prometheus.Collector {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if version == "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "gatehouse_build_info",
		Help:        "What is running; always 1.",
		ConstLabels: prometheus.Labels{"version": clean(version), "revision": revision, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

// Handler serves the metrics in the formats that Prometheus reads. A few
// scrapes at a time are answered, more with 503. It says much about the
// process, so it belongs on the admin listener.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// Register adds what somebody else measures. It returns an error if that
// clashes with what is there.
func (m *Metrics) Register(c prometheus.Collector) error { return m.registry.Register(c) }
