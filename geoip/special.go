package geoip

import "net/netip"

// special reports whether an address is of a range that IANA's special-purpose
// registries (RFC 6890) keep out of the public Internet, so that no database can
// know where it is.
func special(ip netip.Addr) bool {
	if ip.IsPrivate() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return true
	}
	if ip.Is4() {
		a := ip.As4()
		switch a[0] {
		case 0:
			return true // this network
		case 100:
			return a[1]&0xc0 == 64 // 100.64.0.0/10, carrier-grade NAT
		case 192:
			return a[1] == 0 && (a[2] == 0 || a[2] == 2) // protocol assignments; TEST-NET-1
		case 198:
			return a[1]&0xfe == 18 || a[1] == 51 && a[2] == 100 // benchmarking; TEST-NET-2
		case 203:
			return a[1] == 0 && a[2] == 113 // TEST-NET-3
		}
		return a[0] >= 240 // reserved, broadcast
	}
	a := ip.As16()
	switch {
	case a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8: // 2001:db8::/32, RFC 3849
		return true
	case a[0] == 0x3f && a[1] == 0xff && a[2]&0xf0 == 0: // 3fff::/20, RFC 9637
		return true
	}
	return a[0]&0xe0 != 0x20 // all but 2000::/3, the only range given out
}
