package trace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/trace"
)

// store answers every port with err.
type store struct{ err error }

func (s store) Hit(_ context.Context, _ time.Time, hits []gatehouse.Hit) error { return s.err }

func (s store) Reserve(context.Context, time.Time, gatehouse.Key, gatehouse.Limit, time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	return gatehouse.Reservation{ID: 7}, gatehouse.Tally{Count: 3}, s.err
}

func (s store) Settle(context.Context, time.Time, gatehouse.Reservation, gatehouse.Outcome) (gatehouse.Tally, error) {
	return gatehouse.Tally{Count: 4}, s.err
}

func (s store) Forget(context.Context, ...gatehouse.Key) error { return s.err }

func (s store) Place(_ context.Context, b gatehouse.Block) (gatehouse.Block, error) { return b, s.err }

func (s store) Lift(context.Context, netip.Prefix, time.Time) (gatehouse.Block, error) {
	return gatehouse.Block{ID: "l"}, s.err
}

func (s store) Blocked(context.Context, netip.Addr, time.Time) (gatehouse.Block, bool, error) {
	return gatehouse.Block{ID: "b"}, true, s.err
}

func (s store) List(context.Context, time.Time) ([]gatehouse.Block, error) {
	return make([]gatehouse.Block, 2), s.err
}

func (s store) See(context.Context, string, gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	return make([]gatehouse.Sighting, 3), s.err
}

func (s store) Append(context.Context, ...gatehouse.Record) error { return s.err }

func (s store) Alert(context.Context, gatehouse.Record) error { return s.err }

var calls = []string{
	"windows.hit", "windows.reserve", "windows.settle", "windows.forget", "blocks.place", "blocks.lift",
	"blocks.blocked", "blocks.list", "journal.append", "sightings.see", "alerts.alert",
}

// call makes the calls above, and reports a result that was not passed on.
func call(t *testing.T, ctx context.Context, tracer *trace.Tracer, s store) {
	at := time.Unix(1, 0)
	w, b := tracer.Windows(s), tracer.Blocks(s)
	r, tally, err := w.Reserve(ctx, at, gatehouse.Key{}, gatehouse.Limit{}, 0)
	errs := []error{w.Hit(ctx, at, nil), err}
	ok := r.ID == 7 && tally.Count == 3
	tally, err = w.Settle(ctx, at, r, gatehouse.Failed)
	errs, ok = append(errs, err, w.Forget(ctx)), ok && tally.Count == 4
	placed, err := b.Place(ctx, gatehouse.Block{ID: "p"})
	errs, ok = append(errs, err), ok && placed.ID == "p"
	lifted, err := b.Lift(ctx, netip.Prefix{}, at)
	errs, ok = append(errs, err), ok && lifted.ID == "l"
	held, blocked, err := b.Blocked(ctx, netip.Addr{}, at)
	errs, ok = append(errs, err), ok && held.ID == "b" && blocked
	list, err := b.List(ctx, at)
	errs, ok = append(errs, err, tracer.Journal(s).Append(ctx)), ok && len(list) == 2
	seen, err := tracer.Sightings(s).See(ctx, "u", gatehouse.Sighting{})
	errs, ok = append(errs, err, tracer.Alerts(s).Alert(ctx, gatehouse.Record{})), ok && len(seen) == 3
	for i, err := range errs {
		if err != s.err {
			t.Errorf("call %d returned %v", i, err)
		}
	}
	if !ok || len(errs) != len(calls) {
		t.Error("a result was not passed on")
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		err   error
		cause string
	}{
		{nil, ""},
		{gatehouse.ErrNotFound, ""}, // an answer, not a failure
		{fmt.Errorf("hunter2: %w", gatehouse.ErrBusy), "busy"},
		{fmt.Errorf("hunter2: %w", gatehouse.ErrUnavailable), "unavailable"},
		{errors.New("hunter2"), "other"},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			var tracer *trace.Tracer
			mux := http.NewServeMux()
			mux.HandleFunc("GET /", func(_ http.ResponseWriter, r *http.Request) {
				call(t, context.WithoutCancel(r.Context()), tracer, store{c.err})
			})
			got, stats := served(t, trace.Options{Ratio: 1}, mux, func(h http.Handler, own *trace.Tracer) {
				tracer = own
				request(h, "GET", "/")
				call(t, t.Context(), tracer, store{c.err}) // outside of a request
			})
			if want := uint64(len(calls) + 1); len(got.spans) != int(want) || stats.Exported != want || stats.Ended != want {
				t.Fatalf("%d spans, %+v", len(got.spans), stats)
			}
			root := got.spans[len(got.spans)-1]
			for _, s := range got.spans[:len(got.spans)-1] {
				if !slices.Contains(calls, s.Name) || string(s.ParentSpanId) != string(root.SpanId) {
					t.Errorf("span %v of %x", s, root.SpanId)
				}
				wantAttributes(t, s, map[string]string{"error.type": c.cause})
				if failed := s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR; failed != (c.cause != "") || s.Status.GetMessage() != "" {
					t.Errorf("%s: status %v", s.Name, s.Status)
				}
			}
		})
	}
}

// While another request is traced, one that is not makes no spans.
func TestPortsOfOthers(t *testing.T) {
	var tracer *trace.Tracer
	var h http.Handler
	mux := http.NewServeMux()
	mux.HandleFunc("GET /outer", func(http.ResponseWriter, *http.Request) { request(h, "GET", "/inner", "Traceparent", claimedNot) })
	mux.HandleFunc("GET /inner", func(_ http.ResponseWriter, r *http.Request) { call(t, r.Context(), tracer, store{}) })
	got, _ := served(t, trace.Options{Ratio: -1, Trusted: everybody}, mux, func(handler http.Handler, own *trace.Tracer) {
		h, tracer = handler, own
		request(h, "GET", "/outer", "Traceparent", claimedSampled)
	})
	if len(got.spans) != 1 || got.spans[0].Name != "GET /outer" {
		t.Errorf("spans %v", got.spans)
	}
}

// BenchmarkHit is what a decorated call costs in a request that is not traced:
// while none is, and while another one is.
func BenchmarkHit(b *testing.B) {
	c := newReceiver(b)
	tracer, err := trace.New(trace.Options{Endpoint: c.URL, Ratio: -1, Trusted: everybody, Logger: discard})
	if err != nil {
		b.Fatal(err)
	}
	defer tracer.Shutdown(b.Context())
	run := func(w gatehouse.Windows, ctx context.Context) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.Hit(ctx, time.Time{}, nil)
			}
		}
	}
	b.Run("bare", run(store{}, b.Context()))
	b.Run("none traced", run(tracer.Windows(store{}), b.Context()))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {
		b.Run("another traced", run(tracer.Windows(store{}), b.Context()))
	})
	request(guarded(tracer, mux), "GET", "/", "Traceparent", claimedSampled)
}
