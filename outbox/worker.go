package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/notify"
)

// Options are what a Worker works with. Store and Holder are required.
type Options struct {
	Store    Store
	Channels map[string]notify.Notifier // by name
	// Holder names this node, another one on each.
	Holder string
	// Parallel is how many attempts one channel makes at the same time.
	// Default 4.
	Parallel int
	// Timeout bounds one attempt. Default 45 s, longer than any notifier takes
	// by itself.
	Timeout time.Duration
	// FirstRetry and LastRetry bound the time between two attempts, which
	// doubles from one to the other; what is waited is between half of it and
	// all. Defaults 1 s and 15 min.
	FirstRetry, LastRetry time.Duration
	// GiveUp is for how long a delivery is tried. Default 24 h.
	GiveUp time.Duration
	// Keep is for how long sent and dead deliveries are remembered. Default 7
	// days.
	Keep time.Duration
	// Poll is how often the store is asked without a Poke. Default 1 s.
	Poll time.Duration
	Now  func() time.Time // default: time.Now
	// OnAttempt is told of each attempt once its outcome is kept. It is called
	// concurrently and must not wait. Default: nobody is told.
	OnAttempt func(Attempt)
	// OnError is told that the store failed. Default: nobody is told.
	OnError func(error)
}

// Attempt is what has come of one attempt.
type Attempt struct {
	Delivery Delivery
	Took     time.Duration
	Err      error // nil: it was sent
	Dead     bool  // it is given up
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&o.Timeout, 45*time.Second)
	set(&o.FirstRetry, time.Second)
	set(&o.LastRetry, 15*time.Minute)
	set(&o.GiveUp, 24*time.Hour)
	set(&o.Keep, 7*24*time.Hour)
	set(&o.Poll, time.Second)
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnAttempt == nil {
		o.OnAttempt = func(Attempt) {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}

// Worker delivers what is in the outbox. It is safe for concurrent use.
type Worker struct {
	o     Options
	lanes map[string]*lane
}

// lane is one channel.
type lane struct {
	name     string
	notifier notify.Notifier
	slots    chan struct{} // one token for each attempt under way
	poke     chan struct{}
}

// NewWorker returns a Worker for some channels. It does nothing until Run.
func NewWorker(o Options) (*Worker, error) {
	if o.Store == nil || o.Holder == "" {
		return nil, errors.New("outbox: a worker needs a store and a name")
	}
	o = o.withDefaults()
	w := &Worker{o: o, lanes: map[string]*lane{}}
	for name, n := range o.Channels {
		w.lanes[name] = &lane{name: name, notifier: n, slots: make(chan struct{}, o.Parallel), poke: make(chan struct{}, 1)}
	}
	return w, nil
}

// Poke has the worker look at the outbox now. It never waits.
func (w *Worker) Poke() {
	for _, l := range w.lanes {
		l.look()
	}
}

func (l *lane) look() {
	select {
	case l.poke <- struct{}{}:
	default: // it is about to
	}
}

// markGrace is how long an outcome may take to be kept.
const markGrace = 5 * time.Second

// Run delivers until ctx ends, which cuts attempts short and gives back what they
// held. It returns nil. What this node held when it died is taken up at once.
func (w *Worker) Run(ctx context.Context) error {
	w.release(ctx)
	var lanes sync.WaitGroup
	for _, l := range w.lanes {
		lanes.Go(func() { w.serve(ctx, l) })
	}
	lanes.Go(func() { w.keepHouse(ctx) })
	lanes.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), markGrace)
	defer cancel()
	w.release(ending)
	return nil
}

func (w *Worker) release(ctx context.Context) {
	if _, err := w.o.Store.Release(ctx, w.o.Holder, w.o.Now()); err != nil && ctx.Err() == nil {
		w.o.OnError(fmt.Errorf("release: %w", err)) // the leases end by themselves
	}
}

// serve delivers for one channel until ctx ends.
func (w *Worker) serve(ctx context.Context, l *lane) {
	ticker := time.NewTicker(w.o.Poll)
	defer ticker.Stop()
	var attempts sync.WaitGroup
	defer attempts.Wait()
	for {
		w.take(ctx, l, &attempts)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-l.poke:
		}
	}
}

// take claims as much as there is room for. An attempt that ends looks for more.
func (w *Worker) take(ctx context.Context, l *lane, attempts *sync.WaitGroup) {
	room := cap(l.slots) - len(l.slots) // nobody else fills them
	if room == 0 || ctx.Err() != nil {
		return
	}
	claimed, err := w.o.Store.Claim(ctx, Claim{
		Holder: w.o.Holder, Channel: l.name, At: w.o.Now(), Limit: room,
		Lease: w.o.Timeout + 3*markGrace, // longer than the attempt and its mark
	})
	if err != nil && ctx.Err() == nil {
		w.o.OnError(fmt.Errorf("claim: %w", err))
	}
	for _, d := range claimed {
		l.slots <- struct{}{}
		attempts.Go(func() {
			w.attempt(ctx, l, d)
			<-l.slots
			l.look()
		})
	}
}

// attempt makes one attempt and keeps its outcome.
func (w *Worker) attempt(ctx context.Context, l *lane, d Delivery) {
	begun := w.o.Now()
	err := w.send(ctx, l, d.Message)
	at := w.o.Now()
	result := Attempt{Delivery: d, Took: at.Sub(begun), Err: err}
	marking, cancel := context.WithTimeout(context.WithoutCancel(ctx), markGrace)
	defer cancel()
	var kept error
	switch {
	case err == nil:
		kept = w.o.Store.Sent(marking, d.ID, at)
	case ctx.Err() != nil: // cut short: Run gives it back
		return
	case errors.Is(err, notify.ErrPermanent) || at.Sub(d.Since) >= w.o.GiveUp:
		result.Dead = true
		kept = w.o.Store.Bury(marking, d.ID, d.Claim, at, err.Error())
	default:
		due := at.Add(w.pause(d.Attempts, err))
		if last := d.Since.Add(w.o.GiveUp); due.After(last) {
			due = last // once more before it is given up
		}
		kept = w.o.Store.Retry(marking, d.ID, d.Claim, due, err.Error())
	}
	switch {
	case errors.Is(kept, gatehouse.ErrNotFound): // somebody else has it, or knows better
	case kept != nil:
		w.o.OnError(fmt.Errorf("keep the outcome of delivery %s: %w", d.ID, kept))
	}
	w.o.OnAttempt(result)
}

// send calls the notifier and makes an error of a panic within it.
func (w *Worker) send(ctx context.Context, l *lane, m notify.Message) (err error) {
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the channel's code failed: %v", r)
		}
	}()
	return l.notifier.Send(ctx, m)
}

// pause returns how long to wait after so many attempts.
func (w *Worker) pause(attempts int, err error) time.Duration {
	pause := w.o.FirstRetry
	for n := 1; n < attempts && pause < w.o.LastRetry; n++ {
		pause *= 2
	}
	pause = min(pause, w.o.LastRetry)
	pause = pause/2 + rand.N(pause/2+1)
	if asked, ok := notify.RetryAfter(err); ok {
		pause = max(pause, asked)
	}
	return pause
}

// How often and in what portions the worker tidies up.
const (
	tidyEvery = time.Minute
	tidyBatch = 500
)

// keepHouse forgets what is long over, and gives up what no channel takes any
// more.
func (w *Worker) keepHouse(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := w.tidy(ctx); err != nil && ctx.Err() == nil {
			w.o.OnError(err)
		}
	}
}

func (w *Worker) tidy(ctx context.Context) error {
	now := w.o.Now()
	for {
		n, err := w.o.Store.PruneDeliveries(ctx, now.Add(-w.o.Keep), tidyBatch)
		if err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		if n < tidyBatch {
			break
		}
	}
	pending, err := w.o.Store.Deliveries(ctx, Filter{States: []State{Pending}, Limit: tidyBatch})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, d := range pending {
		if w.lanes[d.Channel] != nil || now.Sub(d.Since) < w.o.GiveUp {
			continue
		}
		err := fmt.Errorf("no channel is called %q any more", d.Channel)
		if kept := w.o.Store.Bury(ctx, d.ID, d.Claim, now, err.Error()); kept == nil {
			w.o.OnAttempt(Attempt{Delivery: d, Err: err, Dead: true})
		}
	}
	return nil
}
