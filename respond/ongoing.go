package respond

import (
	"container/list"
	"sync"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// ongoing remembers the attacks that go on, least recently seen first out.
type ongoing struct {
	mu      sync.Mutex
	max     int
	attacks map[attackKey]*list.Element // of *attack
	recent  *list.List                  // most recent in front
}

// attackKey tells attacks apart. What a rule finds in the shadow is another attack
// than the same in force, so that people are told of it once the rule counts.
type attackKey struct {
	key    gatehouse.Key
	shadow bool
}

type attack struct {
	key         attackKey
	id          string
	first, last time.Time
	count       int
}

func newOngoing(max int) *ongoing {
	return &ongoing{max: max, attacks: make(map[attackKey]*list.Element), recent: list.New()}
}

// join gives f the identity of the attack that key names if that was seen less
// than quiet ago, and a new one otherwise.
func (o *ongoing) join(key attackKey, quiet time.Duration, at time.Time, f *gatehouse.Finding) {
	o.mu.Lock()
	defer o.mu.Unlock()
	el := o.attacks[key]
	if el == nil || at.Sub(el.Value.(*attack).last) >= quiet {
		if el != nil {
			o.remove(el)
		}
		el = o.recent.PushFront(&attack{key: key, id: gatehouse.NewID(at), first: at, last: at})
		o.attacks[key] = el
		if o.recent.Len() > o.max {
			o.remove(o.recent.Back())
		}
	}
	a := el.Value.(*attack)
	a.count++
	if at.After(a.last) {
		a.last = at
	}
	o.recent.MoveToFront(el)
	f.ID, f.First, f.Last, f.Count = a.id, a.first, a.last, a.count
}

func (o *ongoing) remove(el *list.Element) {
	delete(o.attacks, el.Value.(*attack).key)
	o.recent.Remove(el)
}
