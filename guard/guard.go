// Package guard is the engine: it decides whether a login attempt, a signup or
// a request may go on, recognises attacks by the rules of package rules, has
// them responded to, and writes down what happened before it answers.
//
// A login attempt is a life cycle. Begin reserves one of the guesses that the
// brute-force rule allows, before the password is looked at; Succeed, Fail or
// Abandon settles it. So failures and attempts in flight together never exceed
// the limit, whatever the parallelism. Other events are put to Admit before
// work is done for them, and to Observe once they have happened.
//
// Every judgement can also be called by itself: see the methods that begin
// with Check. They count and judge; they neither respond nor record.
//
// The engine knows its stores only as the ports of package gatehouse, and takes
// time as data: nothing here reads a clock.
package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/agent"
	"github.com/fluxstudio/gatehouse/respond"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/travel"
)

// Options are the parts that a Guard works with.
type Options struct {
	// Rules are the rules at the start; see SetRules. Default: rules.Default().
	Rules rules.Set

	Windows   gatehouse.Windows   // required
	Blocks    gatehouse.Blocks    // required
	Sightings gatehouse.Sightings // required
	Journal   gatehouse.Journal   // required

	// Log answers UserStats, which fails without it.
	Log gatehouse.Log
	// Places tells where addresses are. Default: nowhere known.
	Places gatehouse.Places
	// Alerts takes the findings that people should hear of. Default: none.
	Alerts gatehouse.Alerts

	// Secret keys the names of counters; nodes that share counters share it.
	// At least 16 bytes. Default: random, good for one process.
	Secret []byte
	// LoginWait is how long an attempt waits for its turn while others on the
	// same account and address are being verified. Default: 10 s.
	LoginWait time.Duration
	// Exempt reports whether an address is one that no rule keeps out, such as a
	// health checker's. Its requests are counted, judged and recorded as all are,
	// and Admit lets them go on; logins keep their limit for each account. That
	// it is not blocked either is up to Blocks. It is called concurrently, with
	// an address as gatehouse.CleanAddr returns it. Default: none is.
	Exempt func(netip.Addr) bool
	// OnCount is told of each count that a rule has made: how many there are of
	// the threshold at which it fires. So it learns how near ordinary traffic
	// comes. Immediate rules count nothing. It is called concurrently and for each
	// request, and so must be fast and should not allocate. Default: nobody is told.
	OnCount func(rule string, count, threshold int)
	// Travel sets what speed counts as impossible. Default: see travel.Options.
	Travel travel.Options
	// OnError is told of failures that were survived, such as a place history
	// that could not be read. It may be called concurrently. Default: ignored.
	OnError func(ctx context.Context, doing string, err error)
}

// Guard is the engine. It is safe for concurrent use.
type Guard struct {
	rules     atomic.Pointer[rules.Set] // what it points at is never changed
	windows   gatehouse.Windows
	blocks    gatehouse.Blocks
	sightings gatehouse.Sightings
	journal   gatehouse.Journal
	log       gatehouse.Log
	places    gatehouse.Places
	keys      keyer
	agents    *agent.Judge
	exempt    func(netip.Addr) bool
	responder *respond.Responder
	refusals  refusals
	hits      sync.Pool // of *[1]gatehouse.Hit: what goes through a port escapes to the heap
	wait      time.Duration
	onCount   func(rule string, count, threshold int) // nil: nobody is told
	travel    travel.Options
	onError   func(ctx context.Context, doing string, err error)
}

// New returns a Guard, or an error that names the part that is missing.
func New(o Options) (*Guard, error) {
	switch {
	case o.Windows == nil:
		return nil, errors.New("guard: Options.Windows is required")
	case o.Blocks == nil:
		return nil, errors.New("guard: Options.Blocks is required")
	case o.Sightings == nil:
		return nil, errors.New("guard: Options.Sightings is required")
	case o.Journal == nil:
		return nil, errors.New("guard: Options.Journal is required")
	case o.Secret != nil && len(o.Secret) < 16:
		return nil, errors.New("guard: Options.Secret is shorter than 16 bytes")
	}
	if o.Rules == (rules.Set{}) {
		o.Rules = rules.Default()
	}
	if o.Places == nil {
		o.Places = nowhere{}
	}
	if o.Secret == nil {
		o.Secret = make([]byte, 16)
		rand.Read(o.Secret)
	}
	if o.LoginWait == 0 {
		o.LoginWait = 10 * time.Second
	}
	if o.Exempt == nil {
		o.Exempt = func(netip.Addr) bool { return false }
	}
	if o.OnError == nil {
		o.OnError = func(context.Context, string, error) {}
	}
	g := &Guard{
		windows:   o.Windows,
		blocks:    o.Blocks,
		sightings: o.Sightings,
		journal:   o.Journal,
		log:       o.Log,
		places:    o.Places,
		keys:      newKeyer(o.Secret),
		agents:    agent.New(),
		responder: respond.New(respond.Options{Blocks: o.Blocks, Alerts: o.Alerts}),
		wait:      o.LoginWait,
		exempt:    o.Exempt,
		onCount:   o.OnCount,
		travel:    o.Travel,
		onError:   o.OnError,
		hits:      sync.Pool{New: func() any { return new([1]gatehouse.Hit) }},
	}
	g.SetRules(o.Rules)
	return g, nil
}

// Rules returns the rules in force.
func (g *Guard) Rules() rules.Set { return *g.rules.Load() }

// SetRules puts other rules in force, from the next call on. A call that is under
// way, and an Attempt that has begun, keep those that they began with. What was
// counted stays; see gatehouse.Windows for limits that change.
func (g *Guard) SetRules(s rules.Set) { g.rules.Store(&s) }

// told tells who wants to know how near a rule has come to firing.
func (g *Guard) told(rule *rules.Rule, count int) {
	if g.onCount != nil {
		g.onCount(rule.Name, count, rule.Limit.Threshold)
	}
}

// clean makes an event from outside fit to be judged and kept.
func (g *Guard) clean(e gatehouse.Event) gatehouse.Event {
	e.IP = gatehouse.CleanAddr(e.IP)
	e.UserAgent = gatehouse.CleanText(e.UserAgent, gatehouse.MaxText)
	e.Endpoint = gatehouse.CleanText(e.Endpoint, gatehouse.MaxText)
	e.Reason = gatehouse.CleanText(e.Reason, gatehouse.MaxText)
	e.Device.Name = gatehouse.CleanText(e.Device.Name, gatehouse.MaxText)
	if !e.Place.Known() {
		e.Place = g.places.Place(e.IP)
	}
	return e
}

type nowhere struct{}

func (nowhere) Place(netip.Addr) gatehouse.Place { return gatehouse.Place{} }
