package trace

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// The attributes of our own.
const (
	// CorrelationID joins a span to the security log.
	CorrelationID = attribute.Key("gatehouse.correlation_id")
	// Late says that the span was made by a late decision and has no children.
	Late = attribute.Key("gatehouse.late")
	// Rule, Finding and Severity describe the event "gatehouse.finding".
	Rule     = attribute.Key("gatehouse.rule")
	Finding  = attribute.Key("gatehouse.finding.type")
	Severity = attribute.Key("gatehouse.severity")
)

// FindingEvent is the name of the event that a span gets for each finding.
const FindingEvent = "gatehouse.finding"

const traceparent = "Traceparent" // W3C Trace Context, as net/http spells it

// Around is an instrument for httpguard.Options.Around: it traces requests as
// the package comment says. A request that is not httpguard's is not traced.
func (t *Tracer) Around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, guarded := httpguard.FromContext(r.Context())
		if !guarded || t.shutdown.Load() {
			next.ServeHTTP(w, r)
			return
		}
		x := exchange{t: t, r: r, start: time.Now(), endpoint: found.Endpoint, id: found.CorrelationID, secure: found.Secure}
		if x.sampled() {
			t.live.Add(1)
			ctx, span := x.begin()
			defer func() { x.finish(span); t.live.Add(-1) }()
			r = r.WithContext(ctx)
		} else {
			defer x.decideLate()
		}
		next.ServeHTTP(w, r)
		x.returned = true
	})
}

// exchange is a request while it is served.
type exchange struct {
	t            *Tracer
	r            *http.Request
	start        time.Time
	endpoint, id string
	secure       bool
	parent       trace.SpanContext // believed; invalid: none
	returned     bool              // the handler did not panic
}

// sampled decides before anything is built, and finds the parent.
func (x *exchange) sampled() bool {
	ctx := x.r.Context()
	x.parent = trace.SpanContextFromContext(ctx) // of who embeds us
	if !x.parent.IsValid() && x.r.Header[traceparent] != nil && x.t.o.Trusted(x.r) {
		x.parent = claimed(x.r)
	}
	if x.parent.IsValid() {
		return x.parent.IsSampled()
	}
	return rand.Float64() < x.t.o.Ratio
}

// claimed returns the span that the caller says it is, or an invalid one.
func claimed(r *http.Request) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
	return trace.SpanContextFromContext(ctx)
}

func (x *exchange) begin(more ...attribute.KeyValue) (context.Context, trace.Span) {
	ctx := x.r.Context()
	method := label.Method(x.r.Method)
	name := method
	attributes := append(more, CorrelationID.String(x.id), semconv.NetworkProtocolVersion(protocol(x.r)))
	if method == label.Other {
		name, method = "HTTP", "_OTHER" // as the conventions want it
	}
	if x.endpoint != httpguard.Unmatched && x.endpoint != httpguard.AnyEndpoint {
		route := gatehouse.CleanText(x.endpoint[strings.IndexByte(x.endpoint, ' ')+1:], 128)
		name += " " + route
		attributes = append(attributes, semconv.HTTPRoute(route))
	}
	scheme := "http"
	if x.secure {
		scheme = "https"
	}
	attributes = append(attributes, semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme))

	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.start), trace.WithAttributes(attributes...),
	}
	if x.parent.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, x.parent)
	} else {
		options = append(options, trace.WithNewRoot())
		if from := claimed(x.r); from.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: from}))
		}
	}
	return x.t.tracer.Start(ctx, name, options...)
}

// finish ends the span of a request that was served.
func (x *exchange) finish(span trace.Span) {
	x.end(span, x.status(), x.t.marks.take(x.id))
}

// decideLate makes the span of a request that was not sampled, if it turned out
// to matter.
func (x *exchange) decideLate() {
	findings, status := x.t.marks.take(x.id), x.status()
	if len(findings) == 0 && status < 500 || !x.t.late.take(x.start) {
		return
	}
	_, span := x.begin(Late.Bool(true))
	x.end(span, status, findings)
}

// status is what the request was, or will be, answered with.
func (x *exchange) status() int {
	status := httpguard.Status(x.r.Context())
	switch {
	case status != 0:
	case x.returned:
		status = http.StatusOK
	default:
		status = http.StatusInternalServerError
	}
	return status
}

func (x *exchange) end(span trace.Span, status int, findings []finding) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if !x.returned {
		span.SetAttributes(semconv.ErrorTypeKey.String("panic"))
		span.SetStatus(codes.Error, "")
	} else if status >= 500 {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
		span.SetStatus(codes.Error, "")
	}
	for _, f := range findings {
		span.AddEvent(FindingEvent, trace.WithAttributes(Rule.String(f.rule), Finding.String(f.kind), Severity.String(f.severity)))
	}
	span.End()
	x.t.ended.Add(1)
}

func protocol(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}
