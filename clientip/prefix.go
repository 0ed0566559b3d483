package clientip

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefixes reads networks from a configuration: "192.0.2.0/24",
// "2001:db8::/32", or one address, "192.0.2.1". The error names the entry and
// says what is allowed. IPv4 networks written as IPv6 are unmapped.
func ParsePrefixes(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for i, s := range list {
		p, err := parsePrefix(strings.TrimSpace(s))
		if err == nil {
			p, err = normal(p)
		}
		if err != nil {
			return nil, fmt.Errorf("network %d: %w", i+1, err)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network: write an address like 192.0.2.1 or a prefix like 192.0.2.0/24 or 2001:db8::/32", s)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set beyond its length: write %v, or %v for the one address", s, p.Masked(), p.Addr())
	}
	return p, nil
}

// normal returns p masked and unmapped.
func normal(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("invalid network prefix: write 192.0.2.0/24 or 2001:db8::/32")
	}
	if ip := p.Addr(); ip.Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%v mixes IPv4 and IPv6: write the IPv4 network by itself", p)
		}
		p = netip.PrefixFrom(ip.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// CountingPrefix returns the network under which an address is counted: the
// address itself for IPv4, its /64 for IPv6, which is what one customer of a
// provider has at least. Mapped addresses are unmapped and zones are dropped. It
// is the zero Prefix for the zero Addr.
func CountingPrefix(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
