package profile

import (
	"context"
	"net/http"
	"runtime/pprof"

	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// EndpointLabel is the label of a profile's samples that names the endpoint of
// the request they were taken in.
const EndpointLabel = "endpoint"

// maxEndpoints bounds the endpoints that are labelled; others share one.
const maxEndpoints = 64

// Around is an instrument for httpguard.Options.Around: what is profiled while
// a request is served, goroutines that it starts included, carries its endpoint
// as a label. The correlation ID is none, since it would make each request a
// series of its own.
//
// The labels of an endpoint are made once, so a request costs no allocation.
// Labels that a handler adds by pprof.Do replace this one for their duration.
func Around(next http.Handler) http.Handler {
	labelled := func(endpoint string) context.Context {
		return pprof.WithLabels(context.Background(), pprof.Labels(EndpointLabel, endpoint))
	}
	endpoints := label.NewTable(maxEndpoints, labelled)
	other := labelled(label.Other)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		found, ok := httpguard.FromContext(ctx)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		labels, ok := endpoints.Get(found.Endpoint)
		if !ok {
			labels = other
		}
		pprof.SetGoroutineLabels(labels)
		defer pprof.SetGoroutineLabels(ctx) // those of before, for the next request on this connection
		next.ServeHTTP(w, r)
	})
}
