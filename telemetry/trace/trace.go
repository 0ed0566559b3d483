package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope names what made the spans.
const scope = "github.com/fluxstudio/gatehouse/telemetry/trace"

// Options say what is traced and where it is sent.
type Options struct {
	// Endpoint is the address of the collector, such as
	// http://127.0.0.1:4318. Without a path, spans go to /v1/traces. Required.
	Endpoint string
	// Headers go with each export, such as an API key.
	Headers map[string]string
	// Service, Version, Environment and Instance describe the process.
	// Defaults: "gatehouse"; nothing for the others.
	Service, Version, Environment, Instance string
	// Ratio is the share of requests that are traced, up to 1. Default: 0.1.
	// Negative: none but those of trusted callers and late ones.
	Ratio float64
	// LatePerSecond is how many requests are kept by a late decision.
	// Default: 10. Negative: none.
	LatePerSecond int
	// Trusted reports whether the caller's traceparent is honoured; the method
	// of that name of *clientip.Finder fits. Default: nobody's.
	Trusted func(*http.Request) bool
	// QueueSize is how many spans wait to be sent; more are dropped.
	// Default: 2,048.
	QueueSize int
	// Every is how often spans are sent. Default: 5 s.
	Every time.Duration
	// Timeout bounds one export, retries included. Default: 10 s.
	Timeout time.Duration
	// Transport makes the connections. Default: a transport of its own.
	Transport http.RoundTripper
	// Logger hears when exports begin to fail and when they work again.
	// Default: slog.Default().
	Logger *slog.Logger
}

// Tracer makes spans and sends them. It is safe for concurrent use.
type Tracer struct {
	o        Options
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *exporter

	live  atomic.Int64 // requests being traced, so that ports need not ask otherwise
	ended atomic.Uint64
	marks marks
	late  allowance

	shutdown atomic.Bool
	stopped  chan struct{} // closed once everything has ended
}

// New returns a Tracer, or an error for an endpoint that cannot be. A collector
// that does not answer is no error. Shutdown must be called.
func New(o Options) (*Tracer, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("trace: Endpoint is no http or https address")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	o = o.withDefaults()
	exporter, err := newExporter(o, u.String())
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t := &Tracer{o: o, exporter: exporter, stopped: make(chan struct{})}
	t.late.perSecond = int64(o.LatePerSecond)
	t.provider = sdk.NewTracerProvider(
		sdk.WithSampler(sdk.AlwaysSample()), // what is not sampled never gets that far
		sdk.WithResource(describe(o)),
		sdk.WithBatcher(exporter,
			sdk.WithMaxQueueSize(o.QueueSize),
			sdk.WithMaxExportBatchSize(min(o.QueueSize, sdk.DefaultMaxExportBatchSize)),
			sdk.WithBatchTimeout(o.Every),
			sdk.WithExportTimeout(o.Timeout)),
	)
	t.tracer = t.provider.Tracer(scope)
	return t, nil
}

func (o Options) withDefaults() Options {
	if o.Service == "" {
		o.Service = "gatehouse"
	}
	if o.Ratio == 0 {
		o.Ratio = 0.1
	}
	if o.LatePerSecond == 0 {
		o.LatePerSecond = 10
	}
	if o.Trusted == nil {
		o.Trusted = func(*http.Request) bool { return false }
	}
	if o.QueueSize <= 0 {
		o.QueueSize = sdk.DefaultMaxQueueSize
	}
	if o.Every <= 0 {
		o.Every = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: 2, IdleConnTimeout: time.Minute}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func describe(o Options) *resource.Resource {
	about := []attribute.KeyValue{semconv.ServiceName(o.Service)}
	for _, a := range []attribute.KeyValue{
		semconv.ServiceVersion(o.Version),
		semconv.DeploymentEnvironmentNameKey.String(o.Environment),
		semconv.ServiceInstanceID(o.Instance),
	} {
		if a.Value.AsString() != "" {
			about = append(about, a)
		}
	}
	return resource.NewWithAttributes(semconv.SchemaURL, about...)
}

// Shutdown sends what there is until ctx ends, whose error it returns then:
// what is left is dropped. Nothing runs on after that. Requests that are served
// later are not traced. Further calls wait for the first.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if t.shutdown.CompareAndSwap(false, true) {
		go func() {
			defer close(t.stopped)
			// Its end is that of the exports, which the exporter sees to.
			t.provider.Shutdown(context.WithoutCancel(ctx))
			t.exporter.close()
		}()
	}
	select {
	case <-t.stopped:
		return nil
	case <-ctx.Done():
		t.exporter.cancel()
		<-t.stopped
		return ctx.Err()
	}
}

// Stats count spans since the start. What is in none of Exported and Failed
// waits, or was dropped because too many waited.
type Stats struct {
	Ended    uint64 // made
	Exported uint64 // accepted by the collector
	Failed   uint64 // refused, timed out, or no collector there
}

// Stats returns what became of the spans so far.
func (t *Tracer) Stats() Stats {
	return Stats{Ended: t.ended.Load(), Exported: t.exporter.exported.Load(), Failed: t.exporter.failed.Load()}
}

// options of the exporter that the wire needs.
func wire(o Options, address string, client *http.Client) []otlptracehttp.Option {
	return []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(address),
		otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithTimeout(o.Timeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: o.Timeout,
		}),
	}
}
