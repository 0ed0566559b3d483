package sentrytel

import "github.com/getsentry/sentry-go"

// waiting is an event that waits to be sent.
type waiting struct {
	event *sentry.Event
	raw   bool // and first to be prepared
}

// fifo is a queue of events.
type fifo struct {
	events []waiting
	head   int
}

func (f *fifo) len() int { return len(f.events) - f.head }

func (f *fifo) push(w waiting) {
	if f.head > 0 && len(f.events) == cap(f.events) {
		n := copy(f.events, f.events[f.head:])
		clear(f.events[n:])
		f.events, f.head = f.events[:n], 0
	}
	f.events = append(f.events, w)
}

// pop returns the oldest event, or none if there is none.
func (f *fifo) pop() (w waiting) {
	if f.len() == 0 {
		return w
	}
	w, f.events[f.head] = f.events[f.head], waiting{}
	f.head++
	return w
}
