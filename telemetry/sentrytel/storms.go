package sentrytel

import (
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/fluxstudio/gatehouse"
)

// stormEvery is how often authentication errors of one type at one endpoint are
// told of at most.
const stormEvery = time.Minute

// maxStorms bounds how many pairs of type and endpoint are told apart.
const maxStorms = 128

type stormKey struct {
	kind     gatehouse.Kind
	endpoint string
}

// storm sums up authentication errors of one type at one endpoint.
type storm struct {
	told  time.Time
	count int            // since then
	last  *sentry.Event  // the latest one, unless it was told
	since time.Time      // when the first one of count happened
	users map[string]int // how often each, for at most maxStormUsers
}

const maxStormUsers = 16

// storms holds what was not told yet. The zero value is empty. It is safe for
// concurrent use.
type storms struct {
	mu  sync.Mutex
	all map[stormKey]*storm
}

// authenticationError tells of a record now, or sums it up.
func (m *Monitor) authenticationError(rec *gatehouse.Record, who sentry.User, ip string) {
	now := m.o.Now()
	key := stormKey{rec.Kind, rec.Endpoint}
	n := max(rec.Count, 1)

	s := &m.storms
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[key]
	if one == nil {
		if s.all == nil {
			s.all = make(map[stormKey]*storm)
		}
		if len(s.all) >= maxStorms {
			m.counts.drop(Limited)
			return
		}
		one = new(storm)
		s.all[key] = one
	}
	if one.count == 0 {
		one.since, one.users = rec.Time, nil
	}
	one.count += n
	if who.ID != "" && (len(one.users) < maxStormUsers || one.users[who.ID] > 0) {
		if one.users == nil {
			one.users = make(map[string]int)
		}
		one.users[who.ID] += n
	}
	since := now.Sub(one.told)
	due := one.told.IsZero() || since >= stormEvery || since < 0
	if !due && one.last != nil {
		return // there is an example already
	}
	e := m.recordEvent(rec, sentry.LevelInfo, who, ip)
	e.Logger = "gatehouse.authentication"
	e.Tags["reason"] = rec.Reason
	e.Fingerprint = []string{"gatehouse", "authentication", string(rec.Kind), rec.Endpoint}
	one.last = e
	if due {
		m.tellStorm(one, now)
	}
}

// tellStorm sends what was summed up. The caller holds the lock.
func (m *Monitor) tellStorm(one *storm, now time.Time) {
	e, c := one.last, sentry.Context{"count": one.count, "since": one.since}
	if len(one.users) > 1 {
		c["users"] = one.users
	}
	e.Contexts["failures"] = c
	one.told, one.count, one.last = now, 0, nil
	if m.allow(m.events) {
		m.queue.offer(e)
	}
}

// flushStorms sends what was summed up and not told yet.
func (m *Monitor) flushStorms() {
	s := &m.storms
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.last != nil {
			m.tellStorm(one, m.o.Now())
		}
	}
}
