package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
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

func TestErrorsHaveTheirExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("no room on the disk"), exitFailed},
		{usageError{errors.New("nonsense")}, exitUsage},
		{fmt.Errorf("block: %w", guard.ErrInvalidBlock), exitUsage},
		{fmt.Errorf("block: %w", gatehouse.ErrNotFound), exitNotFound},
	} {
		if got := report(console{err: new(bytes.Buffer)}, c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}
