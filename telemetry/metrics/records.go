package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// records counts what is written to the security log.
type records struct {
	events   map[gatehouse.Kind]prometheus.Counter // "" counts unknown kinds
	refusals map[refusal]prometheus.Counter
	findings *prometheus.CounterVec
	rules    map[string]string // the names of the rules, as labels
}

type refusal struct {
	kind   gatehouse.Kind
	reason string
}

// refusalKinds are the kinds of events that say no.
var refusalKinds = [...]gatehouse.Kind{
	gatehouse.LoginRefused, gatehouse.SignupRefused, gatehouse.TokenRefreshRefused,
	gatehouse.PasswordChangeRefused, gatehouse.PasswordResetRefused, gatehouse.StepUpRefused, gatehouse.RequestRefused,
}

// refusalReasons are the verdicts that say no, as records spell them.
var refusalReasons = [...]string{
	gatehouse.Blocked.String(), gatehouse.Limited.String(), gatehouse.Busy.String(), label.Other,
}

// newRecords begins every series at zero, so that the first occurrence is an
// increase.
func newRecords(r prometheus.Registerer, set rules.Set) records {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_events_total",
		Help: "Events in the security log, findings and blocks included, by type.",
	}, []string{"type"})
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_refusals_total",
		Help: "Requests and attempts refused, by what was asked and why; summed-up storms count in full.",
	}, []string{"type", "reason"})
	findings := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_findings_total",
		Help: "Attacks that rules in force, not in the shadow, have found, by rule and severity; an attack that goes on counts once.",
	}, []string{"rule", "severity"})
	r.MustRegister(events, refusals, findings)

	c := records{
		events:   map[gatehouse.Kind]prometheus.Counter{"": events.WithLabelValues(label.Other)},
		refusals: make(map[refusal]prometheus.Counter),
		findings: findings,
		rules:    ruleNames(set),
	}
	for _, k := range gatehouse.Kinds() {
		c.events[k] = events.WithLabelValues(string(k))
	}
	for _, k := range refusalKinds {
		for _, reason := range refusalReasons {
			c.refusals[refusal{k, reason}] = refusals.WithLabelValues(string(k), reason)
		}
	}
	for _, rule := range set.All() {
		findings.WithLabelValues(rule.Name, severity(rule.Severity))
	}
	return c
}

func ruleNames(set rules.Set) map[string]string {
	names := make(map[string]string)
	for _, rule := range set.All() {
		names[rule.Name] = rule.Name
	}
	return names
}

func severity(s gatehouse.Severity) string {
	if s > gatehouse.Critical {
		return label.Other
	}
	return s.String()
}

// Records counts records once they are durable: events by type, refusals by
// reason, findings by rule and severity, but for those of rules in the shadow,
// which are nothing to alert on. It is an observer for the wiring and
// does not wait.
func (m *Metrics) Records(rs []gatehouse.Record) {
	c := &m.records
	for i := range rs {
		r := &rs[i]
		event, ok := c.events[r.Kind]
		if !ok {
			event = c.events[""]
		}
		stands := float64(max(r.Count, 1))
		event.Add(stands)
		c.refused(r, stands)
		if f := r.Finding; f != nil && f.Count <= 1 && f.Kind == r.Kind && !f.Shadow {
			c.findings.WithLabelValues(orOther(c.rules, f.Rule), severity(f.Severity)).Inc()
		}
	}
}

func (c *records) refused(r *gatehouse.Record, stands float64) {
	n, ok := c.refusals[refusal{r.Kind, r.Reason}]
	if !ok {
		n, ok = c.refusals[refusal{r.Kind, label.Other}]
	}
	if ok {
		n.Add(stands)
	}
}

func orOther(known map[string]string, name string) string {
	if n, ok := known[name]; ok {
		return n
	}
	return label.Other
}

// verdicts counts what is decided about requests before work is done for them.
type verdicts struct {
	counted *prometheus.CounterVec
	allowed prometheus.Counter // the one that is hit on every request
	rules   map[string]string
}

// The values of the label rule that are no rule.
const (
	noRule   = "none"   // no rule had a part in it, or it is not known which
	byPerson = "person" // a person placed the block
)

func newVerdicts(r prometheus.Registerer, set rules.Set) verdicts {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_verdicts_total",
		Help: "Decisions about requests before work is done for them, by outcome and the rule behind it.",
	}, []string{"verdict", "rule"})
	r.MustRegister(counted)
	v := verdicts{counted: counted, rules: ruleNames(set)}
	v.allowed = counted.WithLabelValues(gatehouse.Allow.String(), noRule)
	for _, verdict := range []gatehouse.Verdict{gatehouse.Blocked, gatehouse.Limited, gatehouse.Busy} {
		counted.WithLabelValues(verdict.String(), noRule)
	}
	return v
}

// Admitter counts the decisions of next by outcome and rule. It is nil if next
// is.
func (m *Metrics) Admitter(next httpguard.Admitter) httpguard.Admitter {
	if next == nil {
		return nil
	}
	return admitter{next, &m.verdicts}
}

type admitter struct {
	next httpguard.Admitter
	v    *verdicts
}

func (a admitter) Admit(ctx context.Context, e gatehouse.Event) gatehouse.Decision {
	d := a.next.Admit(ctx, e)
	if d.Verdict == gatehouse.Allow && len(d.Findings) == 0 {
		a.v.allowed.Inc()
		return d
	}
	rule := noRule
	switch {
	case d.Block != nil && d.Block.Rule == "":
		rule = byPerson
	case d.Block != nil:
		rule = orOther(a.v.rules, d.Block.Rule)
	case len(d.Findings) > 0:
		rule = orOther(a.v.rules, d.Findings[0].Rule)
	}
	a.v.counted.WithLabelValues(d.Verdict.String(), rule).Inc()
	return d
}
