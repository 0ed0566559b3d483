package export_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

// Every record of every kind, however little or strange it holds, is an event
// that the schema accepts, with nothing in it that the table does not name.
func TestOCSFKeepsTheSchema(t *testing.T) {
	classes := make(map[int]export.Class)
	for _, c := range export.Classes() {
		classes[c.UID] = c
	}
	seen := make(map[string]bool)
	for _, kind := range kinds() {
		for name, r := range samples(kind) {
			t.Run(fmt.Sprintf("%.30q/%s", kind, name), func(t *testing.T) {
				e := decoded(t, r, export.OCSF)
				uid := int(number(e["class_uid"]))
				class, ok := classes[uid]
				if !ok {
					t.Fatalf("class_uid %v is not in the table", e["class_uid"])
				}
				for _, problem := range check(class, e, seen) {
					t.Error(problem)
				}
				if got, want := number(e["type_uid"]), float64(uid*100)+number(e["activity_id"]); got != want {
					t.Errorf("type_uid %v, want %v", got, want)
				}
			})
		}
	}
	for _, c := range classes {
		for _, a := range c.Attributes {
			// Filled only for the responder, or only in a release.
			if key := c.Name + " " + a.Name; !seen[key] && !strings.HasSuffix(a.Name, "svc_name") && a.Name != "metadata.product.version" &&
				!strings.HasPrefix(a.Name, "unmapped.") && !strings.HasPrefix(a.Name, "dst_endpoint.") {
				t.Errorf("no sample has %s", key)
			}
		}
	}
}

// check returns what is wrong with an event by the table of its class.
func check(c export.Class, e map[string]any, seen map[string]bool) (problems []string) {
	attributes := make(map[string]export.Attribute)
	for _, a := range c.Attributes {
		attributes[a.Name] = a
	}
	var walk func(prefix string, object map[string]any)
	walk = func(prefix string, object map[string]any) {
		for name, value := range object {
			path := prefix + name
			a, known := attributes[path]
			if !known {
				problems = append(problems, path+" is not in the table")
				continue
			}
			seen[c.Name+" "+path] = true
			if p := mistyped(a, value); p != "" {
				problems = append(problems, path+p)
			}
			switch v := value.(type) {
			case map[string]any:
				if a.Type == "object" {
					walk(path+".", v)
				}
			case []any:
				for _, item := range v {
					if o, ok := item.(map[string]any); ok && a.Type == "list" {
						walk(path+"[].", o)
					}
				}
			}
		}
		for path, a := range attributes {
			if name, here := within(prefix, path); here && a.Requirement == export.Required && object[name] == nil {
				problems = append(problems, path+" is required and missing")
			}
		}
		for _, group := range c.AtLeastOne {
			found, here := false, false
			for _, path := range group {
				if name, ok := within(prefix, path); ok {
					here, found = true, found || object[name] != nil
				}
			}
			if here && !found {
				problems = append(problems, fmt.Sprintf("none of %v is there", group))
			}
		}
	}
	walk("", e)
	return problems
}

// within reports whether path is directly below prefix, and its name there.
func within(prefix, path string) (string, bool) {
	name, ok := strings.CutPrefix(path, prefix)
	return name, ok && !strings.ContainsAny(name, ".[")
}

func mistyped(a export.Attribute, value any) string {
	n, isNumber := value.(float64)
	s, isString := value.(string)
	ok := false
	switch a.Type {
	case "integer", "long", "timestamp":
		ok = isNumber && n == math.Trunc(n)
	case "number":
		ok = isNumber
	case "string":
		ok = isString && s != ""
	case "boolean":
		_, ok = value.(bool)
	case "object", "json":
		_, ok = value.(map[string]any)
	case "list", "strings":
		list, isList := value.([]any)
		ok = isList && len(list) > 0
	}
	switch {
	case !ok:
		return fmt.Sprintf(" is no %s: %v", a.Type, value)
	case a.Enum != nil && a.Enum[int(n)] == "":
		return fmt.Sprintf(" is none of its enum: %v", value)
	}
	return ""
}

// Identifiers and their captions say the same.
func TestOCSFCaptions(t *testing.T) {
	pairs := map[string]string{
		"class_uid": "class_name", "category_uid": "category_name", "activity_id": "activity_name", "type_uid": "type_name",
		"severity_id": "severity", "status_id": "status", "action_id": "action", "disposition_id": "disposition", "logon_type_id": "logon_type",
	}
	for _, class := range export.Classes() {
		for _, kind := range class.Kinds {
			e := decoded(t, typical(kind), export.OCSF)
			for _, a := range class.Attributes {
				caption, ok := pairs[a.Name]
				if !ok || e[a.Name] == nil || number(e[a.Name]) == 99 && a.Name != "type_uid" {
					continue
				}
				if want := a.Enum[int(number(e[a.Name]))]; e[caption] != want {
					t.Errorf("%s: %s is %v, want %q", kind, caption, e[caption], want)
				}
			}
		}
	}
}

// What the issue and the schema say of single kinds.
func TestOCSFMapping(t *testing.T) {
	for kind, want := range map[gatehouse.Kind][3]float64{ // type_uid, status_id, action_id
		gatehouse.LoginSucceeded:       {300201, 1, 0},
		gatehouse.LoginFailed:          {300201, 2, 0},
		gatehouse.LoginRefused:         {300201, 2, 2},
		gatehouse.LoggedOut:            {300202, 1, 0},
		gatehouse.DeviceEnded:          {300202, 1, 0},
		gatehouse.SessionEnded:         {300202, 1, 0},
		gatehouse.StepUpSucceeded:      {300299, 1, 0},
		gatehouse.StepUpFailed:         {300299, 2, 0},
		gatehouse.StepUpRefused:        {300299, 2, 2},
		gatehouse.AccountLocked:        {300109, 1, 0},
		gatehouse.AccountUnlocked:      {300112, 1, 0},
		gatehouse.RoleChanged:          {300199, 1, 0},
		gatehouse.RuleModeChanged:      {300403, 1, 0},
		gatehouse.AllowListExtended:    {300403, 1, 0},
		gatehouse.LogExported:          {300402, 1, 0},
		gatehouse.TokenRefreshed:       {300299, 1, 0},
		gatehouse.SignupSucceeded:      {300101, 1, 0},
		gatehouse.SignupFailed:         {300101, 2, 0},
		gatehouse.PasswordChanged:      {300103, 1, 0},
		gatehouse.RequestRefused:       {400203, 2, 2},
		gatehouse.TokenReused:          {200401, 1, 0},
		gatehouse.BruteForceDetected:   {200401, 1, 2},
		gatehouse.SuspiciousActivity:   {200401, 1, 2},
		gatehouse.IPAddressBlocked:     {200402, 1, 2},
		gatehouse.IPAddressUnblocked:   {200403, 4, 1},
		"somebody_elses_kind":          {99, 0, 0},
		gatehouse.PasswordChangeFailed: {300103, 2, 0},
	} {
		e := decoded(t, typical(kind), export.OCSF)
		if got := [3]float64{number(e["type_uid"]), number(e["status_id"]), number(e["action_id"])}; got != want {
			t.Errorf("%s is %v, want %v", kind, got, want)
		}
	}
}

// No kind that Gatehouse has is left to the fallback.
func TestEveryKindHasAClass(t *testing.T) {
	for _, c := range export.Classes() {
		if c.UID == 0 && len(c.Kinds) > 0 {
			t.Errorf("no class for %v", c.Kinds)
		}
	}
}

// One attack is one finding: what goes on updates it.
func TestOCSFFindingLife(t *testing.T) {
	again := typical(gatehouse.BruteForceDetected)
	f := *again.Finding
	f.Count = 4
	again.Finding = &f
	byHand := typical(gatehouse.IPAddressBlocked)
	b := *byHand.Block
	b.Finding, b.Rule, b.By = "", "", "bob"
	byHand.Block = &b
	for _, c := range []struct {
		name     string
		r        gatehouse.Record
		activity float64
		uid      string
		alert    any
	}{
		{"first", typical(gatehouse.BruteForceDetected), 1, "f-1", true},
		{"again", again, 2, "f-1", nil},
		{"blocked", typical(gatehouse.IPAddressBlocked), 2, "f-1", nil},
		{"unblocked", typical(gatehouse.IPAddressUnblocked), 3, "f-1", nil},
		{"blocked by hand", byHand, 1, "b-1", nil},
	} {
		e := decoded(t, c.r, export.OCSF)
		uid := e["finding_info"].(map[string]any)["uid"]
		if e["activity_id"] != c.activity || uid != c.uid || e["is_alert"] != c.alert {
			t.Errorf("%s: activity %v, uid %v, alert %v", c.name, e["activity_id"], uid, e["is_alert"])
		}
	}
}

// Nobody can type their way out of a line, in either format.
func TestHostileText(t *testing.T) {
	for name, format := range map[string]export.Format{"ocsf": export.OCSF, "ecs": export.ECS} {
		for _, kind := range kinds() {
			line, err := format(samples(kind)["hostile"])
			if err != nil {
				t.Fatalf("%s %.20q: %v", name, kind, err)
			}
			if len(line) > 512<<10 || !utf8.Valid(line) || !json.Valid(line) {
				t.Fatalf("%s %.20q: %d bytes, or not well-formed: %.300q", name, kind, len(line), line)
			}
			var walk func(v any)
			walk = func(v any) {
				switch v := v.(type) {
				case string:
					if i := strings.IndexFunc(v, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsGraphic(r) && r != utf8.RuneError }); i >= 0 {
						t.Fatalf("%s %.20q: %q", name, kind, v[i:min(i+20, len(v))])
					}
				case map[string]any:
					if v["forged"] != nil {
						t.Fatalf("%s: forged", name)
					}
					for _, v := range v {
						walk(v)
					}
				case []any:
					for _, v := range v {
						walk(v)
					}
				}
			}
			var v any
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatal(err)
			}
			walk(v)
		}
	}
}

func decoded(t *testing.T, r gatehouse.Record, format export.Format) (e map[string]any) {
	t.Helper()
	line, err := format(r)
	if err == nil {
		err = json.Unmarshal(line, &e)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return e
}

func number(v any) float64 {
	n, _ := v.(float64)
	return n
}

// at looks a dotted path up.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}
