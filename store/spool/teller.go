package spool

import "sync"

// teller passes states on, in order, without making anybody wait.
type teller struct {
	mu     sync.Mutex
	queue  []State
	closed bool
	more   chan struct{}
	on     func(State)
}

func (t *teller) start(running *sync.WaitGroup, on func(State)) {
	t.on, t.more = on, make(chan struct{}, 1)
	if on != nil {
		running.Go(t.run)
	}
}

func (t *teller) tell(s State) {
	if t.on == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, s)
	wake(t.more)
}

// close ends the teller after what it has been told.
func (t *teller) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	wake(t.more)
}

func (t *teller) run() {
	for range t.more {
		t.mu.Lock()
		queue, closed := t.queue, t.closed
		t.queue = nil
		t.mu.Unlock()
		for _, s := range queue {
			t.on(s)
		}
		if closed {
			return
		}
	}
}
