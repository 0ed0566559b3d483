package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/accounts"
	"github.com/fluxstudio/gatehouse/authserver"
	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/export"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/scrub"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
	"github.com/fluxstudio/gatehouse/telemetry/profile"
	"github.com/fluxstudio/gatehouse/telemetry/sentrytel"
	"github.com/fluxstudio/gatehouse/telemetry/trace"
)

// monitoring is everything that reports to others. Parts that are switched off
// are nil; none of them can hold up or fail a request.
type monitoring struct {
	scrubber *scrub.Scrubber // never nil: secrets are kept from the log, too
	metrics  *metrics.Metrics
	sentry   *sentrytel.Monitor
	traces   *trace.Tracer
	exporter *export.Exporter
	profiles *profile.Continuous
}

// openMonitoring starts what the configuration asks for. An error says which
// setting to change; a target that cannot be reached is none.
func openMonitoring(c Config, keys accounts.Keys, clients *clientip.Finder, scrubber *scrub.Scrubber, logger *slog.Logger) (m *monitoring, err error) {
	m = &monitoring{scrubber: scrubber}
	if !c.Monitoring.Enabled {
		return m, nil
	}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	m.metrics = metrics.New(metrics.Options{Rules: c.EffectiveRules()})
	if c.Tracing.OTLPEndpoint != "" {
		if m.traces, err = openTraces(c, clients, logger); err != nil {
			return m, fmt.Errorf("tracing: %w", err)
		}
		c.Sentry.TracesSampleRate = "0" // one kind of traces is enough
	}
	if m.sentry, err = openSentry(c.Sentry, keys, m.scrubber, logger); err != nil {
		return m, fmt.Errorf("sentry: %w", err)
	}
	logger.Info(m.sentry.String())
	if c.Profiles.PyroscopeURL != "" {
		if m.profiles, err = profile.Start(profile.Options{PyroscopeURL: c.Profiles.PyroscopeURL, Logger: logger}); err != nil {
			return m, fmt.Errorf("profiles.pyroscope_url: %w", err)
		}
	}
	if c.Export.Target != "" {
		if m.exporter, err = openExporter(c.Export, m.scrubber, logger); err != nil {
			return m, fmt.Errorf("export.target: %w", err)
		}
	}
	return m, nil
}

func openSentry(c SentryConfig, keys accounts.Keys, scrubber *scrub.Scrubber, logger *slog.Logger) (*sentrytel.Monitor, error) {
	o := sentrytel.Options{
		DSN: c.DSN, Environment: c.Environment, Release: c.Release,
		UserKey: keys.Derive("sentry users"), Scrubber: scrubber, Logger: logger,
		UserOf: func(_ *http.Request, err error) string {
			var f *authserver.Failure
			errors.As(err, &f)
			if f == nil {
				return ""
			}
			return f.User
		},
	}
	if c.TracesSampleRate != "" {
		rate, err := strconv.ParseFloat(c.TracesSampleRate, 64)
		if err != nil {
			return nil, err
		}
		o.TracesSampleRate = &rate
	}
	return sentrytel.New(o)
}

func openTraces(c Config, clients *clientip.Finder, logger *slog.Logger) (*trace.Tracer, error) {
	ratio, err := strconv.ParseFloat(c.Tracing.SampleRate, 64)
	if err != nil {
		return nil, err
	}
	if ratio == 0 {
		ratio = -1 // none but those with findings
	}
	return trace.New(trace.Options{
		Endpoint: c.Tracing.OTLPEndpoint, Ratio: ratio, Environment: c.Sentry.Environment,
		Trusted: clients.Trusted, Logger: logger,
	})
}

func openExporter(c ExportConfig, scrubber *scrub.Scrubber, logger *slog.Logger) (*export.Exporter, error) {
	format, err := export.FormatNamed(c.Format)
	if err != nil {
		return nil, err
	}
	target, err := export.Open(c.Target)
	if err != nil {
		return nil, err
	}
	return export.New(export.Options{Target: target, Format: format, Scrub: scrubber.Text, OnState: func(s export.State) {
		if s.Err != nil {
			logger.Warn("the export of the security log fails", "error", s.Err, "dropped", s.Dropped)
			return
		}
		logger.Info("the export of the security log works again", "dropped", s.Dropped)
	}})
}

// logger sends what is worth a warning to Sentry as well. What Sentry itself has
// to complain of goes to the log alone.
func (m *monitoring) logger(next *slog.Logger) *slog.Logger {
	if !m.sentry.Enabled() {
		return next
	}
	return slog.New(slog.NewMultiHandler(next.Handler(), m.sentry.LogHandler(slog.LevelWarn)))
}

// around are the instruments of requests, outermost first.
func (m *monitoring) around() []func(http.Handler) http.Handler {
	var list []func(http.Handler) http.Handler
	if m.traces != nil {
		list = append(list, m.traces.Around)
	}
	if m.metrics != nil {
		list = append(list, m.metrics.Around)
	}
	if m.sentry.Enabled() {
		list = append(list, m.sentry.Around)
	}
	if m.profiles != nil {
		list = append(list, profile.Around)
	}
	return list
}

// journal measures the store's journal and passes records on once they are
// durable.
func (m *monitoring) journal(next gatehouse.Journal, more ...func([]gatehouse.Record)) gatehouse.Journal {
	next = measured(m, m.sentry.Journal(next), (*metrics.Metrics).Journal, (*trace.Tracer).Journal)
	observers := append(more, m.sentry.Records)
	if m.metrics != nil {
		observers = append(observers, m.metrics.Records)
	}
	if m.traces != nil {
		observers = append(observers, m.traces.Records)
	}
	if m.exporter != nil {
		observers = append(observers, m.exporter.Records)
	}
	return scrubbed{told{next, observers}, m.scrubber.Text}
}

// measured puts what measures a port around it. Metrics are next to the store, so
// that the making of a span is not timed as part of it.
func measured[P any](m *monitoring, port P, byMetrics func(*metrics.Metrics, P) P, byTraces func(*trace.Tracer, P) P) P {
	if m.metrics != nil {
		port = byMetrics(m.metrics, port)
	}
	if m.traces != nil {
		port = byTraces(m.traces, port)
	}
	return port
}

func (m *monitoring) windows(next gatehouse.Windows) gatehouse.Windows {
	return measured(m, next, (*metrics.Metrics).Windows, (*trace.Tracer).Windows)
}

func (m *monitoring) blocks(next gatehouse.Blocks) gatehouse.Blocks {
	return measured(m, next, (*metrics.Metrics).Blocks, (*trace.Tracer).Blocks)
}

func (m *monitoring) rates(next gatehouse.Rates) gatehouse.Rates {
	return measured(m, next, (*metrics.Metrics).Rates, (*trace.Tracer).Rates)
}

func (m *monitoring) sightings(next gatehouse.Sightings) gatehouse.Sightings {
	return measured(m, next, (*metrics.Metrics).Sightings, (*trace.Tracer).Sightings)
}

func (m *monitoring) alerts(next gatehouse.Alerts) gatehouse.Alerts {
	return measured(m, next, (*metrics.Metrics).Alerts, (*trace.Tracer).Alerts)
}

func (m *monitoring) admitter(next httpguard.Admitter) httpguard.Admitter {
	if m.metrics == nil {
		return next
	}
	return m.metrics.Admitter(next)
}

func (m *monitoring) hashWaited() func(time.Duration) {
	if m.metrics == nil {
		return nil
	}
	return m.metrics.HashWaited
}

// watch shows what the parts know of themselves.
func (m *monitoring) watch(blocksInForce, hashesInFlight, spooled func() int) error {
	if m.metrics == nil {
		return nil
	}
	return m.metrics.Watch(metrics.Sources{
		BlocksInForce:  blocksInForce,
		HashesInFlight: hashesInFlight,
		SpoolRecords:   spooled,
		SentryDropped:  func() uint64 { return m.sentry.Stats().Total() },
	})
}

// rateLimited counts a request that a rate limit has refused.
func (m *monitoring) rateLimited(policy string) {
	if m.metrics != nil {
		m.metrics.RateLimited(policy)
	}
}

// degraded shows whether a part of the server works around a failure.
func (m *monitoring) degraded(part string, degraded bool) {
	if m.metrics != nil {
		m.metrics.SetDegraded(part, degraded)
	}
}

// register adds metrics and profiles to the admin listener.
func (m *monitoring) register(mux *http.ServeMux) {
	if m.metrics != nil {
		mux.Handle("GET /metrics", m.metrics.Handler())
		mux.Handle("/debug/pprof/", profile.Handler())
	}
}

// monitoringGrace is how long what is pending may take at the end.
const monitoringGrace = 3 * time.Second

// close ends all parts at once, so that one that hangs takes no time from the
// others.
func (m *monitoring) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), monitoringGrace)
	defer cancel()
	parts := []func(context.Context) error{m.sentry.Close}
	if m.exporter != nil {
		parts = append(parts, m.exporter.Close)
	}
	if m.traces != nil {
		parts = append(parts, m.traces.Shutdown)
	}
	if m.profiles != nil {
		parts = append(parts, m.profiles.Stop)
	}
	errs := make([]error, len(parts))
	var pending sync.WaitGroup
	for i, end := range parts {
		pending.Go(func() { errs[i] = end(ctx) })
	}
	pending.Wait()
	return errors.Join(errs...)
}
