package app_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/netutil"

	"github.com/fluxstudio/gatehouse/app"
)

// Clients that ask once and then sit there do not keep others out.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	const room = 16
	ts := httptest.NewUnstartedServer(http.NotFoundHandler())
	ts.Listener = netutil.LimitListener(ts.Listener, room)
	app.ControlCrowd(ts.Config, room)
	ts.Start()
	defer ts.Close()
	for i := range 4 * room {
		conn, err := net.Dial("tcp", ts.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatalf("client %d was not answered: %v", i+1, err)
		}
	}
}
