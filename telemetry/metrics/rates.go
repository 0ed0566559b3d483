package metrics

import (
	"context"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Rates measures next.
func (m *Metrics) Rates(next gatehouse.Rates) gatehouse.Rates {
	return &rates{next, m.mask, m.ports.operation("rates", "take")}
}

type rates struct {
	next gatehouse.Rates
	mask uint64
	take *operation
}

func (r *rates) Take(ctx context.Context, at time.Time, takes []gatehouse.Take) error {
	start := r.take.begin(r.mask)
	err := r.next.Take(ctx, at, takes)
	r.take.end(start, err)
	return err
}
