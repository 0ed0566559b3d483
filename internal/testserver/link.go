package testserver

import (
	"context"
	"net"
	"sync"
	"time"
)

// link is one connection through a proxy.
type link struct {
	proxy  *FaultProxy
	client *net.TCPConn
	ctx    context.Context // ends with the link
	cancel context.CancelFunc
}

// close ends the link; run returns soon after.
func (l *link) close() {
	l.cancel()
	l.client.Close()
}

// reset ends the link, and the client gets a TCP reset.
func (l *link) reset() {
	l.client.SetLinger(0) // fails on a closed connection, where it doesn't matter
	l.close()
}

func (l *link) run() {
	defer l.close()
	server, err := new(net.Dialer).DialContext(l.ctx, "tcp", l.proxy.upstream)
	if err != nil {
		return
	}
	closed := make(chan struct{})
	context.AfterFunc(l.ctx, func() {
		server.Close()
		close(closed)
	})
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(l.client, server, false) })
	pumps.Go(func() { l.pump(server, l.client, true) })
	pumps.Wait() // each closes the link at its end
	<-closed
}

// chunk is what was read at once.
type chunk struct {
	bytes []byte
	at    time.Time
}

// pump moves bytes one way until either end closes; what was read before that
// still arrives. Reading goes on while chunks wait, so that a delay is a delay
// and not a lower rate.
func (l *link) pump(from, to net.Conn, answers bool) {
	waiting := make(chan chunk, 1024)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(waiting)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			if n > 0 {
				select {
				case waiting <- chunk{b[:n], time.Now()}:
				case <-l.ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	defer reader.Wait()
	defer l.close()
	for c := range waiting {
		if !l.due(c, answers) {
			return
		}
		if _, err := to.Write(c.bytes); err != nil {
			return
		}
	}
}

// due waits until the chunk may pass, and reports whether it ever may.
func (l *link) due(c chunk, answer bool) bool {
	for {
		f, changed := l.proxy.current()
		var pass <-chan time.Time
		switch {
		case f.hold:
		case answer && f.delay > time.Since(c.at):
			timer := time.NewTimer(f.delay - time.Since(c.at))
			defer timer.Stop()
			pass = timer.C
		default:
			return l.ctx.Err() == nil
		}
		select {
		case <-pass:
		case <-changed:
		case <-l.ctx.Done():
			return false
		}
	}
}
