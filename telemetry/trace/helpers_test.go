package trace_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// receiver is an OTLP collector over HTTP.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	raw      []byte // all that came, unpacked
	resource map[string]string
	spans    []*otlp.Span
}

func newReceiver(t testing.TB) *receiver {
	c := new(receiver)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		var q collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &q)
		}
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests = append(c.requests, r)
		c.raw = append(c.raw, body...)
		for _, resource := range q.ResourceSpans {
			c.resource = make(map[string]string)
			for _, a := range resource.Resource.Attributes {
				c.resource[a.Key] = a.Value.GetStringValue()
			}
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// attribute returns an attribute of a span as text, and whether it is there.
func attribute(s *otlp.Span, key string) (string, bool) {
	for _, a := range s.Attributes {
		if a.Key == key {
			return strings.Trim(strings.SplitN(a.Value.String(), ":", 2)[1], `"`), true
		}
	}
	return "", false
}

func wantAttributes(t *testing.T, s *otlp.Span, want map[string]string) {
	t.Helper()
	for key, value := range want {
		got, there := attribute(s, key)
		if value == "" && there || value != "" && got != value {
			t.Errorf("%s: %s is %q, want %q", s.Name, key, got, value)
		}
	}
}

func traceID(s *otlp.Span) string { return hex.EncodeToString(s.TraceId) }

// served has requests served by a mux behind httpguard and the tracer, and
// returns the spans that arrive once it has been shut down.
func served(t *testing.T, o trace.Options, mux *http.ServeMux, use func(h http.Handler, tracer *trace.Tracer)) (*receiver, trace.Stats) {
	t.Helper()
	c := newReceiver(t)
	o.Endpoint, o.Logger = c.URL, discard
	tracer, err := trace.New(o)
	if err != nil {
		t.Fatal(err)
	}
	use(guarded(tracer, mux), tracer)
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	return c, tracer.Stats()
}

func guarded(tracer *trace.Tracer, mux *http.ServeMux) http.Handler {
	o := httpguard.Options{Logger: discard}
	if tracer != nil {
		o.Around = append(o.Around, tracer.Around)
	}
	return httpguard.New(nil, o).Wrap(httpguard.Routes(mux))
}

func request(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

// found is a record of a finding in the request that ctx belongs to.
func found(ctx context.Context, rule string) gatehouse.Record {
	q, _ := httpguard.FromContext(ctx)
	return gatehouse.Record{
		Event:   q.Event(gatehouse.BruteForceDetected),
		Finding: &gatehouse.Finding{Rule: rule, Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High, Count: 1},
	}
}
