// Package geoip tells where an IP address is thought to be.
//
// [Builtin] knows the country of every public address from a database that is
// part of the program. [Open] reads a database file of MaxMind, DB-IP or
// ip-location-db with cities, coordinates or network operators. [Networks] is a
// table of the operator's own networks. [Chain] asks several of them in turn.
//
// An address of a private, loopback, link-local, documentation or other special
// range is nowhere: it has the zero Place, and so has an unknown one. Nothing
// here uses the network, and everything is safe for concurrent use.
//
// Where a database names only the country, the coordinates are the middle of
// the country's largest part, and the radius reaches its farthest territory, so
// that a distance less the radii is never more than the true one.
//
// The built-in data is DB-IP Lite under the Creative Commons Attribution 4.0
// licence. Pages that show results from it must say [Attribution] with a
// link to [AttributionURL].
package geoip

// How the makers of the built-in data are to be named where results from it
// are shown.
const (
	Attribution    = "IP Geolocation by DB-IP"
	AttributionURL = "https://db-ip.com"
)
