package authserver_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/accountmail"
)

// forgotTimes asks n times for a new password, of an account that exists or of
// one that does not, in random turns, each from an address of its own. Each
// request for the one that exists ends in a mail in a real outbox. It returns the
// medians.
func forgotTimes(t testing.TB, n int) (known, unknown time.Duration) {
	s, _ := mailed(t, func(s *site, o *accountmail.Options) {
		o.Outbox, o.Resets, o.Delay, o.Queue = s.store, 1<<30, 0, n
	})
	names := [2]string{alice, "nobody@example.com"}
	var took [2][]time.Duration
	for i := range n {
		c := forgotCall(names[0])
		who := rand.IntN(2)
		c.body = object("email", names[who])
		c.header = map[string]string{"X-Forwarded-For": fmt.Sprintf("2001:db8:%x::1", i)}
		start := time.Now()
		if a := s.do(c); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		took[who] = append(took[who], time.Since(start))
	}
	for _, d := range took {
		slices.Sort(d)
	}
	return took[0][len(took[0])/2], took[1][len(took[1])/2]
}

// How long the answer takes tells nothing. The bounds are wide, as others use the
// machine too; what is measured is in the benchmark.
func TestForgotTakesAsLongForNobody(t *testing.T) {
	known, unknown := forgotTimes(t, 400)
	if ratio := float64(known) / float64(unknown); ratio < 0.6 || ratio > 1.6 {
		t.Errorf("an account that exists takes %v, one that does not %v", known, unknown)
	}
}

// BenchmarkForgotNoOracle reports the ratio of the medians.
func BenchmarkForgotNoOracle(b *testing.B) {
	known, unknown := forgotTimes(b, max(b.N, 100))
	b.ReportMetric(float64(unknown)/float64(known), "unknown/known")
}
