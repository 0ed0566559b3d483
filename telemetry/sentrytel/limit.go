package sentrytel

import (
	"sync"
	"time"
)

// bucket lets through so many per minute, and a part of them at once. It is safe
// for concurrent use.
type bucket struct {
	mu     sync.Mutex
	rate   float64 // per second
	burst  float64
	tokens float64
	last   time.Time
}

func newBucket(perMinute int) *bucket {
	burst := max(float64(perMinute)/4, 1)
	return &bucket{rate: float64(perMinute) / 60, burst: burst, tokens: burst}
}

// take reports whether one more may go at the instant at.
func (b *bucket) take(at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since := at.Sub(b.last); since > 0 { // a clock that steps back gives nothing
		if !b.last.IsZero() {
			b.tokens = min(b.burst, b.tokens+since.Seconds()*b.rate)
		}
		b.last = at
	} else if since < -time.Minute {
		b.last = at // it was set back for good
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// quota counts how often each key came in the current minute, for at most
// maxKeys keys; the ones beyond share one count. It is safe for concurrent use.
type quota struct {
	mu    sync.Mutex
	start time.Time
	seen  map[string]int
}

const maxKeys = 512

// hit counts one occurrence of key. It returns how often the key has come in
// this minute.
func (q *quota) hit(key string, at time.Time) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if age := at.Sub(q.start); q.seen == nil || age >= time.Minute || age < 0 {
		q.start, q.seen = at, make(map[string]int)
	}
	if _, known := q.seen[key]; !known && len(q.seen) >= maxKeys {
		key = ""
	}
	q.seen[key]++
	return q.seen[key]
}
