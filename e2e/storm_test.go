package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// storm is requests at a steady rate, however slowly they are answered.
type storm struct {
	t      *testing.T
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	answers []stormAnswer
}

// stormAnswer is what came of one request.
type stormAnswer struct {
	call        call
	node        int
	at          time.Time // when it was sent
	took        time.Duration
	status      int // 0: no answer
	correlation string
	err         error
}

// unleash sends what next gives for 0, 1, 2 ..., so many a second, to the nodes in
// turn, until calm is called.
func (c *cluster) unleash(t *testing.T, perSecond int, next func(i int) call) *storm {
	ctx, cancel := context.WithCancel(t.Context())
	s := &storm{t: t, cancel: cancel}
	s.done.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			one, node := next(i), i%len(c.nodes)
			s.done.Go(func() {
				began := time.Now()
				a, err := c.nodes[node].try(t.Context(), one)
				got := stormAnswer{call: one, node: node, at: began, took: time.Since(began), status: a.status, err: err}
				if a.header != nil {
					got.correlation = a.header.Get("X-Correlation-ID")
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				s.answers = append(s.answers, got)
			})
		}
	})
	t.Cleanup(func() { s.calm() })
	return s
}

// calm ends the storm and returns what came of all requests.
func (s *storm) calm() []stormAnswer {
	s.cancel()
	s.done.Wait()
	return s.answers
}

// byStatus counts answers by status.
func byStatus(answers []stormAnswer) map[int]int {
	n := map[int]int{}
	for _, a := range answers {
		n[a.status]++
	}
	return n
}

// percentile returns the time that a part of the answers, from 0 to 1, took at
// most.
func percentile(answers []stormAnswer, part float64) time.Duration {
	var took []time.Duration
	for _, a := range answers {
		took = append(took, a.took)
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(int(part*float64(len(took))), len(took)-1)]
}

// healthPage is what /healthz and /readyz answer.
type healthPage struct {
	Status string `json:"status"`
	Parts  map[string]struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	} `json:"parts"`
	Spooled int `json:"spooled_records"`
}

// health asks the admin listener, at /healthz or /readyz.
func (s *server) health(path string) healthPage {
	s.t.Helper()
	resp, err := http.Get(s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var page healthPage
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		s.t.Fatal(err)
	}
	return page
}

// within waits until holds does, for so long, and returns how long it took.
func within(t *testing.T, patience time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		<-time.After(20 * time.Millisecond)
	}
	return time.Since(began)
}

// everywhere reports whether all nodes show a part with this status.
func (c *cluster) everywhere(part, status string) bool {
	for _, n := range c.nodes {
		if n.health("/healthz").Parts[part].Status != status {
			return false
		}
	}
	return true
}

// metric returns the value of a metric without labels, now.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	resp, err := http.Get(s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}
