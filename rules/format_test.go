package rules_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/rules"
)

// anySet draws a set that a rule file can say.
func anySet(t *rapid.T) rules.Set {
	set := rules.Default()
	for _, r := range set.All() {
		r.Enabled = rapid.Bool().Draw(t, "enabled")
		r.Shadow = rapid.Bool().Draw(t, "shadow")
		r.Severity = gatehouse.Severity(rapid.IntRange(0, 3).Draw(t, "severity"))
		r.Respond = rules.Responses{Alert: rapid.Bool().Draw(t, "alert")}
		if rapid.Bool().Draw(t, "blocks") {
			r.Respond.BlockIP = time.Duration(rapid.Int64Range(int64(rules.MinBlock), int64(rules.MaxBlock)).Draw(t, "block"))
		}
		if r.Immediate() {
			continue
		}
		switch r.Name {
		case rules.MultipleDevices:
			r.Limit.Threshold = rapid.IntRange(2, 64).Draw(t, "threshold")
		case rules.BruteForce, rules.BotActivity, rules.RapidSignup:
			r.Respond.RateLimit = rapid.Bool().Draw(t, "rate limit")
			fallthrough
		default:
			r.Limit.Threshold = rapid.IntRange(1, rules.MaxThreshold).Draw(t, "threshold")
		}
		r.Limit.Window = time.Duration(rapid.Int64Range(int64(rules.MinWindow), int64(rules.MaxWindow)).Draw(t, "window"))
	}
	return set
}

func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := anySet(t)
		text, err := rules.Format(set)
		if err != nil {
			t.Fatal(err)
		}
		for _, base := range []rules.Set{rules.Default(), anySet(t)} {
			if got, err := rules.Parse("formatted", text, base); err != nil || got != set {
				t.Fatalf("%v\n%s\ngot  %+v\nwant %+v", err, text, got, set)
			}
		}
	})
}

func TestFormatRefusesWhatCannotBeRead(t *testing.T) {
	set := rules.Default()
	set.BruteForce.Limit.Window = time.Millisecond
	if _, err := rules.Format(set); err == nil || !strings.Contains(err.Error(), "brute_force.window") {
		t.Errorf("error %v", err)
	}
}
