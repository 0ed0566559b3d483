package safedial

import "net/netip"

// nat64 is the well-known prefix in which IPv6-only networks see IPv4 addresses
// (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// global is what IANA has given out as IPv6 global unicast so far. All else, from
// loopback over IPv4-compatible addresses and local NAT64 (64:ff9b:1::/48) to
// unique local, link-local and multicast, is outside of it.
var global = netip.MustParsePrefix("2000::/3")

// special are the blocks of the IANA special-purpose address registries
// (RFC 6890) that are not for the public internet, and those whose addresses
// carry an IPv4 address that a tunnel would connect to.
var special = func() (list []netip.Prefix) {
	for _, s := range [...]string{
		"0.0.0.0/8",       // this network, unspecified (RFC 1122)
		"10.0.0.0/8",      // private (RFC 1918)
		"100.64.0.0/10",   // carrier-grade NAT (RFC 6598)
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local, cloud metadata (RFC 3927)
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments (RFC 6890)
		"192.0.2.0/24",    // documentation (RFC 5737)
		"192.88.99.0/24",  // 6to4 relays (RFC 7526)
		"192.168.0.0/16",  // private
		"198.18.0.0/15",   // benchmarks (RFC 2544)
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, broadcast
		"2001::/23",       // protocol assignments, Teredo and ORCHID among them (RFC 2928)
		"2001:db8::/32",   // documentation (RFC 3849)
		"2002::/16",       // 6to4 (RFC 3056)
		"3fff::/20",       // documentation (RFC 9637)
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// Public reports whether a is an address of the public internet. An IPv4 address
// that is spelled in IPv6 counts as what it is.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
