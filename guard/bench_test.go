package guard_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/guard"
	"github.com/fluxstudio/gatehouse/logstats"
	"github.com/fluxstudio/gatehouse/rules"
	"github.com/fluxstudio/gatehouse/store/memory"
)

// BenchmarkAdmit is the whole decision about an ordinary request: look-up in
// 100,000 blocks, the name of its counter, and the count.
func BenchmarkAdmit(b *testing.B) { benchmarkAdmit(b, nil) }

// BenchmarkAdmitWithNearness is the same while it is counted how near it comes to
// its threshold.
func BenchmarkAdmitWithNearness(b *testing.B) {
	benchmarkAdmit(b, logstats.NewNearness(rules.BotActivity, rules.BruteForce, rules.RapidSignup).Count)
}

func benchmarkAdmit(b *testing.B, onCount func(string, int, int)) {
	blocks := memory.NewBlocks()
	at := time.Now()
	for i := range 100_000 {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0x0a000000+uint32(i))
		prefix := netip.PrefixFrom(netip.AddrFrom4(ip), 32)
		if _, err := blocks.Place(b.Context(), gatehouse.Block{Prefix: prefix, Until: at.Add(time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	g, err := guard.New(guard.Options{
		Windows: memory.NewWindows(memory.Options{}), Blocks: blocks,
		Sightings: memory.NewSightings(memory.Options{}), Journal: memory.NewJournal(memory.Options{}),
		OnCount: onCount,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	e := gatehouse.Event{Kind: gatehouse.RequestRefused, Time: at, Endpoint: "POST /api/auth/login"}
	e.UserAgent = browser
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0xc0000000+uint32(i*7919)&0xfffff)
		e.IP = netip.AddrFrom4(ip)
		e.Time = at.Add(time.Duration(i) * 10 * time.Microsecond)
		g.Admit(ctx, e)
	}
}
