package trace

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Rates traces next within requests that are traced.
func (t *Tracer) Rates(next gatehouse.Rates) gatehouse.Rates { return &rates{next, t} }

type rates struct {
	next gatehouse.Rates
	t    *Tracer
}

func (r *rates) Take(ctx context.Context, at time.Time, takes []gatehouse.Take) error {
	ctx, span := r.t.call(ctx, "rates.take")
	err := r.next.Take(ctx, at, takes)
	r.t.done(span, err)
	return err
}
