package redis_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse/internal/testserver"
	"github.com/gaissmai/bart"
	"github.com/redis/rueidis"
)

const benchBlocks = 100_000

// BenchmarkBlocked looks addresses up among 100,000 blocks, of which one in ten
// is a network: here, in the table alone, and by a GET that rueidis answers
// from its client-side cache (which could find single addresses only).
func BenchmarkBlocked(b *testing.B) {
	server := testserver.Redis(b)
	prefix := ownPrefix()
	n := openNode(b, server.URL, prefix)
	start := time.Now()
	networks := placeMany(b, n)
	b.Logf("%d blocks placed by 64 callers in %v", benchBlocks, time.Since(start))

	start = time.Now()
	startNode(b, server.URL, prefix).wantState(b, true)
	b.Logf("read by a new node in %v", time.Since(start))

	table := new(bart.Table[int])
	for i, p := range networks {
		table.Insert(p, i)
	}
	option, err := rueidis.ParseURL(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	r, err := rueidis.NewClient(option)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()

	ctx, at := context.Background(), time.Now()
	hits := networks[:1000]
	var misses []netip.Addr
	for len(misses) < len(hits) {
		if ip := someAddr(); !n.blocked(b, ip.String()) {
			misses = append(misses, ip)
		}
	}
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok, _ := n.Blocked(ctx, hits[i%len(hits)].Addr(), at); !ok {
				b.Fatal("not blocked")
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			n.Blocked(ctx, misses[i%len(misses)], at)
		}
	})
	b.Run("miss-while-placing", func(b *testing.B) {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					n.Place(ctx, hourBlock("more", netip.PrefixFrom(someAddr(), 32).String()))
				}
			}
		})
		for i := 0; b.Loop(); i++ {
			n.Blocked(ctx, misses[i%len(misses)], at)
		}
		close(stop)
		wg.Wait()
	})
	b.Run("table-alone-hit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			table.Lookup(hits[i%len(hits)].Addr())
		}
	})
	b.Run("table-alone-miss", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			table.Lookup(misses[i%len(misses)])
		}
	})
	b.Run("cached-GET", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r.DoCache(ctx, r.B().Get().Key(misses[i%len(misses)].String()).Cache(), time.Hour)
		}
	})
}

// BenchmarkPlaceAndSee is how long it takes from Place on one node until
// another refuses the address.
func BenchmarkPlaceAndSee(b *testing.B) {
	server := testserver.Redis(b)
	prefix := ownPrefix()
	n, other := openNode(b, server.URL, prefix), openNode(b, server.URL, prefix)
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		block := hourBlock("x", addressOf(i))
		must(n.Place(ctx, block))
		for ok := false; !ok; {
			_, ok, _ = other.Blocked(ctx, block.Prefix.Addr(), block.Created)
		}
	}
}

func placeMany(b *testing.B, n *node) []netip.Prefix {
	b.Helper()
	networks := make([]netip.Prefix, benchBlocks)
	for i := range networks {
		networks[i] = netip.PrefixFrom(someAddr(), 32)
		if i%10 == 9 {
			networks[i] = netip.PrefixFrom(someAddr(), 28).Masked()
		}
	}
	var wg sync.WaitGroup
	for caller := range 64 {
		wg.Go(func() {
			for i := caller; i < len(networks); i += 64 {
				if _, err := n.Place(context.Background(), hourBlock(fmt.Sprint(i), networks[i].String())); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return networks
}

func someAddr() netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], rand.Uint32())
	return netip.AddrFrom4(a)
}
