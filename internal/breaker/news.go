package breaker

import (
	"context"
	"sync"
)

// maxNews bounds what waits for a slow listener.
const maxNews = 16

// news is a queue of states from which the oldest falls out.
type news struct {
	mu     sync.Mutex
	queue  []State
	signal chan struct{} // holds one while the queue may not be empty
}

func newNews() *news { return &news{signal: make(chan struct{}, 1)} }

func (n *news) add(s State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == maxNews {
		n.queue = append(n.queue[:0], n.queue[1:]...)
	}
	n.queue = append(n.queue, s)
	select {
	case n.signal <- struct{}{}:
	default:
	}
}

func (n *news) take() (State, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		return State{}, false
	}
	s := n.queue[0]
	n.queue = n.queue[1:]
	return s, true
}

// tell hands each state to f until ctx ends.
func (n *news) tell(ctx context.Context, f func(State)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.signal:
		}
		for s, ok := n.take(); ok && ctx.Err() == nil; s, ok = n.take() {
			f(s)
		}
	}
}
