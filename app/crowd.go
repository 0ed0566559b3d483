package app

import (
	"net"
	"net/http"
	"sync"
)

// crowd keeps clients that only hold their connections open from keeping others
// out: when three quarters of the room are taken, connections are closed as soon
// as they are idle, until no more than half is taken. It is safe for concurrent
// use.
type crowd struct {
	server *http.Server
	room   int

	mu     sync.Mutex
	inside int
}

// controlCrowd puts a server with room for so many connections under control. It
// must be called before the server serves.
func controlCrowd(server *http.Server, room int) {
	c := &crowd{server: server, room: room}
	server.ConnState = c.watch
}

func (c *crowd) watch(_ net.Conn, state http.ConnState) {
	c.mu.Lock() // also so that two changes take effect in their order
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.inside++; c.inside == c.room*3/4 {
			c.server.SetKeepAlivesEnabled(false) // closes those that are idle, too
		}
	case http.StateClosed, http.StateHijacked:
		if c.inside--; c.inside == c.room/2 {
			c.server.SetKeepAlivesEnabled(true)
		}
	}
}
