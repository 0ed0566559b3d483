package e2e_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// ingest stands where Sentry would and keeps what it is sent.
type ingest struct {
	*httptest.Server
	mu   sync.Mutex
	seen bytes.Buffer
	more chan struct{}
}

func newIngest(t *testing.T) *ingest {
	i := &ingest{more: make(chan struct{}, 1)}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		i.mu.Lock()
		i.seen.Write(text)
		i.mu.Unlock()
		select {
		case i.more <- struct{}{}:
		default:
		}
		io.WriteString(w, "{}")
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *ingest) dsn() string { return strings.Replace(i.URL, "http://", "http://public@", 1) + "/1" }

func (i *ingest) text() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.seen.String()
}

// wait waits until what was sent contains a text.
func (i *ingest) wait(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(time.Minute) // as MISSION allows
	for !strings.Contains(i.text(), text) {
		select {
		case <-i.more:
		case <-timeout:
			t.Fatalf("Sentry was not sent %q within a minute", text)
		}
	}
}

// One ID joins the answer, the records, the alert, the exported line and the
// Sentry event of one request.
func TestOneCorrelationIDEverywhere(t *testing.T) {
	sentry := newIngest(t)
	exported := filepath.Join(t.TempDir(), "ocsf.jsonl")
	s := start(t, cheapHash+proxied+fmt.Sprintf("sentry: {dsn: %q}\nexport: {target: %q}\n", sentry.dsn(), "file:"+exported))
	var id string
	for range 5 {
		id = s.login("ada@example.com", "wrong", "192.0.2.1").header.Get("X-Correlation-ID")
	}
	sentry.wait(t, id)
	kinds := make(map[gatehouse.Kind]bool)
	for _, r := range s.log("--correlation", id) {
		kinds[r.Kind] = true
	}
	for _, kind := range []gatehouse.Kind{gatehouse.LoginFailed, gatehouse.BruteForceDetected, gatehouse.IPAddressBlocked} {
		if !kinds[kind] {
			t.Errorf("no record of %s has it", kind)
		}
	}
	s.stop(syscall.SIGTERM) // and what is pending is written
	if !strings.Contains(s.stderr.String(), "alert: brute_force_detected") || !strings.Contains(s.stderr.String(), id) {
		t.Error("the alert does not have it")
	}
	lines, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	findings := 0
	for line := range strings.Lines(string(lines)) {
		var e struct {
			Class    int `json:"class_uid"`
			Metadata struct {
				Version     string `json:"version"`
				Correlation string `json:"correlation_uid"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Metadata.Version == "" {
			t.Fatalf("%v: %.200s", err, line)
		}
		if e.Class == 2004 && e.Metadata.Correlation == id {
			findings++
		}
	}
	if findings == 0 {
		t.Error("no exported finding has it")
	}
	if !strings.Contains(sentry.text(), `"brute_force"`) {
		t.Error("Sentry was not told the rule")
	}
}

// What was measured is there to be scraped, and profiles are on the admin
// listener only.
func TestMetricsAndProfiles(t *testing.T) {
	s := start(t, cheapHash+proxied)
	for range 6 {
		s.login("ada@example.com", "wrong", "192.0.2.1")
	}
	get := func(url string) (int, string) {
		t.Helper()
		resp, err := s.client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	_, text := get(s.admin + "/metrics")
	for _, want := range []string{
		`gatehouse_events_total{type="login_failed"} 5`,
		`gatehouse_findings_total{rule="brute_force",severity="high"} 1`,
		`gatehouse_blocks_in_force 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if status, _ := get(s.admin + "/debug/pprof/heap"); status != http.StatusOK {
		t.Errorf("a profile on the admin listener: %d", status)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/control/blocks"} {
		if status, _ := get(s.url + path); status != http.StatusNotFound {
			t.Errorf("%s in public: %d", path, status)
		}
	}
}

// Without monitoring and detection the login server runs on, and says in one
// line that nothing goes to Sentry.
func TestSwitchedOff(t *testing.T) {
	s := start(t, cheapHash+"monitoring: {enabled: false}\ndetection: {enabled: false}\n")
	s.signup("ada@example.com")
	for range 8 {
		if a := s.login("ada@example.com", "wrong", ""); a.status != http.StatusUnauthorized {
			t.Fatalf("a wrong login without detection: %d", a.status)
		}
	}
	s.login("ada@example.com", password, "").tokens(t)
	if n := s.count(gatehouse.LoginFailed); n != 8 {
		t.Errorf("%d failures on record, want 8", n)
	}
	if out, code := s.command("blocks", "add", "127.0.0.1"); code != 0 {
		t.Fatalf("blocks add: %d %s", code, out)
	}
	if a := s.login("ada@example.com", password, ""); a.status != http.StatusTooManyRequests {
		t.Errorf("a block by hand does not hold: %d", a.status)
	}
	if resp, err := s.client.Get(s.admin + "/metrics"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("metrics although they are off: %v %v", resp, err)
	}

	silent := start(t, cheapHash)
	if n := strings.Count(silent.stderr.String(), "Sentry"); n != 1 {
		t.Errorf("%d lines about Sentry without a DSN, want one:\n%s", n, silent.stderr.String())
	}
}
