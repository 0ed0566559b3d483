package memory_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/store/memory"
)

func someAddr(r *rand.Rand) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], r.Uint32())
	return netip.AddrFrom4(a)
}

func BenchmarkBlocks(b *testing.B) {
	ctx, at := context.Background(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, n := range []int{100_000, 1_000_000} {
		r := rand.New(rand.NewPCG(1, 2))
		s := memory.NewBlocks()
		var blocked []netip.Addr
		for range n {
			ip := someAddr(r)
			blocked = append(blocked, ip)
			s.Place(ctx, gatehouse.Block{Prefix: netip.PrefixFrom(ip, 32), Created: at, Until: at.Add(time.Hour)})
		}
		b.Run(fmt.Sprintf("miss/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Blocked(ctx, someAddr(r), at)
			}
		})
		b.Run(fmt.Sprintf("hit/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Blocked(ctx, blocked[i%n], at)
			}
		})
		b.Run(fmt.Sprintf("place/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Place(ctx, gatehouse.Block{Prefix: netip.PrefixFrom(someAddr(r), 32), Created: at, Until: at.Add(time.Hour)})
			}
		})
	}
}
