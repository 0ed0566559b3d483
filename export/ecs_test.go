package export_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

// ecsTypes are the values that ECS 8.17 allows for event.category, with the
// event types that it expects of each.
var ecsTypes = map[string][]string{
	"authentication":      {"start", "end", "info"},
	"iam":                 {"admin", "change", "creation", "deletion", "group", "info", "user"},
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
