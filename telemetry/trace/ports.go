package trace

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// call begins a span for a call of a port, if the request it belongs to is
// traced; nil otherwise.
func (t *Tracer) call(ctx context.Context, name string) (context.Context, trace.Span) {
	if t.live.Load() == 0 || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.tracer.Start(ctx, name)
}

// done ends the span of a call, if there is one.
func (t *Tracer) done(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil && !errors.Is(err, gatehouse.ErrNotFound) {
		span.SetAttributes(semconv.ErrorTypeKey.String(label.Cause(err)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
	t.ended.Add(1)
}

// Windows traces next within requests that are traced.
func (t *Tracer) Windows(next gatehouse.Windows) gatehouse.Windows { return &windows{next, t} }

type windows struct {
	next gatehouse.Windows
	t    *Tracer
}

func (w *windows) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	ctx, span := w.t.call(ctx, "windows.hit")
	err := w.next.Hit(ctx, at, hits)
	w.t.done(span, err)
	return err
}

func (w *windows) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	ctx, span := w.t.call(ctx, "windows.reserve")
	r, tally, err := w.next.Reserve(ctx, at, key, limit, wait)
	w.t.done(span, err)
	return r, tally, err
}

func (w *windows) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	ctx, span := w.t.call(ctx, "windows.settle")
	tally, err := w.next.Settle(ctx, at, r, outcome)
	w.t.done(span, err)
	return tally, err
}

func (w *windows) Forget(ctx context.Context, keys ...gatehouse.Key) error {
	ctx, span := w.t.call(ctx, "windows.forget")
	err := w.next.Forget(ctx, keys...)
	w.t.done(span, err)
	return err
}

// Blocks traces next within requests that are traced.
func (t *Tracer) Blocks(next gatehouse.Blocks) gatehouse.Blocks { return &blocks{next, t} }

type blocks struct {
	next gatehouse.Blocks
	t    *Tracer
}

func (b *blocks) Place(ctx context.Context, block gatehouse.Block) (gatehouse.Block, error) {
	ctx, span := b.t.call(ctx, "blocks.place")
	got, err := b.next.Place(ctx, block)
	b.t.done(span, err)
	return got, err
}

func (b *blocks) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	ctx, span := b.t.call(ctx, "blocks.lift")
	got, err := b.next.Lift(ctx, prefix, at)
	b.t.done(span, err)
	return got, err
}

func (b *blocks) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	ctx, span := b.t.call(ctx, "blocks.blocked")
	got, found, err := b.next.Blocked(ctx, ip, at)
	b.t.done(span, err)
	return got, found, err
}

func (b *blocks) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	ctx, span := b.t.call(ctx, "blocks.list")
	got, err := b.next.List(ctx, at)
	b.t.done(span, err)
	return got, err
}

// Journal traces next within requests that are traced.
func (t *Tracer) Journal(next gatehouse.Journal) gatehouse.Journal { return &journal{next, t} }

type journal struct {
	next gatehouse.Journal
	t    *Tracer
}

func (j *journal) Append(ctx context.Context, records ...gatehouse.Record) error {
	ctx, span := j.t.call(ctx, "journal.append")
	err := j.next.Append(ctx, records...)
	j.t.done(span, err)
	return err
}

// Sightings traces next within requests that are traced.
func (t *Tracer) Sightings(next gatehouse.Sightings) gatehouse.Sightings { return &sightings{next, t} }

type sightings struct {
	next gatehouse.Sightings
	t    *Tracer
}

func (s *sightings) See(ctx context.Context, user string, now gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	ctx, span := s.t.call(ctx, "sightings.see")
	before, err := s.next.See(ctx, user, now)
	s.t.done(span, err)
	return before, err
}

// Alerts traces next within requests that are traced.
func (t *Tracer) Alerts(next gatehouse.Alerts) gatehouse.Alerts { return &alerts{next, t} }

type alerts struct {
	next gatehouse.Alerts
	t    *Tracer
}

func (a *alerts) Alert(ctx context.Context, r gatehouse.Record) error {
	ctx, span := a.t.call(ctx, "alerts.alert")
	err := a.next.Alert(ctx, r)
	a.t.done(span, err)
	return err
}
