package demo

import (
	"net/netip"

	"github.com/fluxstudio/gatehouse/app"
)

// Addresses that several people use.
const (
	office        = "198.51.100.10" // Berlin, behind one address
	mobileGermany = "198.51.100.34"
	mobileBrazil  = "198.51.100.50"
	unplaced      = "198.51.100.200" // nowhere known, like a private network
)

// The attackers' addresses are of these networks, and nobody else's are.
var (
	attackers4 = netip.MustParsePrefix("203.0.113.0/24")
	attackers6 = netip.MustParsePrefix("2001:db8:bad::/48")
	// ordinary are the networks of those who belong here.
	ordinary = []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("2001:db8:1::/48"),
	}
)

func isAttacker(ip netip.Addr) bool { return attackers4.Contains(ip) || attackers6.Contains(ip) }

func isOrdinary(ip netip.Addr) bool {
	for _, p := range ordinary {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// networks says where the demo's addresses are, since those for documentation are
// nowhere.
func networks() map[netip.Prefix]app.NetworkPlace {
	table := make(map[netip.Prefix]app.NetworkPlace)
	add := func(prefix, country, city string, lat, lon float64) {
		table[netip.MustParsePrefix(prefix)] = app.NetworkPlace{Country: country, City: city, Lat: lat, Lon: lon, Located: true}
	}
	add("192.0.2.0/28", "DE", "Berlin", 52.52, 13.40)
	add("192.0.2.16/28", "GB", "London", 51.51, -0.13)
	add("192.0.2.48/28", "SE", "Stockholm", 59.33, 18.07)
	add("192.0.2.64/28", "GH", "Accra", 5.60, -0.19)
	add("192.0.2.80/28", "IE", "Dublin", 53.35, -6.26)
	add("192.0.2.96/28", "FR", "Paris", 48.86, 2.35)
	add("192.0.2.112/28", "BR", "São Paulo", -23.55, -46.63)
	add("192.0.2.128/28", "MA", "Casablanca", 33.57, -7.59)
	add("2001:db8:1:70::/64", "JP", "Tokyo", 35.68, 139.69)
	add("2001:db8:1:c0::/64", "CA", "Toronto", 43.65, -79.38)
	add("198.51.100.0/28", "DE", "Berlin", 52.52, 13.40)
	add("198.51.100.16/28", "DE", "Hamburg", 53.55, 9.99)
	// Mobile networks: somewhere in the country.
	table[netip.MustParsePrefix("198.51.100.32/28")] = app.NetworkPlace{Country: "DE"}
	table[netip.MustParsePrefix("198.51.100.48/28")] = app.NetworkPlace{Country: "BR"}
	add("203.0.113.0/28", "IS", "Reykjavik", 64.15, -21.94)
	add("203.0.113.16/28", "AU", "Sydney", -33.87, 151.21)
	add("203.0.113.32/28", "BR", "São Paulo", -23.55, -46.63)
	add("203.0.113.48/28", "NZ", "Auckland", -36.85, 174.76)
	add("203.0.113.64/28", "NO", "Oslo", 59.91, 10.75)
	add("2001:db8:bad:1::/64", "NO", "Oslo", 59.91, 10.75)
	return table
}
