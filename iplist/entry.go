package iplist

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// Entry is one network of a list. Only JSON keeps more than its prefix.
type Entry struct {
	Prefix netip.Prefix
	Reason string    // "": none is given
	Until  time.Time // when it ends; zero: never
}

// Prefixes yields the networks of the entries that have not ended at the
// instant at.
func Prefixes(entries []Entry, at time.Time) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for _, e := range entries {
			if (e.Until.IsZero() || at.Before(e.Until)) && !yield(e.Prefix) {
				return
			}
		}
	}
}

const allowedHere = "write an address such as 192.0.2.1, a network such as 192.0.2.0/24 or 2001:db8::/32, or a range such as 192.0.2.1-192.0.2.9"

// parseNetworks reads an address, a network or a range, and calls add with each
// of the networks that make it up.
func parseNetworks(s string, everybody bool, add func(netip.Prefix) error) error {
	if first, last, ok := strings.Cut(s, "-"); ok {
		return parseRange(s, strings.TrimSpace(first), strings.TrimSpace(last), everybody, add)
	}
	p, err := parsePrefix(s)
	if err == nil {
		err = refuseEverybody(s, p, everybody)
	}
	if err != nil {
		return err
	}
	return add(p)
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := parseAddr(s)
		return netip.PrefixFrom(ip, ip.BitLen()), err
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, notAllowed(s)
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set beyond its length: write %v for the network or %v for the address", shown(s), p.Masked(), p.Addr())
	}
	return gatehouse.CleanPrefix(p), nil
}

func parseAddr(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, notAllowed(s)
	}
	return ip.Unmap(), nil
}

func parseRange(s, from, to string, everybody bool, add func(netip.Prefix) error) error {
	first, err := parseAddr(from)
	if err != nil {
		return err
	}
	last, err := parseAddr(to)
	switch {
	case err != nil:
		return err
	case first.BitLen() != last.BitLen():
		return fmt.Errorf("%s mixes IPv4 and IPv6: write both ends alike", shown(s))
	case last.Less(first):
		return fmt.Errorf("%s ends before it begins: write the lower address first", shown(s))
	}
	for p := range networksOf(first, last) {
		if err = refuseEverybody(s, p, everybody); err == nil {
			err = add(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// networksOf yields the fewest networks that make up a range. There are less
// than twice as many as an address has bits.
func networksOf(first, last netip.Addr) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for {
			p := netip.PrefixFrom(first, first.BitLen())
			for p.Bits() > 0 { // the widest one that begins here and does not end later
				wider := netip.PrefixFrom(first, p.Bits()-1)
				if wider.Masked() != wider || last.Less(lastOf(wider)) {
					break
				}
				p = wider
			}
			end := lastOf(p)
			if !yield(p) || !end.Less(last) {
				return
			}
			first = end.Next()
		}
	}
}

// lastOf returns the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Addr().As16()
	host := p.Addr().BitLen() - p.Bits()
	for i := 15; host > 0; i, host = i-1, host-8 {
		a[i] |= byte(1<<min(host, 8) - 1)
	}
	ip := netip.AddrFrom16(a)
	if p.Addr().Is4() {
		ip = ip.Unmap()
	}
	return ip
}

func refuseEverybody(s string, p netip.Prefix, everybody bool) error {
	if p.Bits() == 0 && !everybody {
		return fmt.Errorf("%s is everybody: leave it out", shown(s))
	}
	return nil
}

// errEverybody says of a whole list what refuseEverybody says of an entry.
var errEverybody = errors.New("the networks together are every address there is: leave some out")

// everybody reports whether entries are all addresses of a family together.
func everybody(entries []Entry) bool {
	var share [2]float64 // of all addresses, each as often as it comes up
	for _, e := range entries {
		share[e.Prefix.Addr().BitLen()/128] += 1 / float64(uint64(1)<<min(e.Prefix.Bits(), 62))
	}
	if max(share[0], share[1]) < 0.99 { // the usual case, at no cost
		return false
	}
	s := NewSet(func(yield func(netip.Prefix) bool) {
		for _, e := range entries {
			if !yield(e.Prefix) {
				return
			}
		}
	})
	return s.Covers(netip.PrefixFrom(netip.IPv4Unspecified(), 0)) || s.Covers(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

func notAllowed(s string) error { return fmt.Errorf("%s is not allowed: %s", shown(s), allowedHere) }

// shown quotes a piece of a list for an error.
func shown(s string) string { return `"` + gatehouse.CleanText(s, 60) + `"` }
