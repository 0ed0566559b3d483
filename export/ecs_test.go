package export_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

// ecsTypes are the values that ECS 8.17 allows for event.category, with the
// event types that it expects of each.
var ecsTypes = map[string][]string{
	"authentication":      {"start", "end", "info"},
	"iam":                 {"admin", "change", "creation", "deletion", "group", "info", "user"},
	"configuration":       {"access", "change", "creation", "deletion", "info"},
	"database":            {"access", "change", "error", "info"},
	"intrusion_detection": {"allowed", "denied", "info"},
	"session":             {"start", "end", "info"},
	"web":                 {"access", "error", "info"},
}

func TestECS(t *testing.T) {
	for _, kind := range kinds() {
		for name, r := range samples(kind) {
			t.Run(fmt.Sprintf("%.30q/%s", kind, name), func(t *testing.T) {
				d := decoded(t, r, export.ECS)
				if v := d["ecs"].(map[string]any)["version"]; v != export.ECSVersion {
					t.Errorf("ecs.version %v", v)
				}
				if d["@timestamp"] == nil || d["message"] == "" {
					t.Error("no @timestamp or no message")
				}
				e := d["event"].(map[string]any)
				if k := e["kind"]; k != "event" && k != "alert" {
					t.Errorf("event.kind %v", k)
				}
				if o := e["outcome"]; o != nil && o != "success" && o != "failure" {
					t.Errorf("event.outcome %v", o)
				}
				var allowed []string
				categories, _ := e["category"].([]any)
				for _, c := range categories {
					if ecsTypes[c.(string)] == nil {
						t.Errorf("event.category %v", c)
					}
					allowed = append(allowed, ecsTypes[c.(string)]...)
				}
				types, _ := e["type"].([]any)
				for _, v := range types {
					if !slices.Contains(allowed, v.(string)) {
						t.Errorf("event.type %v is not expected of %v", v, categories)
					}
				}
				if slices.Contains(gatehouse.Kinds(), kind) && (len(categories) == 0 || len(types) == 0) {
					t.Error("not categorised")
				}
			})
		}
	}
}

// Where Elastic looks for things.
func TestECSFields(t *testing.T) {
	d := decoded(t, typical(gatehouse.BruteForceDetected), export.ECS)
	for path, want := range map[string]any{
		"user.id": "u-1", "user.name": "alice@example.com", "source.ip": "192.0.2.1", "source.geo.country_iso_code": "DE",
		"user_agent.original": "curl/8.5", "rule.name": "brute_force", "http.request.id": "c0ffee", "labels.correlation_id": "c0ffee",
		"http.request.method": "POST", "url.path": "/api/auth/login", "event.severity": 4.0, "event.kind": "alert",
		"event.action": "brute_force_detected", "gatehouse.finding_id": "f-1", "gatehouse.receipt.threshold": 5.0,
	} {
		if got := at(d, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// Where an operator acted, the user is the operator, and the subject their target.
func TestOperatorsAreActors(t *testing.T) {
	locked := typical(gatehouse.AccountLocked)
	for path, want := range map[string]any{
		"user.name": "bob@example.com", "user.email": "bob@example.com", "user.id": nil,
		"user.target.name": "alice@example.com", "user.target.id": "u-1",
	} {
		if got := at(decoded(t, locked, export.ECS), path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]any{
		"actor.user.name": "bob@example.com", "actor.user.type": "Admin", "user.name": "alice@example.com", "user.type": "User",
		"message": "Account locked for alice@example.com by bob@example.com from 192.0.2.1 (a stolen phone)",
	} {
		if got := at(decoded(t, locked, export.OCSF), path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	byHand := typical(gatehouse.IPAddressUnblocked)
	byHand.Actor = "bob@example.com"
	if got := at(decoded(t, byHand, export.OCSF), "unmapped.actor"); got != "bob@example.com" {
		t.Errorf("a block was lifted by %v", got)
	}
	d := decoded(t, byHand, export.ECS)
	if got := at(d, "user.name"); got != "alice@example.com" || !strings.Contains(fmt.Sprint(at(d, "related.user")), "bob@") {
		t.Errorf("a block was lifted from the address of %v; related: %v", got, at(d, "related"))
	}
	// The address of a network that is allowed is not where the operator was.
	allowed := typical(gatehouse.AllowListExtended)
	if e := decoded(t, allowed, export.OCSF); e["src_endpoint"] != nil || e["message"] != "Allow list extended by bob@example.com (too many alarms)" {
		t.Errorf("OCSF: %v", e)
	}
	if d := decoded(t, allowed, export.ECS); d["source"] != nil || !strings.Contains(fmt.Sprint(at(d, "related.ip")), "192.0.2.1") {
		t.Errorf("ECS: %v", d)
	}
}

// What a rule finds in the shadow is a finding, and nothing to alert on.
func TestShadowIsNoAlert(t *testing.T) {
	r := typical(gatehouse.BruteForceDetected)
	f := *r.Finding
	f.Shadow, f.Actions = true, []gatehouse.Action{{Response: "log"}}
	r.Finding = &f
	ecs, ocsf := decoded(t, r, export.ECS), decoded(t, r, export.OCSF)
	if kind, shadow := at(ecs, "event.kind"), at(ecs, "gatehouse.receipt.shadow"); kind != "event" || shadow != true {
		t.Errorf("ECS: %v, in the shadow: %v", kind, shadow)
	}
	if ocsf["is_alert"] != nil || ocsf["disposition"] != "Logged" || ocsf["activity_name"] != "Create" {
		t.Errorf("OCSF: %v", ocsf)
	}
}
