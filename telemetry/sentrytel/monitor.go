package sentrytel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"
)

// Monitor reports to Sentry. Its methods are safe for concurrent use, never wait
// for Sentry (Flush and Close aside), and do nothing on a nil *Monitor and on one
// without a DSN.
type Monitor struct {
	o       Options
	dsn     *sentry.Dsn // nil: nothing is sent
	client  *sentry.Client
	hub     *sentry.Hub
	queue   *queue
	counts  counts
	crumbs  crumbs
	attacks flags
	closed  atomic.Bool

	keepBelow uint64 // a random number below it keeps a trace
	events    *bucket
	severe    *bucket
	traces    *bucket
	odd       *bucket // traces of attacks
	words     words
	logs      *bucket
	same      quota
	storms    storms
	logger    sentry.Logger
	meter     sentry.Meter
}

// New returns a Monitor. An error says which option is wrong and does not show
// the DSN. Close it.
func New(o Options) (*Monitor, error) {
	if o.DSN == "" {
		return &Monitor{o: o}, nil
	}
	dsn, err := parseDSN(o.DSN)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if len(o.UserKey) == 0 {
		o.UserKey = make([]byte, 32)
		rand.Read(o.UserKey) // never fails (crypto/rand)
	}
	m := &Monitor{
		o: o, dsn: dsn, crumbs: newCrumbs(), attacks: newFlags(),
		keepBelow: threshold(*o.TracesSampleRate),
		events:    newBucket(o.EventsPerMinute), severe: newBucket(o.EventsPerMinute),
		traces: newBucket(o.TracesPerMinute), odd: newBucket(o.AttackTracesPerMinute), logs: newBucket(o.LogsPerMinute),
	}
	m.o.Scrubber = anonymous{o.Scrubber, m.address}
	m.queue = newQueue(&m.counts, o)
	m.queue.prepare = m.prepare
	m.client, err = sentry.NewClient(m.clientOptions())
	if err != nil { // cannot be: the DSN was checked
		return nil, errors.New("sentry: the SDK does not accept its options")
	}
	m.hub = sentry.NewHub(m.client, sentry.NewScope())
	ctx := sentry.SetHubOnContext(context.Background(), m.hub)
	m.logger, m.meter = sentry.NewLogger(ctx), sentry.NewMeter(ctx)
	return m, nil
}

// threshold returns the number below which a random one is with the given
// probability.
func threshold(rate float64) uint64 {
	if rate >= 1 {
		return math.MaxUint64
	}
	return uint64(rate * (1 << 63) * 2)
}

func (m *Monitor) clientOptions() sentry.ClientOptions {
	return sentry.ClientOptions{
		Dsn:              m.o.DSN,
		Environment:      m.o.Environment,
		Release:          m.o.Release,
		ServerName:       m.o.ServerName,
		EnableTracing:    true, // for those who use Hub
		TracesSampleRate: *m.o.TracesSampleRate,
		MaxErrorDepth:    10,
		MaxSpans:         maxSpans,
		MaxBreadcrumbs:   maxCrumbs,
		Transport:        m.queue,
		// None of the SDK's own: they add the host's properties and the list of
		// all modules to each event, transactions included.
		Integrations:          func([]sentry.Integration) []sentry.Integration { return nil },
		DataCollection:        collectNothing(),
		BeforeSend:            m.beforeSend,
		BeforeSendTransaction: m.beforeSend,
		BeforeSendLog:         m.beforeSendLog,
		BeforeSendMetric:      m.beforeSendMetric,
		BeforeBreadcrumb:      m.beforeBreadcrumb,
	}
}

// collectNothing switches off all that the SDK would collect from requests by
// itself.
func collectNothing() *sentry.DataCollection {
	off := func() *sentry.KeyValueCollectionBehavior {
		return &sentry.KeyValueCollectionBehavior{Mode: sentry.CollectionOff}
	}
	return &sentry.DataCollection{
		UserInfo:    sentry.Set(false),
		Cookies:     off(),
		HTTPHeaders: &sentry.HeaderCollectionConfig{Request: off(), Response: off()},
		HTTPBodies:  []sentry.BodyType{},
		QueryParams: off(),
	}
}

// Enabled reports whether anything is sent at all.
func (m *Monitor) Enabled() bool { return m != nil && m.dsn != nil }

// String says in one line, for the log, what is sent where. It shows no key.
func (m *Monitor) String() string {
	if !m.Enabled() {
		return "Sentry is off: no DSN"
	}
	return fmt.Sprintf("Sentry is on: host %s, project %s, environment %s, release %s, %g %% of traces",
		m.dsn.GetHost(), m.dsn.GetProjectID(), m.o.Environment, m.o.Release, *m.o.TracesSampleRate*100)
}

// Stats returns how much was sent and dropped so far.
func (m *Monitor) Stats() Stats {
	if m == nil {
		return (&counts{}).stats()
	}
	s := m.counts.stats()
	if m.Enabled() {
		s.Waiting = m.queue.waiting()
	}
	return s
}

// Hub returns a new hub of the SDK that is bound to m's client, for code that
// speaks to the SDK itself; put it into a context with sentry.SetHubOnContext.
// What it sends is scrubbed and bounded like everything else. Without a DSN it is
// a hub that sends nothing.
func (m *Monitor) Hub() *sentry.Hub {
	if !m.Enabled() {
		return sentry.NewHub(sentry.NewNoopClient(), sentry.NewScope())
	}
	return m.hub.Clone()
}

// Meter returns the SDK's meter for counts, gauges and distributions. Their
// attributes are scrubbed.
func (m *Monitor) Meter() sentry.Meter {
	if !m.Enabled() {
		return sentry.NewMeter(sentry.SetHubOnContext(context.Background(), m.Hub()))
	}
	return m.meter
}

// Flush waits until what was captured before has been sent, or dropped. It
// returns the context's error if that ends first.
func (m *Monitor) Flush(ctx context.Context) error {
	if !m.Enabled() || m.closed.Load() {
		return nil
	}
	m.flushStorms()
	if m.client.FlushWithContext(ctx) {
		return nil
	}
	return context.Cause(ctx)
}

// Close flushes until ctx ends, drops what is left, and ends m's goroutines. Give
// ctx a deadline: a Sentry that hangs would otherwise be waited for. What is
// captured afterwards is dropped. It returns the context's error if something was
// left. Closing twice does no harm.
func (m *Monitor) Close(ctx context.Context) error {
	if !m.Enabled() {
		return nil
	}
	err := m.Flush(ctx)
	if m.closed.CompareAndSwap(false, true) {
		m.client.Close()
	}
	return err
}

// prepare lets the SDK complete and scrub an event of ours.
func (m *Monitor) prepare(e *sentry.Event) {
	m.client.CaptureEvent(e, &sentry.EventHint{Data: ours}, nil)
}

// allow takes one event from b, and counts it as dropped if there is none.
func (m *Monitor) allow(b *bucket) bool {
	if b.take(m.o.Now()) {
		return true
	}
	m.counts.drop(Limited)
	return false
}

// newEvent returns an event about a request, a job or a record.
func newEvent(level sentry.Level, correlation string) *sentry.Event {
	e := &sentry.Event{
		Level: level, Timestamp: time.Now(),
		Tags: make(map[string]string, 6), Contexts: make(map[string]sentry.Context, 4),
	}
	e.Contexts["runtime"] = runtimeContext()
	if correlation != "" {
		e.Tags[tagCorrelation] = correlation
	}
	e.Contexts["trace"] = sentry.Context{"trace_id": traceIDOf(correlation), "span_id": newSpanID()}
	return e
}

const tagCorrelation = "correlation_id"
