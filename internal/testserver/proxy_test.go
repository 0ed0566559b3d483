package testserver_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

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
		{"reset", (*testserver.FaultProxy).Reset, time.Minute, io.EOF, syscall.ECONNRESET},
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
