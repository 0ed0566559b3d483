package deploy_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/fluxstudio/gatehouse/app"
)

// instructions returns the Dockerfile's, by name, continued lines joined.
func instructions(t *testing.T) map[string][]string {
	t.Helper()
	text := strings.ReplaceAll(read(t, "../Dockerfile"), "\\\n", " ")
	found := map[string][]string{}
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && name != "#" {
			found[name] = append(found[name], strings.Join(strings.Fields(rest), " "))
		}
	}
	return found
}

func TestImage(t *testing.T) {
	in := instructions(t)
	if from := in["FROM"]; len(from) == 0 || from[len(from)-1] != "scratch" {
		t.Errorf("FROM %v", from)
	}
	// Kubernetes can tell that a number is not root, but not a name.
	if user := in["USER"]; len(user) != 1 || !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user[0]) {
		t.Errorf("USER %v", user)
	}
	if build := strings.Join(in["RUN"], "\n"); !strings.Contains(build, "CGO_ENABLED=0 go build") {
		t.Errorf("the binary is not static: %s", build)
	}
	config, err := app.Load(app.Sources{Environ: strings.Fields(in["ENV"][0])})
	if err != nil {
		t.Fatal(err)
	}
	if volume := in["VOLUME"]; len(volume) != 1 || volume[0] != config.Data {
		t.Errorf("VOLUME %v, but the data is in %s", volume, config.Data)
	}
	if expose := in["EXPOSE"]; len(expose) != 1 || config.Listen != ":"+expose[0] {
		t.Errorf("EXPOSE %v, but it listens at %s", expose, config.Listen)
	}
	if !strings.HasPrefix(config.AdminListen, "127.0.0.1:") {
		t.Errorf("the admin listener is open at %s", config.AdminListen)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if args := in["ARG"]; !slices.Contains(args, "GO_VERSION="+version) {
		t.Errorf("ARG %v, but go.mod wants Go %s", args, version)
	}
}

// compose is as much of the format as the tests look at.
type compose struct {
	Services map[string]struct {
		Environment map[string]string
		Ports       []string
		Networks    []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
		CapDrop     []string `yaml:"cap_drop"`
		ReadOnly    bool     `yaml:"read_only"`
	}
	Networks map[string]struct{ Internal bool }
}

func TestCompose(t *testing.T) {
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "../compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(c.Services)); !slices.Equal(got, []string{"gatehouse", "postgres", "redis"}) {
		t.Fatalf("services %v", got)
	}
	if !c.Networks["back"].Internal {
		t.Error("the databases' network leads outside")
	}
	for name, s := range c.Services {
		for _, port := range s.Ports {
			if name != "gatehouse" || !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s is open at %s", name, port)
			}
		}
		for variable, value := range s.Environment {
			if strings.Contains(variable, "PASSWORD") && !strings.HasPrefix(value, "${POSTGRES_PASSWORD:?") {
				t.Errorf("%s: %s is not left to the operator: %s", name, variable, value)
			}
		}
		if name == "gatehouse" {
			continue // its image has the check
		}
		if len(s.Healthcheck.Test) == 0 || !slices.Equal(s.Networks, []string{"back"}) {
			t.Errorf("%s: health check %v, networks %v", name, s.Healthcheck.Test, s.Networks)
		}
		if got := c.Services["gatehouse"].DependsOn[name].Condition; got != "service_healthy" {
			t.Errorf("gatehouse does not wait for %s: %q", name, got)
		}
	}
	ours := c.Services["gatehouse"]
	if !ours.ReadOnly || !slices.Equal(ours.CapDrop, []string{"ALL"}) {
		t.Errorf("read_only %v, cap_drop %v", ours.ReadOnly, ours.CapDrop)
	}
}

// The variables are settings of Gatehouse, with values that it takes.
func TestComposeSettings(t *testing.T) {
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "../compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	known := knownVariables(t)
	var environ []string
	substitute := regexp.MustCompile(`\$\{\w+:([?-])([^}]*)\}`)
	for name, value := range c.Services["gatehouse"].Environment {
		if !known[name] {
			t.Errorf("%s is no setting", name)
		}
		value = substitute.ReplaceAllStringFunc(value, func(s string) string {
			if m := substitute.FindStringSubmatch(s); m[1] == "-" {
				return m[2]
			}
			return "chosen"
		})
		environ = append(environ, name+"="+value)
	}
	config, err := app.Load(app.Sources{Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(config.Postgres.URL, "postgres://gatehouse:chosen@postgres:5432/gatehouse") || config.Redis.URL != "redis://redis:6379" {
		t.Errorf("PostgreSQL at %s, Redis at %s", config.Postgres.URL, config.Redis.URL)
	}
}

// knownVariables are those that the reference of the settings has.
func knownVariables(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, name := range regexp.MustCompile("`([A-Z][A-Z_]+)`").FindAllStringSubmatch(read(t, "../docs/configuration.md"), -1) {
		known[name[1]] = true
	}
	return known
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
