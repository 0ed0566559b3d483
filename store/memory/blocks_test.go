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

// Tens of thousands of blocks come, go and end; those that remain are found and
// listed, and those that ended make room.
func TestManyBlocks(t *testing.T) {
	ctx, at := context.Background(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := memory.NewBlocks()
	prefix := func(n int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
	}
	model := map[int]time.Time{}
	for n := range 60_000 {
		at = at.Add(time.Second)
		end := at.Add(time.Duration(n%7) * time.Hour)
		if _, err := s.Place(ctx, gatehouse.Block{Prefix: prefix(n), Created: at, Until: end}); err != nil {
			t.Fatal(err)
		}
		model[n] = end
		if n%3 == 2 && at.Before(model[n/2]) {
			if _, err := s.Lift(ctx, prefix(n/2), at); err != nil {
				t.Fatalf("Lift %d: %v", n/2, err)
			}
			delete(model, n/2)
		}
	}
	active := 0
	for n := range 60_000 {
		end, ok := model[n]
		want := ok && at.Before(end)
		if want {
			active++
		}
		if _, got, err := s.Blocked(ctx, prefix(n).Addr(), at); err != nil || got != want {
			t.Fatalf("block %d: %v, %v; want %v", n, got, err, want)
		}
	}
	if list, err := s.List(ctx, at); err != nil || len(list) != active || active < 1000 {
		t.Errorf("%d blocks are listed, want %d (%v)", len(list), active, err)
	}
	// The clock steps back to before most of them ended: they are gone, which
	// shows that they do not pile up.
	if list, _ := s.List(ctx, at.Add(-7*time.Hour)); len(list) > active+200 {
		t.Errorf("%d blocks are kept, of which %d are in force", len(list), active)
	}
}
