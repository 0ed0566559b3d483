package storetest

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"pgregory.net/rapid"
)

// Blocks holds a driver to what gatehouse.Blocks promises. open returns an empty
// store and closes it with the test.
func Blocks(t *testing.T, open func(t *testing.T) gatehouse.Blocks) {
	tests := map[string]func(t *testing.T, s gatehouse.Blocks){
		"PlaceAndLift":     placeAndLift,
		"Expiry":           blockExpiry,
		"LaterEndWins":     laterEndWins,
		"CoveringEndsLast": coveringEndsLast,
		"OneNetworkTwice":  sameNetwork,
		"Families":         families,
		"InvalidPrefix":    invalidPrefix,
		"ListIsSorted":     listIsSorted,
		"KeepsEveryField":  keepsEveryField,
		"Parallel":         parallelBlocks,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
	t.Run("MatchesModel", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) { blocksMatchModel(rt, open(t)) })
	})
}

func blockOf(id, prefix string, lasts time.Duration) gatehouse.Block {
	b := gatehouse.Block{ID: id, Prefix: netip.MustParsePrefix(prefix), Reason: "test", By: "gatehouse", Created: epoch}
	if lasts != 0 {
		b.Until = epoch.Add(lasts)
	}
	return b
}

func place(t testing.TB, s gatehouse.Blocks, b gatehouse.Block) gatehouse.Block {
	t.Helper()
	got, err := s.Place(bg, b)
	if err != nil {
		t.Fatalf("Place(%v): %v", b.Prefix, err)
	}
	return got
}

// wantBlocked checks which block keeps an address out; "" for none.
func wantBlocked(t testing.TB, s gatehouse.Blocks, ip string, at time.Time, id string) {
	t.Helper()
	got, ok, err := s.Blocked(bg, netip.MustParseAddr(ip), at)
	if err != nil || ok != (id != "") || got.ID != id {
		t.Fatalf("Blocked(%s) at %v: %q, %v, %v; want %q", ip, at.Sub(epoch), got.ID, ok, err, id)
	}
}

func placeAndLift(t *testing.T, s gatehouse.Blocks) {
	wantBlocked(t, s, "192.0.2.1", epoch, "")
	if got := place(t, s, blockOf("a", "192.0.2.1/32", time.Hour)); got.ID != "a" {
		t.Fatalf("placed %q", got.ID)
	}
	wantBlocked(t, s, "192.0.2.1", epoch, "a")
	wantBlocked(t, s, "192.0.2.2", epoch, "")
	if _, err := s.Lift(bg, netip.MustParsePrefix("192.0.2.0/24"), epoch); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Fatalf("lifting a network that is not blocked: %v", err)
	}
	got, err := s.Lift(bg, netip.MustParsePrefix("192.0.2.1/32"), epoch)
	if err != nil || got.ID != "a" {
		t.Fatalf("Lift: %q, %v", got.ID, err)
	}
	wantBlocked(t, s, "192.0.2.1", epoch, "")
	if _, err := s.Lift(bg, netip.MustParsePrefix("192.0.2.1/32"), epoch); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Fatalf("lifting twice: %v", err)
	}
	place(t, s, blockOf("b", "192.0.2.1/32", time.Minute))
	wantBlocked(t, s, "192.0.2.1", epoch, "b")
}

func blockExpiry(t *testing.T, s gatehouse.Blocks) {
	place(t, s, blockOf("hour", "198.51.100.7/32", time.Hour))
	place(t, s, blockOf("forever", "203.0.113.7/32", 0))
	wantBlocked(t, s, "198.51.100.7", epoch.Add(time.Hour-time.Millisecond), "hour")
	wantBlocked(t, s, "198.51.100.7", epoch.Add(time.Hour), "")
	wantBlocked(t, s, "203.0.113.7", epoch.AddDate(100, 0, 0), "forever")
	if list, err := s.List(bg, epoch.Add(time.Hour)); err != nil || len(list) != 1 || list[0].ID != "forever" {
		t.Fatalf("List after the end: %v, %v", list, err)
	}
	if _, err := s.Lift(bg, netip.MustParsePrefix("198.51.100.7/32"), epoch.Add(time.Hour)); !errors.Is(err, gatehouse.ErrNotFound) {
		t.Fatalf("lifting what has ended: %v", err)
	}
	next := blockOf("next", "198.51.100.7/32", 3*time.Hour)
	next.Created = epoch.Add(2 * time.Hour)
	place(t, s, next)
	wantBlocked(t, s, "198.51.100.7", epoch.Add(2*time.Hour), "next")
}

func laterEndWins(t *testing.T, s gatehouse.Blocks) {
	steps := []struct {
		id    string
		lasts time.Duration
		want  string
	}{
		{"first", time.Hour, "first"},
		{"shorter", time.Minute, "first"},
		{"same", time.Hour, "first"},
		{"longer", 2 * time.Hour, "longer"},
		{"forever", 0, "forever"},
		{"longest", 1000 * time.Hour, "forever"},
		{"again", 0, "forever"},
	}
	for _, step := range steps {
		if got := place(t, s, blockOf(step.id, "2001:db8::1/128", step.lasts)); got.ID != step.want {
			t.Errorf("placing %q returns %q, want %q", step.id, got.ID, step.want)
		}
		wantBlocked(t, s, "2001:db8::1", epoch, step.want)
	}
	if list, err := s.List(bg, epoch); err != nil || len(list) != 1 {
		t.Errorf("List: %d blocks, %v", len(list), err)
	}
}

func coveringEndsLast(t *testing.T, s gatehouse.Blocks) {
	place(t, s, blockOf("address", "192.0.2.77/32", time.Hour))
	place(t, s, blockOf("street", "192.0.2.64/26", 3*time.Hour))
	place(t, s, blockOf("town", "192.0.2.0/24", 2*time.Hour))
	place(t, s, blockOf("everyone", "0.0.0.0/0", time.Minute))
	wantBlocked(t, s, "192.0.2.77", epoch, "street")
	wantBlocked(t, s, "192.0.2.1", epoch, "town")
	wantBlocked(t, s, "198.51.100.1", epoch, "everyone")
	wantBlocked(t, s, "2001:db8::1", epoch, "")
	wantBlocked(t, s, "192.0.2.77", epoch.Add(150*time.Minute), "street")
	place(t, s, blockOf("forever", "192.0.0.0/16", 0))
	wantBlocked(t, s, "192.0.2.77", epoch, "forever")
	if _, err := s.Lift(bg, netip.MustParsePrefix("192.0.0.0/16"), epoch); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lift(bg, netip.MustParsePrefix("192.0.2.64/26"), epoch); err != nil {
		t.Fatal(err)
	}
	wantBlocked(t, s, "192.0.2.77", epoch, "town")
}

func sameNetwork(t *testing.T, s gatehouse.Blocks) {
	place(t, s, blockOf("a", "192.0.2.99/24", time.Hour))
	got := place(t, s, blockOf("b", "192.0.2.1/24", 2*time.Hour))
	if want := netip.MustParsePrefix("192.0.2.0/24"); got.Prefix != want || got.ID != "b" {
		t.Fatalf("placed %v %q, want %v", got.Prefix, got.ID, want)
	}
	wantBlocked(t, s, "192.0.2.200", epoch, "b")
	if got, err := s.Lift(bg, netip.MustParsePrefix("192.0.2.5/24"), epoch); err != nil || got.ID != "b" {
		t.Fatalf("Lift of an unmasked prefix: %v, %v", got, err)
	}
	wantBlocked(t, s, "192.0.2.99", epoch, "")
}

func families(t *testing.T, s gatehouse.Blocks) {
	place(t, s, blockOf("v4", "192.0.2.8/32", time.Hour))
	place(t, s, blockOf("v6", "2001:db8:1:2::/64", time.Hour))
	got := place(t, s, blockOf("mapped", "::ffff:198.51.100.9/120", time.Hour))
	if want := netip.MustParsePrefix("198.51.100.0/24"); got.Prefix != want {
		t.Errorf("a mapped network was placed as %v, want %v", got.Prefix, want)
	}
	wantBlocked(t, s, "::ffff:192.0.2.8", epoch, "v4")
	wantBlocked(t, s, "198.51.100.200", epoch, "mapped")
	wantBlocked(t, s, "2001:db8:1:2:ffff::1", epoch, "v6")
	wantBlocked(t, s, "2001:db8:1:3::1", epoch, "")
	wantBlocked(t, s, "2001:db8:1:2::1%eth0", epoch, "v6")
	place(t, s, blockOf("all six", "::/0", 2*time.Hour))
	wantBlocked(t, s, "::ffff:203.0.113.1", epoch, "")
	wantBlocked(t, s, "2001:db8:1:2::1", epoch, "all six")
	if _, err := s.Lift(bg, netip.MustParsePrefix("::ffff:192.0.2.8/128"), epoch); err != nil {
		t.Errorf("Lift of a mapped address: %v", err)
	}
	wantBlocked(t, s, "192.0.2.8", epoch, "")
}

func invalidPrefix(t *testing.T, s gatehouse.Blocks) {
	if _, err := s.Place(bg, gatehouse.Block{ID: "x", Created: epoch}); err == nil {
		t.Error("Place accepts the zero prefix")
	}
	if _, err := s.Lift(bg, netip.Prefix{}, epoch); err == nil {
		t.Error("Lift accepts the zero prefix")
	}
	if b, ok, err := s.Blocked(bg, netip.Addr{}, epoch); ok || err != nil {
		t.Errorf("the zero address: %v, %v, %v", b, ok, err)
	}
}

func listIsSorted(t *testing.T, s gatehouse.Blocks) {
	if list, err := s.List(bg, epoch); err != nil || len(list) != 0 {
		t.Fatalf("an empty store: %v, %v", list, err)
	}
	want := []string{"0.0.0.0/0", "192.0.2.0/24", "192.0.2.0/32", "192.0.2.9/32", "192.0.2.10/32", "198.51.100.0/25", "::/0", "2001:db8::/32", "2001:db8::/128", "2001:db8:1::/64"}
	for i := range want {
		place(t, s, blockOf("x", want[(i*7+3)%len(want)], time.Hour))
	}
	place(t, s, blockOf("over", "203.0.113.0/24", time.Second))
	list, err := s.List(bg, epoch.Add(time.Minute))
	var got []string
	for _, b := range list {
		got = append(got, b.Prefix.String())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("List: %v, %v\nwant  %v", got, err, want)
	}
}

func keepsEveryField(t *testing.T, s gatehouse.Blocks) {
	want := gatehouse.Block{ID: "id", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Reason: "because", Rule: "brute_force",
		By: "somebody@example.com", Finding: "finding", Accounts: []string{"ada@example.com", "bob@example.com"}, Created: epoch, Until: epoch.Add(time.Hour)}
	check := func(what string, got gatehouse.Block) {
		t.Helper()
		if !sameBlock(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	check("Place", place(t, s, want))
	got, _, _ := s.Blocked(bg, want.Prefix.Addr(), epoch)
	check("Blocked", got)
	list, _ := s.List(bg, epoch)
	check("List", list[0])
	got, _ = s.Lift(bg, want.Prefix, epoch)
	check("Lift", got)
}

// sameBlock compares times as instants.
func sameBlock(a, b gatehouse.Block) bool {
	same := a.Created.Equal(b.Created) && a.Until.Equal(b.Until)
	a.Created, a.Until = b.Created, b.Until
	return same && reflect.DeepEqual(a, b)
}

// parallelBlocks places, lifts and asks at once. The network stays blocked
// throughout, whatever happens inside it.
func parallelBlocks(t *testing.T, s gatehouse.Blocks) {
	place(t, s, blockOf("net", "198.51.100.0/24", 0))
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 100 {
				ip := netip.AddrFrom4([4]byte{198, 51, 100, byte(worker*16 + i%16)})
				own := gatehouse.Block{ID: "own", Prefix: netip.PrefixFrom(ip, 32), Created: epoch, Until: epoch.Add(time.Hour)}
				if _, err := s.Place(bg, own); err != nil {
					t.Errorf("Place: %v", err)
				}
				if b, ok, err := s.Blocked(bg, ip, epoch); err != nil || !ok || b.ID != "net" {
					t.Errorf("Blocked: %v, %v, %v", b, ok, err)
				}
				if i%3 == 0 {
					if _, err := s.Lift(bg, own.Prefix, epoch); err != nil {
						t.Errorf("Lift: %v", err)
					}
				}
				if i%25 == 0 {
					if list, err := s.List(bg, epoch); err != nil || len(list) < 1 {
						t.Errorf("List: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	list, err := s.List(bg, epoch)
	if want := 1 + 8*10; err != nil || len(list) != want { // each lifts six of its 16 the last time
		t.Errorf("%d blocks are left, want %d (%v)", len(list), want, err)
	}
}

// blocksMatchModel compares with a list of blocks that is searched from end to
// end. Only blocks without an end may end together.
func blocksMatchModel(rt *rapid.T, s gatehouse.Blocks) {
	model := map[netip.Prefix]gatehouse.Block{}
	clock, serial := epoch, 0
	addr := rapid.Custom(func(rt *rapid.T) netip.Addr {
		n := uint16(rapid.IntRange(0, 63).Draw(rt, "host"))
		if rapid.Bool().Draw(rt, "v6") {
			a := netip.MustParseAddr("2001:db8::").As16()
			binary.BigEndian.PutUint16(a[6:], n)
			return netip.AddrFrom16(a)
		}
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
		if rapid.Bool().Draw(rt, "mapped") {
			return netip.AddrFrom16(a.As16())
		}
		return a
	})
	prefix := rapid.Custom(func(rt *rapid.T) netip.Prefix {
		ip := addr.Draw(rt, "address")
		return netip.PrefixFrom(ip, ip.BitLen()-rapid.IntRange(0, 7).Draw(rt, "wider"))
	})
	plain := func(p netip.Prefix) netip.Prefix {
		if p.Addr().Is4In6() {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked()
	}
	later := func(a, b gatehouse.Block) bool {
		return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until))
	}
	rt.Repeat(map[string]func(*rapid.T){
		"place": func(rt *rapid.T) {
			p := prefix.Draw(rt, "prefix")
			serial++
			b := gatehouse.Block{ID: gatehouse.NewID(clock), Prefix: p, Created: clock}
			if rapid.IntRange(0, 9).Draw(rt, "for ever") > 0 {
				b.Until = clock.Add(time.Duration(rapid.IntRange(1, 300).Draw(rt, "seconds"))*time.Second + time.Duration(serial)*time.Millisecond)
			}
			got, err := s.Place(bg, b)
			b.Prefix = plain(p)
			if old, ok := model[b.Prefix]; ok && !later(b, old) {
				b = old
			}
			model[b.Prefix] = b
			if err != nil || !sameBlock(got, b) {
				rt.Fatalf("Place: %+v, %v; want %+v", got, err, b)
			}
		},
		"lift": func(rt *rapid.T) {
			p := prefix.Draw(rt, "prefix")
			got, err := s.Lift(bg, p, clock)
			want, ok := model[plain(p)]
			if !ok || !want.ActiveAt(clock) {
				if !errors.Is(err, gatehouse.ErrNotFound) {
					rt.Fatalf("Lift of nothing: %v, %v", got, err)
				}
				return
			}
			delete(model, plain(p))
			if err != nil || !sameBlock(got, want) {
				rt.Fatalf("Lift: %+v, %v; want %+v", got, err, want)
			}
		},
		"ask": func(rt *rapid.T) {
			ip := addr.Draw(rt, "address")
			var want gatehouse.Block
			for _, b := range model {
				if b.Prefix.Contains(ip.Unmap()) && b.ActiveAt(clock) && (want.ID == "" || later(b, want)) {
					want = b
				}
			}
			got, ok, err := s.Blocked(bg, ip, clock)
			bothForever := ok && got.Until.IsZero() && want.Until.IsZero() && got.Prefix.Contains(ip.Unmap())
			if err != nil || ok != (want.ID != "") || !sameBlock(got, want) && !bothForever {
				rt.Fatalf("Blocked(%v): %+v, %v, %v; want %+v", ip, got, ok, err, want)
			}
		},
		"list": func(rt *rapid.T) {
			want := []gatehouse.Block{}
			for _, b := range model {
				if b.ActiveAt(clock) {
					want = append(want, b)
				}
			}
			slices.SortFunc(want, func(a, b gatehouse.Block) int { return a.Prefix.Compare(b.Prefix) })
			if got, err := s.List(bg, clock); err != nil || !slices.EqualFunc(got, want, sameBlock) {
				rt.Fatalf("List: %v, %v\nwant %v", got, err, want)
			}
		},
		"time": func(rt *rapid.T) {
			clock = clock.Add(time.Duration(rapid.IntRange(0, 100).Draw(rt, "seconds")) * time.Second)
		},
	})
}
