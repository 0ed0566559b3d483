package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sources are asked at each scrape, concurrently and for no longer than a
// glance: what takes longer should answer from what it knows. Those that are
// nil are not shown.
type Sources struct {
	BlocksInForce  func() int    // how many addresses and networks are kept out
	SpoolRecords   func() int    // how many records wait for the record store
	HashesInFlight func() int    // how many passwords are being hashed
	SentryDropped  func() uint64 // how much Sentry was not sent, since the start
}

// Watch shows what s tells. It returns an error if it is called again for the
// same source.
func (m *Metrics) Watch(s Sources) error {
	gauge := func(name, help string, f func() int) error {
		if f == nil {
			return nil
		}
		return m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(f()) }))
	}
	var dropped error
	if s.SentryDropped != nil {
		dropped = m.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gatehouse_sentry_dropped_total",
			Help: "Sentry envelopes that were dropped before they left.",
		}, func() float64 { return float64(s.SentryDropped()) }))
	}
	return errors.Join(
		gauge("gatehouse_blocks_in_force", "Addresses and networks that are kept out.", s.BlocksInForce),
		gauge("gatehouse_spool_records", "Records that wait in the spool for the record store.", s.SpoolRecords),
		gauge("gatehouse_password_hashes_in_flight", "Passwords that are being hashed.", s.HashesInFlight),
		dropped,
	)
}

// SetDegraded says whether a component works around one that fails, such as
// "windows" when a local limiter stands in for a store. Call it with false at
// the start, so that the metric is there. Components beyond the 16th are not
// shown.
func (m *Metrics) SetDegraded(component string, degraded bool) {
	if g, ok := m.degraded.Get(component); ok {
		g.Set(map[bool]float64{true: 1}[degraded])
	}
}

// AlertSent counts an alert that was delivered on a channel, by its configured
// name. Channels beyond the 16th are counted as "other".
func (m *Metrics) AlertSent(channel string) {
	if c, ok := m.sent.Get(channel); ok {
		c.Inc()
		return
	}
	m.otherSent.Inc()
}

// AlertFailed counts an alert that was given up on a channel; see AlertSent.
func (m *Metrics) AlertFailed(channel string) {
	if c, ok := m.failed.Get(channel); ok {
		c.Inc()
		return
	}
	m.otherFail.Inc()
}

// HashWaited is told how long a password waited for its turn to be hashed. It
// fits accounts.HasherOptions.OnWait.
func (m *Metrics) HashWaited(wait time.Duration) { m.hashWaited.Observe(wait.Seconds()) }

// RateLimited counts a request that is over a rate limit, by the name of the
// policy. Policies beyond the 16th are counted as "other".
func (m *Metrics) RateLimited(policy string) {
	if c, ok := m.limited.Get(policy); ok {
		c.Inc()
		return
	}
	m.otherLimit.Inc()
}
