package main

import (
	"bytes"
	"path/filepath"
	"testing"
)

func TestExitCodes(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"version"}, 0},
		{[]string{"--help"}, 0},
		{[]string{"nonsense"}, exitUsage},
		{[]string{"log", "--limit", "many"}, exitUsage},
		{[]string{"log", "--since", "soon"}, exitUsage},
		{[]string{"serve", "--listen", "nowhere"}, exitUsage},
		{[]string{"rules", "check", missing}, exitUsage},
		{[]string{"log", "--data", missing}, exitFailed},
	} {
		var out, err bytes.Buffer
		if got := run(t.Context(), c.args, console{out: &out, err: &err}); got != c.want {
			t.Errorf("gatehouse %v: exit code %d, want %d; %s", c.args, got, c.want, err.String())
		}
	}
}
