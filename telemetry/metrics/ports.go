package metrics

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/telemetry/internal/label"
)

// ports measures the calls of the engine's ports. Two decorators of one port
// share their series.
type ports struct {
	operations *label.Table[[2]string, *operation]
}

// operation is one method of one port.
type operation struct {
	calls  atomic.Uint64
	took   prometheus.Observer
	failed map[string]prometheus.Counter // by label.Cause
}

// maxOperations is more than all ports have methods.
const maxOperations = 32

func newPorts(r prometheus.Registerer) ports {
	names := []string{"port", "operation"}
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_port_operation_duration_seconds",
		Help: "How long the calls of a port took; of the quickest operations only a sample is timed.",
		Buckets: []float64{.00000025, .000001, .000005, .000025, .0001, .00025, .0005,
			.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
	}, names)
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_port_errors_total",
		Help: "Calls of a port that failed, by reason.",
	}, append(names, "reason"))
	r.MustRegister(took, failed)
	return ports{label.NewTable(maxOperations, func(name [2]string) *operation {
		o := &operation{took: took.WithLabelValues(name[:]...), failed: make(map[string]prometheus.Counter)}
		for _, cause := range label.Causes() {
			o.failed[cause] = failed.WithLabelValues(name[0], name[1], cause)
		}
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "gatehouse_port_operations_total",
			Help:        "Calls of a port.",
			ConstLabels: prometheus.Labels{"port": name[0], "operation": name[1]},
		}, func() float64 { return float64(o.calls.Load()) }))
		return o
	})}
}

func (p *ports) operation(port, name string) *operation {
	o, _ := p.operations.Get([2]string{port, name}) // never full: these names are ours
	return o
}

// begin counts a call, and returns when it began if it is to be timed: the
// first one of every mask+1.
func (o *operation) begin(mask uint64) (start time.Time) {
	if o.calls.Add(1)&mask == 1&mask {
		start = time.Now()
	}
	return start
}

// end notes how a call ended.
func (o *operation) end(start time.Time, err error) {
	if !start.IsZero() {
		o.took.Observe(time.Since(start).Seconds())
	}
	if err != nil && !errors.Is(err, gatehouse.ErrNotFound) {
		o.failed[label.Cause(err)].Inc()
	}
}

// Windows measures next. Reserve includes the time that an attempt waits for
// its turn.
func (m *Metrics) Windows(next gatehouse.Windows) gatehouse.Windows {
	op := func(name string) *operation { return m.ports.operation("windows", name) }
	return &windows{next, m.mask, op("hit"), op("reserve"), op("settle"), op("forget")}
}

type windows struct {
	next                         gatehouse.Windows
	mask                         uint64
	hit, reserve, settle, forget *operation
}

func (w *windows) Hit(ctx context.Context, at time.Time, hits []gatehouse.Hit) error {
	start := w.hit.begin(w.mask)
	err := w.next.Hit(ctx, at, hits)
	w.hit.end(start, err)
	return err
}

func (w *windows) Reserve(ctx context.Context, at time.Time, key gatehouse.Key, limit gatehouse.Limit, wait time.Duration) (gatehouse.Reservation, gatehouse.Tally, error) {
	start := w.reserve.begin(0)
	r, t, err := w.next.Reserve(ctx, at, key, limit, wait)
	w.reserve.end(start, err)
	return r, t, err
}

func (w *windows) Settle(ctx context.Context, at time.Time, r gatehouse.Reservation, outcome gatehouse.Outcome) (gatehouse.Tally, error) {
	start := w.settle.begin(0)
	t, err := w.next.Settle(ctx, at, r, outcome)
	w.settle.end(start, err)
	return t, err
}

func (w *windows) Forget(ctx context.Context, keys ...gatehouse.Key) error {
	start := w.forget.begin(0)
	err := w.next.Forget(ctx, keys...)
	w.forget.end(start, err)
	return err
}

// Blocks measures next.
func (m *Metrics) Blocks(next gatehouse.Blocks) gatehouse.Blocks {
	op := func(name string) *operation { return m.ports.operation("blocks", name) }
	return &blocks{next, m.mask, op("place"), op("lift"), op("blocked"), op("list")}
}

type blocks struct {
	next                       gatehouse.Blocks
	mask                       uint64
	place, lift, blocked, list *operation
}

func (b *blocks) Place(ctx context.Context, block gatehouse.Block) (gatehouse.Block, error) {
	start := b.place.begin(0)
	got, err := b.next.Place(ctx, block)
	b.place.end(start, err)
	return got, err
}

func (b *blocks) Lift(ctx context.Context, prefix netip.Prefix, at time.Time) (gatehouse.Block, error) {
	start := b.lift.begin(0)
	got, err := b.next.Lift(ctx, prefix, at)
	b.lift.end(start, err)
	return got, err
}

func (b *blocks) Blocked(ctx context.Context, ip netip.Addr, at time.Time) (gatehouse.Block, bool, error) {
	start := b.blocked.begin(b.mask)
	got, found, err := b.next.Blocked(ctx, ip, at)
	b.blocked.end(start, err)
	return got, found, err
}

func (b *blocks) List(ctx context.Context, at time.Time) ([]gatehouse.Block, error) {
	start := b.list.begin(0)
	got, err := b.next.List(ctx, at)
	b.list.end(start, err)
	return got, err
}

// Journal measures next.
func (m *Metrics) Journal(next gatehouse.Journal) gatehouse.Journal {
	return &journal{next, m.ports.operation("journal", "append")}
}

type journal struct {
	next   gatehouse.Journal
	append *operation
}

func (j *journal) Append(ctx context.Context, records ...gatehouse.Record) error {
	start := j.append.begin(0)
	err := j.next.Append(ctx, records...)
	j.append.end(start, err)
	return err
}

// Sightings measures next.
func (m *Metrics) Sightings(next gatehouse.Sightings) gatehouse.Sightings {
	return &sightings{next, m.ports.operation("sightings", "see")}
}

type sightings struct {
	next gatehouse.Sightings
	see  *operation
}

func (s *sightings) See(ctx context.Context, user string, now gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	start := s.see.begin(0)
	before, err := s.next.See(ctx, user, now)
	s.see.end(start, err)
	return before, err
}

// Alerts measures whether alerts were accepted by next. How their delivery
// ended is told to AlertSent and AlertFailed.
func (m *Metrics) Alerts(next gatehouse.Alerts) gatehouse.Alerts {
	return &alerts{next, m.ports.operation("alerts", "alert")}
}

type alerts struct {
	next  gatehouse.Alerts
	alert *operation
}

func (a *alerts) Alert(ctx context.Context, r gatehouse.Record) error {
	start := a.alert.begin(0)
	err := a.next.Alert(ctx, r)
	a.alert.end(start, err)
	return err
}
