package alerting

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/outbox"
)

// limitSpan is for how long a message counts against its route's limit.
const limitSpan = time.Hour

// lane is a route with its open groups, and when it made messages lately.
type lane struct {
	Route
	gone  bool // the route is not configured any more
	open  map[string]*Group
	told  []time.Time
	dirty map[string]*Group // by ID
}

func newLane(r Route) *lane {
	return &lane{Route: r, open: map[string]*Group{}, dirty: map[string]*Group{}}
}

// recall takes up what earlier terms have left.
func (d *Dispatcher) recall(m Memory) {
	d.cursors = maps.Clone(m.Cursors)
	if d.cursors == nil {
		d.cursors = Cursors{}
	}
	d.lanes = nil
	for _, r := range d.o.Routes {
		d.lanes = append(d.lanes, newLane(r))
	}
	for _, g := range m.Groups {
		i := slices.IndexFunc(d.lanes, func(l *lane) bool { return l.Name == g.Route })
		if i < 0 {
			l := newLane(Route{Name: g.Route})
			l.gone = true
			d.lanes = append(d.lanes, l)
			i = len(d.lanes) - 1
		}
		l := d.lanes[i]
		if g.Open() {
			l.open[g.Key] = &g
		}
		if !g.Told.IsZero() {
			l.told = append(l.told, g.Told)
		}
	}
}

// join adds a finding to the group of its like, if it is for this route.
func (l *lane) join(r gatehouse.Record, now time.Time) {
	f := r.Finding
	if l.gone || !l.Matches(f.Rule, f.Kind, f.Severity) {
		return
	}
	key := l.key(r)
	g := l.open[key]
	if g == nil && l.used(now) >= l.Limit {
		key = Overflow
		g = l.open[key]
	}
	if g == nil {
		g = &Group{ID: gatehouse.NewID(now), Route: l.Name, Key: key, Opened: now}
		l.open[key] = g
	}
	g.join(r, now)
	l.dirty[g.ID] = g
}

// used is how much of the limit is used up: messages made within the last hour,
// and groups that are about to be told of.
func (l *lane) used(now time.Time) int {
	n := l.sent(now)
	for key, g := range l.open {
		if g.Messages == 0 && key != Overflow {
			n++
		}
	}
	return n
}

func (l *lane) sent(now time.Time) int {
	l.told = slices.DeleteFunc(l.told, func(t time.Time) bool { return now.Sub(t) >= limitSpan })
	return len(l.told)
}

// tell says what is to be told now, oldest group first.
func (l *lane) tell(d *Dispatcher, now time.Time) []outbox.Delivery {
	var list []outbox.Delivery
	say := func(g *Group, w what) {
		if w != resolved {
			g.Messages++
			g.Told, g.Known = now, g.Records
			l.told = append(l.told, now)
		}
		list = append(list, d.deliveries(l.Route, *g, w, w != resolved && len(l.told) == l.Limit, now)...)
		l.dirty[g.ID] = g
	}
	groups := slices.SortedFunc(maps.Values(l.open), func(a, b *Group) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	for _, g := range groups {
		quiet := now.Sub(g.Joined) >= l.ResolveAfter
		switch {
		case l.gone:
			l.closeGroup(g, now)
		case g.Messages == 0 && (g.Key != Overflow || l.used(now) < l.Limit):
			say(g, opened)
		case g.Messages == 0: // it waits for room
		case quiet:
			say(g, resolved)
			l.closeGroup(g, now)
		case g.Records > g.Known && now.Sub(g.Told) >= l.Repeat && l.used(now) < l.Limit:
			say(g, again)
		}
	}
	return list
}

func (l *lane) closeGroup(g *Group, now time.Time) {
	g.Resolved = now
	delete(l.open, g.Key)
	l.dirty[g.ID] = g
}

// changed returns the groups that have changed since it was called last.
func (l *lane) changed() []Group {
	var list []Group
	for _, g := range l.dirty {
		list = append(list, *g)
	}
	clear(l.dirty)
	return list
}
