package sentrytel

import (
	"context"
	"slices"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
)

// Records hears of records of the security log once they are durable. It never
// waits. Findings, but for those of rules in the shadow, and other records of
// severity high and above, become events; authentication errors are summed up;
// all of them are breadcrumbs of what follows.
func (m *Monitor) Records(records []gatehouse.Record) {
	if !m.Enabled() {
		return
	}
	for i := range records {
		rec := &records[i]
		who := m.user(rec.Subject, rec.IP)
		ip := m.addressID(rec.IP)
		switch {
		case rec.Finding != nil && rec.Finding.Shadow:
			// Nobody is to be told.
		case rec.Finding != nil:
			m.attacks.set(rec.CorrelationID)
			m.securityEvent(rec, who, ip)
		case rec.Severity >= gatehouse.High && rec.Block == nil:
			m.attacks.set(rec.CorrelationID)
			m.securityEvent(rec, who, ip)
		case authenticationError(rec.Kind):
			m.authenticationError(rec, who, ip)
		}
		m.crumbs.add(crumb{
			at: rec.Time, correlation: rec.CorrelationID, user: who.ID, ip: ip,
			category: "security", message: string(rec.Kind), class: rec.Endpoint, count: rec.Count,
		})
	}
}

// Journal returns next with a span around each append, and with the traces kept
// of the requests that cause a finding. Without a DSN it is next itself.
func (m *Monitor) Journal(next gatehouse.Journal) gatehouse.Journal {
	if !m.Enabled() {
		return next
	}
	return journal{next, m}
}

type journal struct {
	gatehouse.Journal
	monitor *Monitor
}

func (j journal) Append(ctx context.Context, records ...gatehouse.Record) error {
	for i := range records {
		if f := records[i].Finding; f != nil && !f.Shadow {
			j.monitor.attacks.set(records[i].CorrelationID)
		}
	}
	s := j.monitor.Span(ctx, "db", "journal append")
	err := j.Journal.Append(ctx, records...)
	s.End(err)
	return err
}

// levels are Sentry's words for our severities.
var levels = [...]sentry.Level{
	gatehouse.Info:     sentry.LevelInfo,
	gatehouse.Warning:  sentry.LevelWarning,
	gatehouse.High:     sentry.LevelError,
	gatehouse.Critical: sentry.LevelFatal,
}

func levelOf(s gatehouse.Severity) sentry.Level {
	if int(s) < len(levels) {
		return levels[s]
	}
	return sentry.LevelFatal
}

// securityEvent captures a finding, or a record that is as grave as one.
func (m *Monitor) securityEvent(rec *gatehouse.Record, who sentry.User, ip string) {
	severity := rec.Severity
	if rec.Finding != nil {
		severity = rec.Finding.Severity
	}
	limit := m.events
	if severity >= gatehouse.High {
		limit = m.severe
	}
	if !m.allow(limit) {
		return
	}
	e := m.recordEvent(rec, levelOf(severity), who, ip)
	e.Logger = "gatehouse.security"
	e.Tags["severity"] = severity.String()
	// One attack is one issue.
	e.Fingerprint = []string{"gatehouse", string(rec.Kind), who.ID, ip}
	if f := rec.Finding; f != nil {
		e.Tags["rule"] = f.Rule
		e.Fingerprint = []string{"gatehouse", f.Rule, f.ID}
		e.Contexts["finding"] = m.finding(f)
		m.evidence(e.Contexts, f)
	}
	e.Breadcrumbs = m.crumbs.about(rec.CorrelationID, who.ID, ip)
	m.queue.offer(e)
}

// recordEvent returns an event about a record.
func (m *Monitor) recordEvent(rec *gatehouse.Record, level sentry.Level, who sentry.User, ip string) *sentry.Event {
	e := newEvent(level, rec.CorrelationID)
	e.Message = string(rec.Kind)
	e.Timestamp = rec.Time
	e.User = who
	e.Tags["event_type"] = string(rec.Kind)
	setIf(e.Tags, "endpoint", rec.Endpoint)
	setIf(e.Tags, "country", rec.Place.Country)
	client := sentry.Context{"ip_id": ip}
	setAny(client, "ip", m.address(rec.IP))
	setAny(client, "user_agent", gatehouse.CleanText(rec.UserAgent, 256))
	setAny(client, "device", rec.Device.Name)
	setAny(client, "country", rec.Place.Country)
	e.Contexts["client"] = client
	e.Contexts["record"] = sentry.Context{"id": rec.ID, "reason": rec.Reason}
	return e
}

// finding is the receipt of a finding. Its words, like those of all contexts here,
// avoid "key", "auth" and the like, which scrubbers, Sentry's own among them, take
// for names of secrets.
func (m *Monitor) finding(f *gatehouse.Finding) sentry.Context {
	c := sentry.Context{
		"id": f.ID, "rule": f.Rule, "counted_by": f.KeyedBy, "observed": f.Observed, "threshold": f.Threshold,
		"window": f.Window.String(), "first": f.First, "last": f.Last, "count": f.Count,
	}
	actions := make([]map[string]any, 0, len(f.Actions))
	for _, a := range f.Actions {
		told := map[string]any{"response": a.Response}
		setAny(told, "target", m.network(a.Target))
		if !a.Until.IsZero() {
			told["until"] = a.Until
		}
		setAny(told, "failure", a.Failure)
		actions = append(actions, told)
	}
	if len(actions) > 0 {
		c["actions"] = actions
	}
	return c
}

const maxDevices = 20 // of one finding's evidence

// evidence adds what the rule saw. Of places only the country is told.
func (m *Monitor) evidence(contexts map[string]sentry.Context, f *gatehouse.Finding) {
	c := sentry.Context{}
	setAny(c, "endpoint", f.Evidence.Endpoint)
	setAny(c, "pattern", f.Evidence.Pattern)
	setAny(c, "user_agent", gatehouse.CleanText(f.Evidence.UserAgent, 256))
	if len(f.Evidence.Signs) > 0 {
		c["signs"] = slices.Clone(f.Evidence.Signs)
	}
	devices := make([]map[string]any, 0, min(len(f.Evidence.Devices), maxDevices))
	for _, s := range f.Evidence.Devices[:min(len(f.Evidence.Devices), maxDevices)] {
		devices = append(devices, m.sighting(s))
	}
	if len(devices) > 0 {
		c["devices"] = devices
	}
	if t := f.Evidence.Travel; t != nil {
		c["travel"] = map[string]any{
			"from": m.sighting(t.From), "to": m.sighting(t.To), "distance_km": t.DistanceKm, "speed_kmh": t.SpeedKmh,
			"impossible": t.Impossible, "country_changed": t.CountryChanged,
		}
	}
	if len(c) > 0 {
		contexts["evidence"] = c
	}
}

func (m *Monitor) sighting(s gatehouse.Sighting) map[string]any {
	told := map[string]any{"time": s.Time, "ip_id": m.addressID(s.IP)}
	setAny(told, "ip", m.address(s.IP))
	setAny(told, "country", s.Place.Country)
	setAny(told, "device", s.Device.Name)
	return told
}

func setIf(tags map[string]string, key, value string) {
	if value != "" {
		tags[key] = value
	}
}

func setAny(c map[string]any, key, value string) {
	if value != "" {
		c[key] = value
	}
}

// authenticationError reports whether an event of this kind says that somebody
// was not let in.
func authenticationError(k gatehouse.Kind) bool {
	switch k {
	case gatehouse.LoginFailed, gatehouse.LoginRefused, gatehouse.SignupFailed, gatehouse.SignupRefused,
		gatehouse.TokenRefreshFailed, gatehouse.TokenRefreshRefused, gatehouse.PasswordChangeFailed,
		gatehouse.PasswordChangeRefused, gatehouse.PasswordResetFailed, gatehouse.PasswordResetRefused,
		gatehouse.StepUpFailed, gatehouse.StepUpRefused, gatehouse.RequestRefused:
		return true
	}
	return false
}
