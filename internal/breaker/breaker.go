// Package breaker keeps callers away from a store that fails, and finds out by
// itself when it is back.
//
// A breaker is closed while the store answers. Several failures in a row open
// it; from then on [Breaker.Allow] says no, so that nobody waits for a dead
// store. A background probe, which runs in either state, opens it when there is
// no traffic to notice a failure, and closes it after two successes in a row:
// recovery costs no caller a deadline. What a call reports while the breaker is
// open is ignored, since it began before.
package breaker

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// successes in a row of the probe close a breaker.
const successes = 2

// Options says when a breaker opens and how it closes. Only Probe is required.
type Options struct {
	// Probe asks the store whether it works. It must heed its context and is
	// never called twice at once.
	Probe func(context.Context) error
	// Failures in a row open the breaker. Zero means 3.
	Failures int
	// Every is the time from the end of a probe to the next, give or take a
	// tenth, so that several nodes do not ask in step. Zero means 250 ms.
	Every time.Duration
	// Timeout bounds one probe. Zero means 250 ms.
	Timeout time.Duration
	// OnState, if not nil, is told each change of state: in order, one at a
	// time, from a goroutine of its own. One that is slower than the changes
	// misses the oldest beyond 16; the last is never missed. It must not call
	// Close.
	OnState func(State)
}

// State is what a breaker is in.
type State struct {
	Open  bool      // callers are kept away
	Since time.Time // of the last change, by the wall clock
	Err   error     // why it opened; nil while closed
}

// Breaker is safe for concurrent use.
type Breaker struct {
	o        Options
	open     atomic.Bool
	failures atomic.Int64 // in a row, while closed
	mu       sync.Mutex   // held for changes of state
	state    State
	news     *news
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// New returns a closed breaker and starts its probe, which Close ends.
func New(o Options) *Breaker {
	o.Failures = orDefault(o.Failures, 3)
	o.Every = orDefault(o.Every, 250*time.Millisecond)
	o.Timeout = orDefault(o.Timeout, 250*time.Millisecond)
	b := &Breaker{o: o, state: State{Since: time.Now()}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if o.OnState != nil {
		b.news = newNews()
		b.done.Go(func() { b.news.tell(b.ctx, o.OnState) })
	}
	b.done.Go(b.watch)
	return b
}

func orDefault[T int | time.Duration](n, standard T) T {
	if n <= 0 {
		return standard
	}
	return n
}

// Allow reports whether the store is to be asked.
func (b *Breaker) Allow() bool { return !b.open.Load() }

// Success is to be called when the store answered a call.
func (b *Breaker) Success() {
	if b.failures.Load() != 0 { // a write that most calls are spared
		b.failures.Store(0)
	}
}

// Failure is to be called when the store could not answer a call.
func (b *Breaker) Failure(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Open || b.failures.Add(1) < int64(b.o.Failures) {
		return
	}
	b.change(State{Open: true, Since: time.Now(), Err: err})
}

// State returns the state at this moment.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Close ends the probe and waits for it and for a call of OnState under way.
// The state stays as it is, until failures open it. Closing twice does nothing.
func (b *Breaker) Close() {
	b.cancel()
	b.done.Wait()
}

// change is called with mu held.
func (b *Breaker) change(s State) {
	b.state = s
	b.failures.Store(0)
	b.open.Store(s.Open)
	if b.news != nil {
		b.news.add(s)
	}
}

// watch probes until the breaker is closed for good.
func (b *Breaker) watch() {
	timer := time.NewTimer(b.pause())
	defer timer.Stop()
	for good := 0; ; timer.Reset(b.pause()) {
		select {
		case <-b.ctx.Done():
			return
		case <-timer.C:
		}
		err := b.probe()
		switch {
		case b.ctx.Err() != nil:
			return
		case err != nil:
			good = 0
			b.Failure(err)
		case b.Allow(): // a probe that succeeds says nothing about calls that fail
			good = 0
		default:
			if good++; good == successes {
				good = 0
				b.recover()
			}
		}
	}
}

func (b *Breaker) probe() error {
	ctx, cancel := context.WithTimeout(b.ctx, b.o.Timeout)
	defer cancel()
	return b.o.Probe(ctx)
}

func (b *Breaker) recover() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.change(State{Since: time.Now()})
}

func (b *Breaker) pause() time.Duration {
	tenth := b.o.Every / 10
	return b.o.Every - tenth + rand.N(2*tenth+1)
}
