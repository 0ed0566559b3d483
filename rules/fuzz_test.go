package rules_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxstudio/gatehouse/rules"
)

// What Parse takes is within its bounds and can be written and read again; what
// it refuses changes nothing.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := rules.Parse("fuzz.yaml", data, rules.Default())
		if err != nil {
			if set != rules.Default() {
				t.Error("a refused file changed the set")
			}
			if n := len(err.Error()); n > 10_000 {
				t.Errorf("a message of %d bytes", n)
			}
			return
		}
		text, err := rules.Format(set)
		if err != nil {
			t.Fatalf("took what Format refuses: %v", err)
		}
		if again, err := rules.Parse("again.yaml", text, rules.Default()); err != nil || again != set {
			t.Errorf("reads differently again: %v", err)
		}
	})
}
