package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxstudio/gatehouse/app"
)

const unitFile = "systemd/gatehouse.service"

// TestUnit lets systemd itself judge the unit: no mistakes, and an exposure of 1.5
// at most, of 10.
func TestUnit(t *testing.T) {
	text := read(t, unitFile)
	// What it would start need not be installed here.
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	if err := os.WriteFile(unit, []byte(strings.Replace(text, "/usr/bin/gatehouse", program, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--man=no", unit},
		{"security", "--offline=true", "--threshold=15", unit},
	} {
		out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
		if args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %v:\n%s", args, out)
		}
	}
}

func TestUnitSettings(t *testing.T) {
	var environ []string
	state := ""
	for line := range strings.Lines(read(t, unitFile)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "Environment":
			environ = append(environ, value)
		case "StateDirectory":
			state = value
		}
	}
	config, err := app.Load(app.Sources{Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	if config.Data != "/var/lib/"+state {
		t.Errorf("the data is in %s, but only %s can be written to", config.Data, "/var/lib/"+state)
	}
}
