// Package deploy_test holds what is shipped for Prometheus and Grafana to what
// package metrics really measures.
package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

const rulesFile = "prometheus/rules.yml"

// measured is what a server with everything wired in shows, after one login.
func measured(t *testing.T) (text []byte, families map[string]*dto.MetricFamily) {
	t.Helper()
	m := metrics.New(metrics.Options{})
	n := func() int { return 1 }
	if err := m.Watch(metrics.Sources{BlocksInForce: n, SpoolRecords: n, HashesInFlight: n, SentryDropped: func() uint64 { return 1 }}); err != nil {
		t.Fatal(err)
	}
	m.Windows(struct{ gatehouse.Windows }{})
	m.Blocks(struct{ gatehouse.Blocks }{})
	m.Journal(struct{ gatehouse.Journal }{})
	m.Sightings(struct{ gatehouse.Sightings }{})
	m.Alerts(struct{ gatehouse.Alerts }{})
	m.SetDegraded("windows", false)
	m.AlertSent("mail")
	m.AlertFailed("mail")
	m.CleanedUp("sessions", 1)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/auth/login", func(http.ResponseWriter, *http.Request) {})
	h := httpguard.New(nil, httpguard.Options{Around: []func(http.Handler) http.Handler{m.Around}}).Wrap(mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/api/auth/login", nil))

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err = parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, families
}

// dashboard is as much of Grafana's format as the tests look at.
type dashboard struct {
	Panels []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr, RefID string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("grafana/dashboard.json")
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// queries returns every PromQL expression of the dashboard, by panel.
func queries(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$instance", ".*")
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			found[p.Title+" "+target.RefID] = variables.Replace(target.Expr)
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %d queries found in the dashboard", len(found))
	}
	return found
}

var (
	selector = regexp.MustCompile(`\b((?:gatehouse|go|process)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
)

// attached are the labels that Prometheus adds when it scrapes.
var attached = []string{"instance", "job"}

// check reports what in an expression does not exist: a metric, a label of it,
// or a value that is compared with.
func check(t *testing.T, where, expr string, families map[string]*dto.MetricFamily) {
	t.Helper()
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		family := families[s[1]]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if family == nil {
				family = families[strings.TrimSuffix(s[1], suffix)]
			}
		}
		if family == nil {
			t.Errorf("%s: there is no metric %s", where, s[1])
			continue
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			if slices.Contains(attached, m[1]) {
				continue
			}
			values := valuesOf(family, m[1])
			switch {
			case values == nil:
				t.Errorf("%s: %s has no label %s", where, s[1], m[1])
			case m[2] == "=" && !slices.Contains(values, m[3]):
				t.Errorf("%s: %s is never %q in %s", where, m[1], m[3], s[1])
			}
		}
	}
}

func valuesOf(f *dto.MetricFamily, label string) (values []string) {
	for _, m := range f.Metric {
		for _, l := range m.Label {
			if l.GetName() == label {
				values = append(values, l.GetValue())
			}
		}
	}
	return values
}

func TestQueriesNameWhatIsMeasured(t *testing.T) {
	_, families := measured(t)
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	check(t, rulesFile, string(text), families)
	for panel, expr := range queries(t) {
		check(t, panel, expr, families)
	}
}

// Nothing is measured for nobody.
func TestDashboardShowsEverything(t *testing.T) {
	_, families := measured(t)
	all := ""
	for _, expr := range queries(t) {
		all += expr + "\n"
	}
	for name := range families {
		if strings.HasPrefix(name, "gatehouse_") && !strings.Contains(all, name) {
			t.Errorf("%s is on no panel", name)
		}
	}
}

func TestDashboardLayout(t *testing.T) {
	d := readDashboard(t)
	ids := make(map[int]bool)
	taken := make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q has the ID %d of another", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || p.Type != "row" && p.Description == "" {
			t.Errorf("panel %d %q says not what it shows", p.ID, p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("panel %q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// promtool runs Prometheus's own checker, which scripts/install-test-tools puts
// into bin where the machine has none.
func promtool(t *testing.T, stdin io.Reader, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		path, err = exec.LookPath("../bin/promtool")
	}
	if err != nil {
		t.Fatal("promtool is missing: scripts/install-test-tools, which make test runs, installs it")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = stdin
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRules(t *testing.T) {
	promtool(t, nil, "check", "rules", rulesFile)
	promtool(t, nil, "test", "rules", "prometheus/rules_test.yml")
}

// promtool knows no dashboards, so their queries are put to it as rules.
func TestDashboardQueriesAreValid(t *testing.T) {
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	n := 0
	for _, expr := range queries(t) {
		n++
		fmt.Fprintf(&b, "  - {record: panel_%d, expr: %q}\n", n, expr)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, nil, "check", "rules", path)
}

func TestMetricsAreValid(t *testing.T) {
	text, _ := measured(t)
	promtool(t, bytes.NewReader(text), "check", "metrics")
}
