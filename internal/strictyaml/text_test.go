package strictyaml_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "90ms": 90 * time.Millisecond, "5s": 5 * time.Second, "1m": time.Minute, "1m30s": 90 * time.Second,
		"10m": 10 * time.Minute, "1h": time.Hour, "1h10m": 70 * time.Minute, "1h0m5s": time.Hour + 5*time.Second, "8760h": 8760 * time.Hour,
	} {
		if got := strictyaml.FormatDuration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64().Draw(t, "d"))
		if got, err := time.ParseDuration(strictyaml.FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%v reads as %v, %v", d, got, err)
		}
	})
}

func TestDidYouMean(t *testing.T) {
	names := []string{"threshold", "window", "enabled"}
	for word, want := range map[string]string{
		"treshold": "threshold", "THRESHOLD": "threshold", "windows": "window", "enable": "enabled",
		"colour": "", "": "", "x": "", strings.Repeat("threshold", 100): "",
	} {
		if got := strictyaml.DidYouMean(word, names); want == "" && got != ";" || want != "" && got != `; did you mean "`+want+`"?` {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestMisspelt(t *testing.T) {
	names := []string{"GATEHOUSE_LISTEN", "GATEHOUSE_DATA"}
	for word, want := range map[string]string{
		"GATEHOUSE_LISTN": "GATEHOUSE_LISTEN", "GATEHOUSE_PORT": "", "GATEHOUSE_SERVICE_HOST": "", strings.Repeat("G", 1<<20): "",
	} {
		if got := strictyaml.Misspelt(word, names); got != want {
			t.Errorf("%.40q: %q, want %q", word, got, want)
		}
	}
}

func TestManyErrors(t *testing.T) {
	doc, err := strictyaml.Parse("many.yaml", []byte("["+strings.Repeat("x, ", 100)+"x]"))
	if err != nil {
		t.Fatal(err)
	}
	items := doc.Root().Items("[]")
	for i := range items {
		items[len(items)-1-i].Errorf("mistake")
	}
	lines := strings.Split(doc.Err().Error(), "\n")
	if len(lines) != 21 || lines[0] != "many.yaml:1:2: [0]: mistake" || lines[20] != "many.yaml: and 81 more errors" {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}
