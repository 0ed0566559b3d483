package alerting_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/alerting"
	"github.com/fluxstudio/gatehouse/notify"
	"github.com/fluxstudio/gatehouse/outbox"
	"github.com/fluxstudio/gatehouse/store/sql"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// bench is a store with dispatchers on it, which look when a test says so.
type bench struct {
	t     *testing.T
	store *sql.Store
	clock *clock
	n     int // records written
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := sql.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"), sql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &bench{t: t, store: s, clock: &clock{at: noon}}
}

var ops = alerting.Route{Name: "ops", Channels: []string{"mail"}}

func (b *bench) dispatcher(holder string, routes ...alerting.Route) *alerting.Dispatcher {
	b.t.Helper()
	d, err := alerting.New(alerting.Options{Store: b.store, Routes: routes, Holder: holder, Now: b.clock.now, Batch: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *bench) look(d *alerting.Dispatcher) {
	b.t.Helper()
	if err := alerting.Look(d, b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// finding is an attack from an address at the bench's time.
func (b *bench) finding(rule, ip string) gatehouse.Record {
	b.n++
	id := fmt.Sprintf("r%06d", b.n)
	at := b.clock.now()
	f := gatehouse.Finding{
		ID: "f" + id, Rule: rule, Kind: gatehouse.BruteForceDetected, Severity: gatehouse.High, KeyedBy: "account+ip",
		Observed: 5, Threshold: 5, Window: 5 * time.Minute, First: at, Last: at, Count: 1,
		Actions: []gatehouse.Action{
			{Response: "log"}, {Response: "alert"},
			{Response: "block_ip", Target: netip.MustParsePrefix("192.0.2.0/24"), Until: at.Add(time.Hour), Undo: "gatehouse blocks remove 192.0.2.0/24"},
		},
	}
	r := gatehouse.Record{ID: id, Severity: f.Severity, Finding: &f}
	r.Kind, r.Time, r.IP, r.Account = f.Kind, at, netip.MustParseAddr(ip), fmt.Sprintf("person%d@example.com", b.n)
	return r
}

func (b *bench) write(records ...gatehouse.Record) {
	b.t.Helper()
	if err := b.store.Append(b.t.Context(), records...); err != nil {
		b.t.Fatal(err)
	}
}

// queued returns what is in the outbox, oldest first.
func (b *bench) queued() []outbox.Delivery {
	b.t.Helper()
	list, err := b.store.Deliveries(context.Background(), outbox.Filter{})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// expect checks the kinds of what is in the outbox.
func (b *bench) expect(when string, want ...notify.Kind) []outbox.Delivery {
	b.t.Helper()
	list := b.queued()
	ok := len(list) == len(want)
	for i := range list {
		ok = ok && list[i].Message.Kind == want[i]
	}
	if !ok {
		b.t.Fatalf("%s: %d messages, want %v:\n%s", when, len(list), want, texts(list))
	}
	return list
}

func texts(list []outbox.Delivery) (s string) {
	for _, d := range list {
		s += fmt.Sprintf("%s %s: %s | %s %v\n", d.ID, d.Message.Kind, d.Message.Subject, d.Message.Text, d.Message.Facts)
	}
	return s
}

func fact(d outbox.Delivery, name string) string {
	for _, f := range d.Message.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
