package httpguard_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/httpguard"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// BenchmarkRateLimit is what two policies add to a request, the headers
// included, and what it takes to refuse one.
func BenchmarkRateLimit(b *testing.B) {
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	through := func(n int) http.Handler {
		limit, err := httpguard.RateLimit(memory.NewRates(memory.Options{}), httpguard.RateLimitOptions{Logger: quiet(), Policies: []httpguard.Policy{
			{Name: "second", Limit: gatehouse.Limit{Threshold: n, Window: time.Millisecond}, Algorithm: gatehouse.GCRA},
			{Name: "minute", Limit: gatehouse.Limit{Threshold: n, Window: time.Duration(1+9999/n) * time.Millisecond}, Algorithm: gatehouse.GCRA},
		}})
		if err != nil {
			b.Fatal(err)
		}
		return limit(bare)
	}
	for name, h := range map[string]http.Handler{"bare": bare, "allowed": through(10_000), "refused": through(1)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := fromAddr("192.0.2.1:1000")
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
