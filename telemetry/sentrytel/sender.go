package sentrytel

import (
	"context"
	"time"

	"github.com/getsentry/sentry-go"
)

// send is the life of a sender.
func (q *queue) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.events:
		}
		w := q.take()
		q.pause(ctx)
		if ctx.Err() != nil {
			q.drop(Closed)
		} else if q.ready(w) {
			q.deliver(ctx, w.event)
		}
		q.done()
	}
}

// pause waits while Sentry is thought to be down, unless there is a hurry.
func (q *queue) pause(ctx context.Context) {
	q.mu.Lock()
	wait, hurry := q.health.pause, q.hurry
	q.mu.Unlock()
	if wait == 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-hurry:
	case <-t.C:
	}
}

// deliver hands an event to the SDK's transport and counts what became of it.
func (q *queue) deliver(ctx context.Context, e *sentry.Event) {
	d := &delivery{outcome: Failed} // unless the SDK asks to send it
	if q.asked.Load() {
		d.outcome = RateLimited
	}
	defer func() {
		if recover() != nil {
			d.outcome = Failed
		}
		if d.outcome == "" {
			q.sent.Add(1)
		} else {
			q.drop(d.outcome)
		}
		q.judge(d.outcome)
	}()
	q.inner.SendEventWithContext(context.WithValue(ctx, deliveryKey{}, d), e)
}

// ready prepares an event, if that is still to be done. It returns false if the
// event is not to be sent.
func (q *queue) ready(w waiting) bool {
	if !w.raw {
		return true
	}
	q.mu.Lock()
	q.raw[w.event] = false
	q.mu.Unlock()
	q.prepare(w.event)
	q.mu.Lock()
	defer q.mu.Unlock()
	ok := q.raw[w.event]
	delete(q.raw, w.event)
	return ok
}

// health is what is thought of Sentry, by its last answers.
type health struct {
	failures int           // in a row
	pause    time.Duration // before the next delivery
	down     bool          // and the log has said so
}

const (
	failuresToPause = 3
	longestPause    = 30 * time.Second
)

// after returns the health after one more outcome, and whether Sentry is
// thought to have gone or to have come back by it.
func (h health) after(outcome Reason) (_ health, changed bool) {
	switch outcome {
	case NetworkError, Refused:
		h.failures++
		if h.failures >= failuresToPause {
			changed = !h.down
			h.down = true
			h.pause = min(longestPause, time.Second<<min(h.failures-failuresToPause, 5))
		}
	case "":
		changed = h.down
		h = health{}
	}
	return h, changed
}

// judge learns from an outcome, and tells the log when Sentry goes or comes back.
func (q *queue) judge(outcome Reason) {
	q.mu.Lock()
	h, changed := q.health.after(outcome)
	q.health = h
	q.mu.Unlock()
	switch {
	case changed && h.down:
		q.logger.Warn("Sentry does not accept events; logins are not affected", "reason", string(outcome))
	case changed:
		q.logger.Info("Sentry accepts events again")
	}
}
