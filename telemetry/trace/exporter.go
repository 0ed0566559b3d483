package trace

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporter counts what becomes of exports, tells of failures once, and can be
// told to give up. It never returns an error: the SDK would hand that to
// OpenTelemetry's global error handler.
type exporter struct {
	next   sdk.SpanExporter
	client *http.Client
	logger *slog.Logger
	ended  context.Context // of all exports
	cancel context.CancelFunc

	exported, failed atomic.Uint64
	failing          atomic.Bool
}

func newExporter(o Options, address string) (*exporter, error) {
	e := &exporter{logger: o.Logger, client: &http.Client{
		Transport: o.Transport,
		// The headers may hold a key, which is meant for this collector only.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	e.ended, e.cancel = context.WithCancel(context.Background())
	var err error
	if e.next, err = otlptracehttp.New(e.ended, wire(o, address, e.client)...); err != nil {
		e.cancel()
		return nil, err
	}
	return e, nil
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ended, cancel)()
	if err := e.next.ExportSpans(ctx, spans); err != nil {
		e.failed.Add(uint64(len(spans)))
		if e.ended.Err() == nil && e.failing.CompareAndSwap(false, true) {
			e.logger.Warn("traces cannot be sent", "error", err)
		}
		return nil
	}
	e.exported.Add(uint64(len(spans)))
	if e.failing.CompareAndSwap(true, false) {
		e.logger.Info("traces are sent again")
	}
	return nil
}

func (e *exporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

func (e *exporter) close() {
	e.cancel()
	e.client.CloseIdleConnections()
}
