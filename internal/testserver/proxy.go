package testserver

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// FaultProxy stands between a client and a server, and fails as it is told to.
// What it is told holds for connections that are open as well as for new ones,
// and replaces what it was told before. It is safe for concurrent use.
//
// It is no Toxiproxy, because that one hangs, and leaves goroutines, when a fault
// ends while answers of megabytes are under way, and cannot reset connections
// that were open before.
type FaultProxy struct {
	Addr string // host:port

	t        testing.TB
	upstream string
	running  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while it is down
	links    map[*link]struct{}
	fault    fault
	changed  chan struct{} // closed when the fault changes
}

// fault is how the proxy fails. The zero value is not at all.
type fault struct {
	delay time.Duration // of answers
	hold  bool          // everything
	reset bool          // connections
}

// Proxy starts a proxy before an address, host:port.
func Proxy(t testing.TB, upstream string) *FaultProxy {
	t.Helper()
	p := &FaultProxy{t: t, upstream: upstream, links: map[*link]struct{}{}, changed: make(chan struct{})}
	listener, err := servers.Listen()
	if err != nil {
		t.Fatal(err)
	}
	p.Addr = listener.Addr().String()
	p.serve(listener)
	t.Cleanup(p.Down)
	return p
}

// Latency delays each answer. Answers that follow each other closely are delayed
// together, not one after the other.
func (p *FaultProxy) Latency(d time.Duration) { p.set(fault{delay: d}) }

// Blackhole accepts connections and passes nothing on. As with a network that
// was cut, what was sent meanwhile arrives when it is healed.
func (p *FaultProxy) Blackhole() { p.set(fault{hold: true}) }

// Reset ends each connection with a TCP reset, open ones at once and new ones
// as soon as they are accepted.
func (p *FaultProxy) Reset() {
	p.set(fault{reset: true})
	p.cut()
}

// Heal ends every fault.
func (p *FaultProxy) Heal() {
	p.t.Helper()
	p.set(fault{})
	p.Up()
}

// Down closes all connections and refuses new ones. It returns when no goroutine
// of the proxy is left.
func (p *FaultProxy) Down() {
	p.mu.Lock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.cut()
	p.running.Wait()
}

// Up accepts connections again.
func (p *FaultProxy) Up() {
	p.t.Helper()
	p.mu.Lock()
	up := p.listener != nil
	p.mu.Unlock()
	if up {
		return
	}
	listener, err := net.Listen("tcp", p.Addr)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.serve(listener)
}

func (p *FaultProxy) serve(listener net.Listener) {
	p.mu.Lock()
	p.listener = listener
	p.mu.Unlock()
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.accept(listener, client.(*net.TCPConn))
		}
	})
}

func (p *FaultProxy) accept(by net.Listener, client *net.TCPConn) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{proxy: p, client: client, ctx: ctx, cancel: cancel}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.reset || p.listener != by {
		l.reset()
		return
	}
	p.links[l] = struct{}{}
	p.running.Go(func() {
		l.run()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	})
}

func (p *FaultProxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *FaultProxy) current() (fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.changed
}

// cut ends all connections; with a reset, if that is the fault.
func (p *FaultProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if p.fault.reset {
			l.reset()
		} else {
			l.close()
		}
	}
}
