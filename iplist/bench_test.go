package iplist_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sort"
	"testing"

	"github.com/gaissmai/bart"

	"github.com/fluxstudio/gatehouse/iplist"
)

const million = 1_000_000

// manyPrefixes are distinct: three in four are IPv4, most of them single
// addresses, as in lists of bad addresses.
func manyPrefixes() []netip.Prefix {
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[netip.Prefix]bool, million)
	list := make([]netip.Prefix, 0, million)
	for len(list) < million {
		var p netip.Prefix
		switch r.IntN(8) {
		case 0, 1:
			a := netip.MustParseAddr("2001:db8::").As16()
			for i := 4; i < 8; i++ {
				a[i] = byte(r.Uint32())
			}
			p = netip.PrefixFrom(netip.AddrFrom16(a), 64)
		case 2:
			p = netip.PrefixFrom(randomV4(r), 24).Masked()
		default:
			p = netip.PrefixFrom(randomV4(r), 32)
		}
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

func randomV4(r *rand.Rand) netip.Addr {
	n := r.Uint32()
	return netip.AddrFrom4([4]byte{byte(n>>24) | 1, byte(n >> 16), byte(n >> 8), byte(n)})
}

// BenchmarkBuild reports how long a set of a million takes and how much memory
// it keeps.
func BenchmarkBuild(b *testing.B) {
	list := manyPrefixes()
	var s *iplist.Set
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		s = iplist.Of(list...)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/million, "B/prefix")
	runtime.KeepAlive(s)
}

// BenchmarkLookup compares a set of a million with the trie alone, and with what
// one would write without one: binary search in a sorted slice, and asking each.
func BenchmarkLookup(b *testing.B) {
	list := manyPrefixes()
	l := iplist.NewList(iplist.Of(list...))
	var table bart.Lite
	for _, p := range list {
		table.Insert(p)
	}
	sorted := slices.Collect(l.Load().All()) // disjoint
	r := rand.New(rand.NewPCG(3, 4))
	ask := make([]netip.Addr, 1<<16) // every second one is in it
	for i := range ask {
		ask[i] = randomV4(r)
		if i%2 == 0 {
			ask[i] = list[r.IntN(len(list))].Addr()
		}
	}
	for _, way := range []struct {
		name string
		in   func(netip.Addr) bool
	}{
		{"list", l.Contains},
		{"bart", table.Contains},
		{"sorted", func(ip netip.Addr) bool {
			i := sort.Search(len(sorted), func(i int) bool { return ip.Less(sorted[i].Addr()) })
			return i > 0 && sorted[i-1].Contains(ip)
		}},
		{"each", func(ip netip.Addr) bool {
			return slices.ContainsFunc(sorted, func(p netip.Prefix) bool { return p.Contains(ip) })
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				way.in(ask[i%len(ask)])
				i++
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	var all []iplist.Entry
	for _, p := range manyPrefixes() {
		all = append(all, iplist.Entry{Prefix: p})
	}
	for _, format := range []iplist.Format{iplist.Plain, iplist.NFT, iplist.JSON} {
		var text bytes.Buffer
		if err := iplist.Write(&text, format, all); err != nil {
			b.Fatal(err)
		}
		b.Run(string(format), func(b *testing.B) {
			for b.Loop() {
				if _, err := iplist.Read(bytes.NewReader(text.Bytes()), iplist.Options{Format: format}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
