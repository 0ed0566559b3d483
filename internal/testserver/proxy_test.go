package testserver_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fluxstudio/gatehouse/internal/testserver"
)

func TestProxyFaults(t *testing.T) {
	r := testserver.Redis(t)
	tests := []struct {
		name   string
		fault  func(*testserver.FaultProxy)
		within time.Duration
		opened error // of a connection that was open before
		fresh  error // of a new one
	}{
		{"none", func(*testserver.FaultProxy) {}, time.Minute, nil, nil},
		{"slow", func(p *testserver.FaultProxy) { p.Latency(300 * time.Millisecond) }, time.Minute, nil, nil},
		{"too slow", func(p *testserver.FaultProxy) { p.Latency(time.Minute) }, 100 * time.Millisecond, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"black hole", (*testserver.FaultProxy).Blackhole, 100 * time.Millisecond, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		{"reset", (*testserver.FaultProxy).Reset, time.Minute, syscall.ECONNRESET, syscall.ECONNRESET},
		{"down", (*testserver.FaultProxy).Down, time.Minute, io.EOF, syscall.ECONNREFUSED},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testserver.Proxy(t, r.Addr)
			conn, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := roundTrip(conn, time.Minute); err != nil {
				t.Fatal(err)
			}
			tt.fault(p)
			start := time.Now()
			if err := roundTrip(conn, tt.within); !errors.Is(err, tt.opened) {
				t.Errorf("open connection: %v, want %v", err, tt.opened)
			}
			if took := time.Since(start); tt.name == "slow" && took < 300*time.Millisecond {
				t.Errorf("answered after %v", took)
			}
			if err := ping(p.Addr, tt.within); !errors.Is(err, tt.fresh) {
				t.Errorf("new connection: %v, want %v", err, tt.fresh)
			}
			p.Heal()
			if err := ping(p.Addr, time.Minute); err != nil {
				t.Errorf("healed: %v", err)
			}
		})
	}
}

// What a network holds back while it is cut arrives once it is healed.
func TestProxyDeliversLate(t *testing.T) {
	r := testserver.Redis(t)
	p := testserver.Proxy(t, r.Addr)
	p.Blackhole()
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := roundTrip(conn, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	p.Heal()
	want := "+PONG\r\n"
	b := make([]byte, len(want))
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
}

// Faults begin and end under answers of megabytes to clients that don't read
// them, and the proxy neither hangs nor leaves a goroutine.
func TestProxyUnderLoad(t *testing.T) {
	r := testserver.Redis(t)
	r.Call(t, "SETRANGE", "big", "3000000", "x")
	before := goleak.IgnoreCurrent()
	p := testserver.Proxy(t, r.Addr)
	var clients []net.Conn
	for _, fault := range []func(){p.Reset, p.Blackhole, func() { p.Latency(time.Hour) }, p.Down} {
		for range 20 {
			conn, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, conn)
			if _, err := conn.Write([]byte("GET big\r\nGET big\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		fault()
		p.Heal()
		if err := ping(p.Addr, time.Minute); err != nil {
			t.Error(err)
		}
	}
	p.Down()
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		c.Close()
	}
}
