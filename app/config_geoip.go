package app

import (
	"net/netip"
	"regexp"

	"github.com/fluxstudio/gatehouse/clientip"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
)

const (
	networksLike = "10.1.0.0/16: {country: DE, city: Berlin, lat: 52.52, lon: 13.4}"
	placeLike    = "{country: DE, city: Berlin, lat: 52.52, lon: 13.4}"
	maxCity      = 100 // bytes
)

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

// decodeNetworks reads geoip.networks.
func decodeNetworks(v strictyaml.Value) map[netip.Prefix]NetworkPlace {
	networks := make(map[netip.Prefix]NetworkPlace)
	for _, f := range v.Fields(networksLike) {
		prefixes, err := clientip.ParsePrefixes([]string{f.Key})
		if err != nil {
			f.KeyErrorf("is not a network: use an address or a prefix, such as 10.1.0.0/16 or 2001:db8::/32")
			continue
		}
		if _, twice := networks[prefixes[0]]; twice {
			f.KeyErrorf("is given twice, in another spelling")
			continue
		}
		networks[prefixes[0]] = decodePlace(f.Value)
	}
	return networks
}

func decodePlace(v strictyaml.Value) NetworkPlace {
	var p NetworkPlace
	var lat, lon bool
	for _, f := range v.Fields(placeLike) {
		switch f.Key {
		case "country":
			const allowed = "use two capital letters (ISO 3166-1), such as DE"
			if text, _, ok := f.Text(allowed); ok {
				if !countryCode.MatchString(text) {
					f.Errorf("%q is not allowed: %s", strictyaml.Shown(text), allowed)
				}
				p.Country = text
			}
		case "city":
			const allowed = "use a name of at most 100 bytes"
			if text, _, ok := f.Text(allowed); ok {
				if len(text) > maxCity {
					f.Errorf("%q is not allowed: %s", strictyaml.Shown(text), allowed)
				}
				p.City = text
			}
		case "lat":
			p.Lat, _ = f.Float(-90, 90)
			lat = true
		case "lon":
			p.Lon, _ = f.Float(-180, 180)
			lon = true
		default:
			f.Unknown("key", []string{"country", "city", "lat", "lon"})
		}
	}
	if p.Country == "" && v.IsMapping() {
		v.Errorf("has no country: write it like %s", placeLike)
	}
	if lat != lon {
		v.Errorf("has only one of lat and lon: give both or neither")
	}
	p.Located = lat && lon
	return p
}
