package export_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/export"
)

var update = flag.Bool("update", false, "rewrite the golden files and the tables in docs/export.md")

// What is exported is a contract with those who read it.
func TestGolden(t *testing.T) {
	for name, format := range map[string]export.Format{"ocsf": export.OCSF, "ecs": export.ECS} {
		var got bytes.Buffer
		for _, kind := range append(gatehouse.Kinds(), "somebody_elses_kind") {
			line, err := format(typical(kind))
			if err != nil {
				t.Fatal(err)
			}
			got.Write(append(line, '\n'))
		}
		same(t, filepath.Join("testdata", name+".jsonl"), got.Bytes())
	}
}

// The tables in the documentation are those of the package.
func TestDocumentedTables(t *testing.T) {
	const path = "../docs/export.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for mark, table := range map[string]string{"kinds": kindTable(t), "attributes": attributeTable(), "ecs": ecsTable(t)} {
		begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->"
		head, rest, ok := strings.Cut(string(text), begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the table of %s", path, mark)
		}
		text = []byte(head + begin + table + end + tail)
	}
	same(t, path, text)
}

func kindTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| type | class | activity | status |\n|---|---|---|---|\n")
	for _, c := range export.Classes() {
		for _, kind := range c.Kinds {
			e := decoded(t, typical(kind), export.OCSF)
			fmt.Fprintf(&b, "| `%s` | %s %d | %v %v | %v %v |\n", kind, c.Name, c.UID, e["activity_id"], e["activity_name"], e["status_id"], e["status"])
		}
	}
	return b.String()
}

func attributeTable() string {
	var b strings.Builder
	for _, c := range export.Classes() {
		fmt.Fprintf(&b, "### %s (%d)\n\nOCSF %s, category %s (%d).\n\n| attribute | | type | allowed | from |\n|---|---|---|---|---|\n", c.Name, c.UID, export.OCSFVersion, c.Category, c.CategoryUID)
		for _, a := range c.Attributes {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", a.Name, a.Requirement, a.Type, enumText(a.Enum), a.From)
		}
		b.WriteString("\nAt least one of each, where the object that holds it is there:\n\n")
		for _, group := range c.AtLeastOne {
			b.WriteString("- `" + strings.Join(group, "`, `") + "`\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func enumText(e export.Enum) string {
	var parts []string
	for i := range 500_000 {
		if caption, ok := e[i]; ok {
			parts = append(parts, fmt.Sprintf("%d %s", i, caption))
		}
		if len(parts) == len(e) {
			break
		}
	}
	return strings.Join(parts, ", ")
}

func ecsTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| type | kind | category | type | outcome |\n|---|---|---|---|---|\n")
	for _, kind := range gatehouse.Kinds() {
		e := decoded(t, typical(kind), export.ECS)["event"].(map[string]any)
		outcome := e["outcome"]
		if outcome == nil {
			outcome = ""
		}
		fmt.Fprintf(&b, "| `%s` | %v | %s | %s | %v |\n", kind, e["kind"], words(e["category"]), words(e["type"]), outcome)
	}
	return b.String()
}

func words(v any) string { return strings.Trim(fmt.Sprint(v), "[]") }

// same compares what is in a file, or puts it there.
func same(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the package gives; see the difference after go test ./export -run 'Golden|Documented' -update", path)
	}
}
