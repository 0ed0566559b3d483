package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cleanUp is what is told of the clean-up of old rows.
type cleanUp struct {
	removed             *prometheus.CounterVec
	last, took, success prometheus.Gauge
}

func newCleanUp(r prometheus.Registerer) cleanUp {
	c := cleanUp{
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_cleanup_removed_total",
			Help: "Rows that this node's clean-up has removed, by what they were.",
		}, []string{"what"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_cleanup_last_run_timestamp_seconds",
			Help: "When this node's clean-up ended last; 0: never.",
		}),
		took: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_cleanup_last_run_duration_seconds",
			Help: "How long this node's last clean-up took.",
		}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_cleanup_last_run_success",
			Help: "Whether this node's last clean-up went well: 1, or 0.",
		}),
	}
	r.MustRegister(c.removed, c.last, c.took, c.success)
	return c
}

// CleanedUp counts rows that the clean-up has removed. What they were is one of
// few words of the program's.
func (m *Metrics) CleanedUp(what string, n int) {
	m.cleanUp.removed.WithLabelValues(clean(what)).Add(float64(n))
}

// CleanUpEnded tells when a clean-up ended, how long it took, and how it went.
func (m *Metrics) CleanUpEnded(at time.Time, took time.Duration, err error) {
	m.cleanUp.last.Set(float64(at.UnixMicro()) / 1e6)
	m.cleanUp.took.Set(took.Seconds())
	m.cleanUp.success.Set(map[bool]float64{true: 1}[err == nil])
}
