package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/metrics"
)

// failing is a store of rate limits that cannot answer.
type failing struct{ gatehouse.Rates }

func (failing) Take(context.Context, time.Time, []gatehouse.Take) error {
	return gatehouse.ErrUnavailable
}

func TestRates(t *testing.T) {
	m := metrics.New(metrics.Options{})
	for range 20 {
		if err := m.Rates(failing{}).Take(t.Context(), time.Time{}, nil); err == nil {
			t.Fatal("the error is lost")
		}
		m.RateLimited("minute")
	}
	s := scraped(t, m)
	want(t, s, 20, "gatehouse_port_operations_total", "port", "rates", "operation", "take")
	want(t, s, 20, "gatehouse_port_errors_total", "port", "rates", "operation", "take", "reason", "unavailable")
	want(t, s, 20, "gatehouse_rate_limited_total", "policy", "minute")
}
