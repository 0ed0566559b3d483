package memory_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
	"github.com/fluxstudio/gatehouse/store/storetest"
)

func TestBlocks(t *testing.T) {
	storetest.Blocks(t, func(*testing.T) gatehouse.Blocks { return memory.NewBlocks() })
}

func TestBlockedAllocatesNothing(t *testing.T) {
	ctx, at := context.Background(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := memory.NewBlocks()
	for _, p := range []string{"192.0.2.1/32", "192.0.2.0/24", "2001:db8::/64", "2001:db8::/32"} {
		if _, err := s.Place(ctx, gatehouse.Block{Prefix: netip.MustParsePrefix(p), Created: at}); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"192.0.2.1", "198.51.100.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::1%eth0"} {
		ip := netip.MustParseAddr(text)
		if n := testing.AllocsPerRun(100, func() { s.Blocked(ctx, ip, at) }); n != 0 && ip.Zone() == "" {
			t.Errorf("Blocked(%v) allocates %v times", ip, n)
		}
	}
}
