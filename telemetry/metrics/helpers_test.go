package metrics_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape is what Prometheus gets over HTTP, and what it reads from that.
type scrape struct {
	text     []byte
	families map[string]*dto.MetricFamily
}

func scraped(t testing.TB, m *metrics.Metrics) scrape {
	t.Helper()
	s := httptest.NewServer(m.Handler())
	defer s.Close()
	client := s.Client()
	defer client.CloseIdleConnections()
	res, err := client.Get(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", res.StatusCode, err, text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return scrape{text, families}
}

// series counts the series of the families that are ours.
func (s scrape) series() int {
	n := 0
	for name, f := range s.families {
		if len(name) > 10 && name[:10] == "gatehouse_" {
			n += len(f.Metric)
		}
	}
	return n
}

// value returns a counter, a gauge, or how much a histogram holds, of the
// series with exactly the given labels, name and value in turn; -1 if there is
// none.
func (s scrape) value(name string, labels ...string) float64 {
	m := s.metric(name, labels...)
	switch {
	case m == nil:
		return -1
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	case m.Counter != nil:
		return m.Counter.GetValue()
	}
	return m.Gauge.GetValue()
}

func (s scrape) metric(name string, labels ...string) *dto.Metric {
	for _, m := range s.families[name].GetMetric() {
		have := make(map[string]string)
		for _, l := range m.Label {
			have[l.GetName()] = l.GetValue()
		}
		match := len(have) == len(labels)/2
		for i := 0; i < len(labels); i += 2 {
			match = match && have[labels[i]] == labels[i+1]
		}
		if match {
			return m
		}
	}
	return nil
}

func want(t *testing.T, s scrape, value float64, name string, labels ...string) {
	t.Helper()
	if got := s.value(name, labels...); got != value {
		t.Errorf("%s%q = %v, want %v", name, labels, got, value)
	}
}

// guarded serves mux as the login server does, measured by m.
func guarded(m *metrics.Metrics, engine httpguard.Admitter, mux *http.ServeMux) http.Handler {
	return httpguard.New(engine, httpguard.Options{
		Logger: discard,
		Around: []func(http.Handler) http.Handler{m.Around},
	}).Wrap(httpguard.Routes(mux))
}

// decision is an engine that always decides the same.
type decision gatehouse.Decision

func (d decision) Admit(context.Context, gatehouse.Event) gatehouse.Decision {
	return gatehouse.Decision(d)
}

// store answers every port with its fields.
type store struct {
	err   error
	found bool
	block gatehouse.Block
	tally gatehouse.Tally
	seen  []gatehouse.Sighting
	calls int
}

func (s *store) Hit(_ context.Context, _ time.Time, hits []gatehouse.Hit) error {
	s.calls++
	for i := range hits {
		hits[i].Tally = s.tally
	}
	return s.err
}

func (s *store) Reserve(_ context.Context, _ time.Time, key gatehouse.Key, limit gatehouse.Limit, _ time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	return gatehouse.Reservation{Key: key, Limit: limit, ID: 7}, s.tally, s.err
}

func (s *store) Settle(context.Context, time.Time, gatehouse.Reservation, gatehouse.Outcome) (gatehouse.Tally, error) {
	return s.tally, s.err
}

func (s *store) Forget(context.Context, ...gatehouse.Key) error { return s.err }

func (s *store) Place(_ context.Context, b gatehouse.Block) (gatehouse.Block, error) { return b, s.err }

func (s *store) Lift(context.Context, netip.Prefix, time.Time) (gatehouse.Block, error) {
	return s.block, s.err
}

func (s *store) Blocked(context.Context, netip.Addr, time.Time) (gatehouse.Block, bool, error) {
	return s.block, s.found, s.err
}

func (s *store) List(context.Context, time.Time) ([]gatehouse.Block, error) {
	return []gatehouse.Block{s.block}, s.err
}

func (s *store) See(context.Context, string, gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	return s.seen, s.err
}

func (s *store) Append(context.Context, ...gatehouse.Record) error { return s.err }

func (s *store) Alert(context.Context, gatehouse.Record) error { return s.err }
