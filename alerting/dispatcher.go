package alerting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Options are what a Dispatcher works with. Store and Holder are required.
type Options struct {
	Store  Store
	Routes []Route
	// Holder names this node, another one on each. A process that starts under
	// a name takes over from the one that had it.
	Holder string
	// TTL is how long after a leader's last sign of life another takes over.
	// Default 10 s.
	TTL time.Duration
	// Poll is how often the log is looked at without a Poke. Default 1 s.
	Poll time.Duration
	// Settle is what a Poke waits for more to come, so that a burst is one
	// transaction. Default 100 ms.
	Settle time.Duration
	// Batch is how many findings one transaction decides on. Default 500.
	Batch int
	// MaxAge is how old a finding may be: those of a time in which nobody was
	// to be alerted should wake nobody later. Default 7 days.
	MaxAge time.Duration
	// Keep is how long closed groups are kept. Default 7 days.
	Keep time.Duration
	Zone *time.Location   // of the times in messages; default: UTC
	Now  func() time.Time // default: time.Now
	// OnQueued is told that there is something new in the outbox. It must not
	// wait. Default: nobody is told.
	OnQueued func()
	// OnState is told, after each look at the log, why it failed, or nil.
	// Default: nobody is told.
	OnState func(error)
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&o.TTL, 10*time.Second)
	set(&o.Poll, time.Second)
	set(&o.Settle, 100*time.Millisecond)
	set(&o.MaxAge, 7*24*time.Hour)
	set(&o.Keep, 7*24*time.Hour)
	if o.Batch <= 0 {
		o.Batch = 500
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnQueued == nil {
		o.OnQueued = func() {}
	}
	if o.OnState == nil {
		o.OnState = func(error) {}
	}
	return o
}

// Dispatcher makes messages of findings. Its methods are safe for concurrent use,
// but for Run, which is called once.
type Dispatcher struct {
	o    Options
	poke chan struct{}

	// Only Run uses these. They are what the store has, as of this term.
	term    int64 // 0: this node does not lead
	led     time.Time
	cursors Cursors
	lanes   []*lane
	pruned  time.Time
}

// New checks the options and returns a Dispatcher. It does nothing until Run.
func New(o Options) (*Dispatcher, error) {
	if o.Store == nil || o.Holder == "" {
		return nil, errors.New("alerting: a dispatcher needs a store and a name")
	}
	routes, err := checkRoutes(o.Routes)
	if err != nil {
		return nil, err
	}
	o.Routes = routes
	return &Dispatcher{o: o.withDefaults(), poke: make(chan struct{}, 1)}, nil
}

// Poke has the dispatcher look at the log soon. It never waits.
func (d *Dispatcher) Poke() {
	select {
	case d.poke <- struct{}{}:
	default: // it is about to
	}
}

// resignGrace is how long it may take to make room for another leader at the end.
const resignGrace = 2 * time.Second

// Run follows the log until ctx ends, whenever this node leads. It returns nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(d.o.Poll)
	defer ticker.Stop()
	for {
		err := d.look(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, ErrLed) || errors.Is(err, ErrTerm) {
			err = nil // another node does it
		}
		d.o.OnState(err)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-d.poke:
			select {
			case <-ctx.Done():
			case <-time.After(d.o.Settle):
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	if d.term != 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignGrace)
		defer cancel()
		_ = d.o.Store.Resign(ctx, d.term) // else the term ends by itself
		d.forget()
	}
	return nil
}

func (d *Dispatcher) forget() { d.term, d.cursors, d.lanes = 0, nil, nil }

// look is follow, after whose failure what this node remembers may be no longer
// true.
func (d *Dispatcher) look(ctx context.Context) error {
	err := d.follow(ctx)
	if err != nil && ctx.Err() == nil { // at the end it is to resign
		d.forget()
	}
	return err
}

// follow makes sure that this node leads, and decides on all that is new.
func (d *Dispatcher) follow(ctx context.Context) error {
	if err := d.lead(ctx); err != nil {
		return err
	}
	for more := true; more && ctx.Err() == nil; {
		batch, err := d.o.Store.FindingsAfter(ctx, d.cursors, d.o.Batch)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if err := d.commit(ctx, batch); err != nil {
			return err
		}
		more = batch.More
	}
	return d.prune(ctx)
}

func (d *Dispatcher) lead(ctx context.Context) error {
	now := d.o.Now()
	if d.term != 0 && now.Sub(d.led).Abs() < d.o.TTL/3 {
		return nil
	}
	term, err := d.o.Store.Lead(ctx, Bid{Holder: d.o.Holder, Term: d.term, At: now, TTL: d.o.TTL})
	if err != nil {
		return fmt.Errorf("lead: %w", err)
	}
	if d.term == 0 {
		memory, err := d.o.Store.Recall(ctx, now.Add(-limitSpan))
		if err != nil {
			return fmt.Errorf("recall: %w", err)
		}
		d.recall(memory)
	}
	d.term, d.led = term, now
	return nil
}

// commit decides on a batch. Its cursors are kept when something else changes;
// until then they only spare this node from looking again.
func (d *Dispatcher) commit(ctx context.Context, batch Batch) error {
	now := d.o.Now()
	c := Change{Term: d.term, Cursors: batch.Cursors}
	for _, f := range batch.Findings {
		if asksForAlert(f.Finding) && now.Sub(f.Time) < d.o.MaxAge {
			for _, l := range d.lanes {
				l.join(f.Record, now)
			}
		}
	}
	if !batch.More { // of what goes on, people are told once
		for _, l := range d.lanes {
			c.Deliveries = append(c.Deliveries, l.tell(d, now)...)
		}
	}
	for _, l := range d.lanes {
		c.Groups = append(c.Groups, l.changed()...)
	}
	if len(batch.Findings) > 0 || len(c.Groups) > 0 {
		if err := d.o.Store.CommitAlerts(ctx, c); err != nil {
			return fmt.Errorf("keep alerts: %w", err)
		}
	}
	for node, seq := range batch.Cursors {
		d.cursors[node] = seq
	}
	if len(c.Deliveries) > 0 {
		d.o.OnQueued()
	}
	return nil
}

func asksForAlert(f *gatehouse.Finding) bool {
	if f == nil || f.Shadow {
		return false
	}
	for _, a := range f.Actions {
		if a.Response == "alert" {
			return true
		}
	}
	return false
}

// How often closed groups are forgotten, and in what portions.
const (
	pruneEvery = time.Hour
	pruneBatch = 500
)

func (d *Dispatcher) prune(ctx context.Context) error {
	now := d.o.Now()
	if now.Sub(d.pruned).Abs() < pruneEvery {
		return nil
	}
	n, err := d.o.Store.PruneGroups(ctx, now.Add(-d.o.Keep), pruneBatch)
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	if n < pruneBatch {
		d.pruned = now
	}
	return nil
}
