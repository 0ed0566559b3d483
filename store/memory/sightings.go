package memory

import (
	"container/list"
	"context"
	"slices"
	"sync"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Sightings = (*Sightings)(nil)

// maxSightings is how many pairs of device and country are kept for a user.
const maxSightings = 64

// Sightings remembers users in this process, those seen last. When there is one
// too many, the one who has not been seen for longest is forgotten. It is safe
// for concurrent use and takes no notice of contexts.
type Sightings struct {
	mu     sync.Mutex
	max    int
	byName map[string]*list.Element
	recent *list.List // of *person, the one seen last in front
}

// person is one user with their sightings, newest first.
type person struct {
	name string
	seen []gatehouse.Sighting
}

// NewSightings returns an empty store that reads MaxUsers.
func NewSightings(o Options) *Sightings {
	return &Sightings{
		max:    orDefault(o.MaxUsers, 100_000),
		byName: make(map[string]*list.Element),
		recent: list.New(),
	}
}

// See implements gatehouse.Sightings. It keeps 64 sightings of a user. Of two on
// one device in one country the newer by its own time stays, so that logins
// whose records cross do not put it back.
func (s *Sightings) See(_ context.Context, user string, sg gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	user = gatehouse.CleanText(user, gatehouse.MaxText)
	sg = sg.Clean()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[user]
	if e == nil {
		e = s.recent.PushFront(&person{name: user})
		s.byName[user] = e
		if s.recent.Len() > s.max {
			delete(s.byName, s.recent.Remove(s.recent.Back()).(*person).name)
		}
	}
	s.recent.MoveToFront(e)
	p := e.Value.(*person)
	earlier := slices.Clone(p.seen)
	p.see(sg)
	return earlier, nil
}

func (p *person) see(sg gatehouse.Sighting) {
	same := slices.IndexFunc(p.seen, func(o gatehouse.Sighting) bool {
		return o.Device.ID == sg.Device.ID && o.Place.Country == sg.Place.Country
	})
	if same >= 0 {
		if sg.Time.Before(p.seen[same].Time) {
			return
		}
		p.seen = slices.Delete(p.seen, same, same+1)
	}
	at := 0
	for at < len(p.seen) && p.seen[at].Time.After(sg.Time) {
		at++
	}
	p.seen = slices.Insert(p.seen, at, sg)
	p.seen = p.seen[:min(len(p.seen), maxSightings)]
}
