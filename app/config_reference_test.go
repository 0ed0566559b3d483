package app

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/rules"
)

// reference returns the table of settings as docs/configuration.md has it.
func reference() string {
	var b strings.Builder
	b.WriteString("| setting | variable | default | allowed | |\n|---|---|---|---|---|\n")
	defaults := Default()
	for _, s := range settings() {
		value := s.written(&defaults)
		if value == `""` {
			value = "none"
		} else {
			value = "`" + value + "`"
		}
		variable := "`" + s.variable() + "`"
		if s.alias != "" {
			variable += " or `" + s.alias + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.key, variable, value, strings.TrimPrefix(s.allowed, "use "), s.about)
	}
	return b.String()
}

// The reference is generated from the same table that the settings are read by,
// so that it names every key with its default, its variable and its bounds.
func TestReference(t *testing.T) {
	const file = "../docs/configuration.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := rules.Format(rules.Default())
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, string(text), "settings", reference())
	want = between(t, want, "rules", "```yaml\n"+string(shipped)+"```\n")
	if string(text) == want {
		return
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is not true to the code: run go test ./app -run Reference -update", file)
}

// between replaces what stands between the two comments of a name.
func between(t *testing.T, text, name, with string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, "<!-- "+name+" -->\n")
	_, after, found := strings.Cut(rest, "<!-- /"+name+" -->\n")
	if !ok || !found {
		t.Fatalf("the place for %s is gone", name)
	}
	return before + "<!-- " + name + " -->\n" + with + "<!-- /" + name + " -->\n" + after
}

func TestSettingsHaveWhatTheyNeed(t *testing.T) {
	defaults := Default()
	for _, s := range settings() {
		if s.about == "" || s.allowed == "" {
			t.Errorf("%s is not explained", s.key)
		}
		c := Default()
		if err := s.read(&c, s.get(&defaults)); err != nil {
			t.Errorf("%s does not take its default: %v", s.key, err)
		}
		if err := s.read(&c, "\x00"); err == nil {
			t.Errorf("%s takes anything", s.key)
		}
	}
}
