package redis

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"github.com/redis/rueidis"
)

type dialFunc func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

// conns knows the open connections, so that all can be closed at once: rueidis
// would wait for a silent server.
type conns struct {
	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// conn is a connection that conns knows.
type conn struct {
	net.Conn
	all *conns
}

// dialer returns a function that dials as dial does, or as rueidis would
// without one, gives up when life ends, and remembers the connection.
func (cs *conns) dialer(life context.Context, dial dialFunc) dialFunc {
	if dial == nil {
		dial = plainDial
	}
	return func(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		nc, err := dial(ctx, address, d, t)
		if err != nil {
			return nil, err
		}
		return cs.add(nc)
	}
}

func plainDial(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
	if t != nil {
		return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", address)
	}
	return d.DialContext(ctx, "tcp", address)
}

func (cs *conns) add(nc net.Conn) (net.Conn, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		nc.Close()
		return nil, rueidis.ErrClosing
	}
	if cs.open == nil {
		cs.open = map[*conn]struct{}{}
	}
	c := &conn{Conn: nc, all: cs}
	cs.open[c] = struct{}{}
	return c, nil
}

// Close closes the connection and forgets it.
func (c *conn) Close() error {
	c.all.mu.Lock()
	delete(c.all.open, c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// drop closes all connections; new ones are made on demand.
func (cs *conns) drop() {
	cs.mu.Lock()
	all := make([]*conn, 0, len(cs.open))
	for c := range cs.open {
		all = append(all, c)
	}
	cs.mu.Unlock()
	for _, c := range all {
		c.Conn.Close() // rueidis closes it once more, and it is forgotten
	}
}

// shut closes all connections for good.
func (cs *conns) shut() {
	cs.mu.Lock()
	cs.closed = true
	cs.mu.Unlock()
	cs.drop()
}
