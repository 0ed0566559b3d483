package rules_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/rules"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata")

// Every busted_*.yaml has its exact message in a .txt of the same name.
func TestBusted(t *testing.T) {
	files, err := filepath.Glob("testdata/busted_*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			base := rules.Default()
			base.BruteForce.Enabled = false
			set, err := rules.ParseFile(file, base)
			if err == nil {
				t.Fatal("no error")
			}
			if set != base {
				t.Error("the set was changed")
			}
			got := strings.ReplaceAll(err.Error(), "testdata/", "") + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestWorking(t *testing.T) {
	tests := map[string]func(*rules.Set){
		"issue":          func(s *rules.Set) { s.BotActivity.Enabled = false },
		"empty":          func(*rules.Set) {},
		"comments_only":  func(*rules.Set) {},
		"windows_editor": func(s *rules.Set) { s.BotActivity.Enabled = false },
		"shadow": func(s *rules.Set) {
			s.BruteForce.Shadow, s.BruteForce.Limit.Threshold = true, 3
			s.BotActivity.Shadow, s.BotActivity.Enabled = true, false
			s.GeographicAnomaly.Shadow = true
		},
		"bounds": func(s *rules.Set) {
			s.BruteForce.Limit = gatehouse.Limit{Threshold: 1, Window: time.Second}
			s.BruteForce.Respond = rules.Responses{BlockIP: 365 * 24 * time.Hour}
			s.BotActivity.Limit = gatehouse.Limit{Threshold: 10_000, Window: 7 * 24 * time.Hour}
		},
		"block_style": func(s *rules.Set) {
			s.RapidSignup.Limit = gatehouse.Limit{Threshold: 20, Window: 10 * time.Minute}
			s.RapidSignup.Severity = gatehouse.Critical
			s.RapidSignup.Respond = rules.Responses{RateLimit: true, BlockIP: 30 * time.Minute}
			s.GeographicAnomaly.Respond = rules.Responses{}
			s.SuspiciousUserAgent.Respond = rules.Responses{BlockIP: 90 * time.Minute}
			s.MultipleDevices.Limit = gatehouse.Limit{Threshold: 64, Window: 7 * 24 * time.Hour}
		},
	}
	files, err := filepath.Glob("testdata/working_*.yaml")
	if err != nil || len(files) != len(tests) {
		t.Errorf("%d files for %d tests, %v", len(files), len(tests), err)
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			want := rules.Default()
			change(&want)
			got, err := rules.ParseFile("testdata/working_"+name+".yaml", rules.Default())
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestParseIsOverTheBase(t *testing.T) {
	base := rules.Default()
	base.BruteForce.Limit.Threshold = 7
	set, err := rules.Parse("x", []byte("brute_force: {window: 1m}"), base)
	if err != nil || set.BruteForce.Limit != (gatehouse.Limit{Threshold: 7, Window: time.Minute}) {
		t.Errorf("limit %+v, %v", set.BruteForce.Limit, err)
	}
	if base.BruteForce.Limit.Window != 5*time.Minute {
		t.Error("the base was changed")
	}
}

func TestParseFileErrors(t *testing.T) {
	if _, err := rules.ParseFile("testdata/none.yaml", rules.Set{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("# comment\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rules.ParseFile(large, rules.Default()); err == nil || !strings.Contains(err.Error(), "at most 1048576") {
		t.Errorf("error %v", err)
	}
}

// What is hostile costs no more than its size.
func TestParseHostile(t *testing.T) {
	const size = 1 << 17
	for name, text := range map[string]string{
		"brackets":  strings.Repeat("[", size),
		"braces":    strings.Repeat("{a: ", size/4),
		"dashes":    strings.Repeat("- ", size/2),
		"questions": strings.Repeat("? ", size/2),
		"anchors":   strings.Repeat("&a ", size/3),
		"tags":      strings.Repeat("!a ", size/3),
		"aliases":   "a: &a [x, x]\nb: &b [" + strings.Repeat("*a, ", 1000) + "]\nc: [" + strings.Repeat("*b, ", 1000) + "]",
		"staircase": staircase(1400),
		"keys":      strings.Repeat("a: 1\n", size/5),
		"a key":     strings.Repeat("k", size-10) + ": 1",
		"a value":   "brute_force: {severity: " + strings.Repeat("v", size-100) + "}",
		"a list":    "brute_force: {respond: [" + strings.Repeat("x, ", size/4) + "]}",
		"too large": strings.Repeat("#", 1<<20+1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rules.Parse("hostile.yaml", []byte(text), rules.Default())
			if err == nil {
				t.Fatal("no error")
			}
			if n := len(err.Error()); n > 10_000 {
				t.Errorf("a message of %d bytes", n)
			}
		})
	}
}

func staircase(steps int) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
