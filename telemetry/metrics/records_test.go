package metrics_test

import (
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

func record(kind gatehouse.Kind, reason string, count int) gatehouse.Record {
	return gatehouse.Record{Event: gatehouse.Event{Kind: kind, Reason: reason}, Count: count}
}

func found(rule string, kind gatehouse.Kind, s gatehouse.Severity, count int) gatehouse.Record {
	r := record(kind, "", 0)
	r.Finding = &gatehouse.Finding{Rule: rule, Kind: kind, Severity: s, Count: count}
	return r
}

func TestRecords(t *testing.T) {
	m := metrics.New(metrics.Options{})
	m.Records([]gatehouse.Record{
		record(gatehouse.LoginFailed, "wrong_password", 0),
		record(gatehouse.LoginRefused, "blocked", 0),
		record(gatehouse.LoginRefused, "blocked", 41),
		record(gatehouse.RequestRefused, "limited", 1),
		record(gatehouse.RequestRefused, "because", 2),
		record("no_such_kind", "", 0),
		found(rules.BruteForce, gatehouse.BruteForceDetected, gatehouse.High, 1),
		found(rules.BruteForce, gatehouse.BruteForceDetected, gatehouse.High, 10), // goes on
		found("own_rule", gatehouse.SuspiciousActivity, 9, 1),
	})
	block := found(rules.BruteForce, gatehouse.BruteForceDetected, gatehouse.High, 1)
	block.Kind = gatehouse.IPAddressBlocked // with the finding that caused it
	onTrial := found(rules.BruteForce, gatehouse.BruteForceDetected, gatehouse.High, 1)
	onTrial.Finding.Shadow = true
	m.Records([]gatehouse.Record{block, onTrial})
	m.Records(nil)

	s := scraped(t, m)
	events := func(value float64, kind gatehouse.Kind) {
		t.Helper()
		want(t, s, value, "gatehouse_events_total", "type", string(kind))
	}
	events(1, gatehouse.LoginFailed)
	events(42, gatehouse.LoginRefused)
	events(3, gatehouse.RequestRefused)
	events(3, gatehouse.BruteForceDetected)
	events(1, gatehouse.IPAddressBlocked)
	events(1, "other")
	for _, k := range gatehouse.Kinds() {
		if s.value("gatehouse_events_total", "type", string(k)) < 0 {
			t.Errorf("%s does not begin at zero", k)
		}
	}
	refusals := func(value float64, kind gatehouse.Kind, reason string) {
		t.Helper()
		want(t, s, value, "gatehouse_refusals_total", "type", string(kind), "reason", reason)
	}
	refusals(42, gatehouse.LoginRefused, "blocked")
	refusals(0, gatehouse.LoginRefused, "busy")
	refusals(1, gatehouse.RequestRefused, "limited")
	refusals(2, gatehouse.RequestRefused, "other")
	refusals(-1, gatehouse.LoginFailed, "other")
	want(t, s, 1, "gatehouse_findings_total", "rule", "brute_force", "severity", "high")
	want(t, s, 0, "gatehouse_findings_total", "rule", "geographic_anomaly", "severity", "high")
	want(t, s, 1, "gatehouse_findings_total", "rule", "other", "severity", "other")
}

// The rules in force say with which severity findings begin at zero.
func TestRulesInForce(t *testing.T) {
	set := rules.Default()
	set.BruteForce.Severity = gatehouse.Critical
	s := scraped(t, metrics.New(metrics.Options{Rules: set}))
	want(t, s, 0, "gatehouse_findings_total", "rule", "brute_force", "severity", "critical")
	want(t, s, -1, "gatehouse_findings_total", "rule", "brute_force", "severity", "high")
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name          string
		d             gatehouse.Decision
		verdict, rule string
	}{
		{"ordinary", gatehouse.Decision{Verdict: gatehouse.Allow}, "allow", "none"},
		{"the last one allowed", gatehouse.Decision{Verdict: gatehouse.Allow, Findings: []gatehouse.Finding{{Rule: rules.BotActivity}}}, "allow", "bot_activity"},
		{"blocked", gatehouse.Decision{Verdict: gatehouse.Blocked, Block: &gatehouse.Block{Rule: rules.BruteForce}}, "blocked", "brute_force"},
		{"blocked by a person", gatehouse.Decision{Verdict: gatehouse.Blocked, Block: &gatehouse.Block{}}, "blocked", "person"},
		{"limited", gatehouse.Decision{Verdict: gatehouse.Limited}, "limited", "none"},
		{"busy", gatehouse.Decision{Verdict: gatehouse.Busy}, "busy", "none"},
		{"no such verdict", gatehouse.Decision{Verdict: 99}, "unknown", "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := metrics.New(metrics.Options{})
			got := m.Admitter(decision(c.d)).Admit(t.Context(), gatehouse.Event{})
			if got.Verdict != c.d.Verdict || got.Block != c.d.Block || len(got.Findings) != len(c.d.Findings) {
				t.Errorf("the decision became %+v", got)
			}
			want(t, scraped(t, m), 1, "gatehouse_verdicts_total", "verdict", c.verdict, "rule", c.rule)
		})
	}
	var none httpguard.Admitter
	if metrics.New(metrics.Options{}).Admitter(none) != nil {
		t.Error("no engine became one that panics")
	}
}
