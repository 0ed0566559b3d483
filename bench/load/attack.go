package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// answer is one request, and what came of it.
type answer struct {
	part    string // of the scenario
	status  int
	failure string        // why there is no status
	latency time.Duration // from when the request was due, until the last byte
	late    time.Duration // part of it: until it was sent
}

// schedule is vegeta's constant pacer, and knows when each request is due.
//
// Vegeta counts latency from when a worker takes a request up. Its pacer makes up
// for lost time, but the wait is nobody's: with too few workers, or a machine too
// busy, latencies would look better than they are. And an attack that has a
// duration forgets what it owes at the end; this one sends so many requests,
// however late.
type schedule struct {
	vegeta.ConstantPacer
	requests uint64
	began    time.Time // known once the attack has begun, and safe to read when it is over
}

func (s *schedule) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if s.began.IsZero() {
		s.began = time.Now().Add(-elapsed)
	}
	if hits >= s.requests {
		return 0, true
	}
	return s.ConstantPacer.Pace(elapsed, hits)
}

// due is when the pacer lets a request go: one interval after the one before it,
// the first one interval after the beginning.
func (s *schedule) due(seq uint64) time.Time {
	interval := s.Per / time.Duration(s.Freq)
	return s.began.Add(time.Duration(seq+1) * interval)
}

// newClient makes the client of one server. Its connections are kept from round to
// round.
func newClient(o options) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: int(o.workers), MaxConnsPerHost: int(o.workers), IdleConnTimeout: time.Minute,
			DisableCompression: true,
		},
		Timeout:       o.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fire sends requests at a constant rate, a second, and returns all answers and
// the time until the last of them.
func fire(ctx context.Context, o options, t *target, rate int, duration time.Duration) ([]answer, time.Duration, error) {
	pacer := &schedule{ConstantPacer: vegeta.ConstantPacer{Freq: rate, Per: time.Second}}
	pacer.requests = max(1, uint64(duration.Seconds()*float64(rate)))
	results, err := send(ctx, t, pacer, 0,
		vegeta.Workers(min(16, o.workers)), vegeta.MaxWorkers(o.workers), vegeta.Client(t.client))
	if err != nil {
		return nil, 0, err
	}
	answers := make([]answer, len(results))
	var end time.Time
	for i, r := range results {
		due := pacer.due(r.Seq)
		answers[i] = answerOf(r)
		answers[i].late = max(0, r.Timestamp.Sub(due))
		answers[i].latency = r.End().Sub(due)
		if r.End().After(end) {
			end = r.End()
		}
	}
	return answers, end.Sub(pacer.began), nil
}

// capacity is how many requests a second the server answers when a number of
// callers ask again as soon as they are answered. They share its machine, so it is
// what both can do together.
func capacity(ctx context.Context, o options, t *target, duration time.Duration) (float64, []answer, error) {
	const callers = 32
	began := time.Now()
	results, err := send(ctx, t, vegeta.ConstantPacer{}, duration,
		vegeta.Workers(callers), vegeta.MaxWorkers(callers), vegeta.Client(t.client))
	took := time.Since(began)
	if err == nil && len(results) == 0 {
		err = errors.New("nothing was answered")
	}
	answers := make([]answer, len(results))
	for i, r := range results {
		answers[i] = answerOf(r)
	}
	return float64(len(results)) / took.Seconds(), answers, err
}

func send(ctx context.Context, t *target, pacer vegeta.Pacer, duration time.Duration, how ...func(*vegeta.Attacker)) ([]*vegeta.Result, error) {
	attacker := vegeta.NewAttacker(how...)
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	var results []*vegeta.Result
	for r := range attacker.Attack(t.next, pacer, duration, "") {
		if t.take != nil {
			t.take(int(r.Code), r.Body)
		}
		r.Body, r.Headers = nil, nil
		results = append(results, r)
	}
	return results, ctx.Err()
}

// answerOf reads the part of the scenario from the URL's fragment, which is not
// sent.
func answerOf(r *vegeta.Result) answer {
	a := answer{status: int(r.Code)}
	if u, err := url.Parse(r.URL); err == nil {
		a.part = u.Fragment
	}
	if a.status == 0 {
		a.failure = r.Error
	}
	return a
}

// unexpected is an error if any answer has a status that its part should not get.
func unexpected(s scenario, answers []answer) error {
	for _, a := range answers {
		if !slices.Contains(s.expected[a.part], a.status) {
			return fmt.Errorf("%s: %q was answered %d %s, expected %v", s.name, a.part, a.status, a.failure, s.expected[a.part])
		}
	}
	return nil
}

// quantile is the value that a part q of the sorted values does not exceed: the
// nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
