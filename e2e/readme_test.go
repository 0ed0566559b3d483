package e2e_test

import (
	"os"
	"strings"
	"testing"
)

// The embedding that the README shows is the Example that is compiled and run.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```go\n")
	shown, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README shows no Go")
	}
	if !strings.Contains(unindented(string(example)), unindented(shown)) {
		t.Errorf("the README shows other code than example_test.go:\n%s", shown)
	}
	if n := strings.Count(shown, "\n"); n >= 20 {
		t.Errorf("the README's embedding has %d lines", n)
	}
}

func unindented(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}
