package geoip

import (
	"math"
	"slices"
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/oschwald/maxminddb-golang/v2"
)

// cityRadiusKm is how far off the coordinates of a city are taken to be where
// the database does not say.
const cityRadiusKm = 50

// nestedRecord has the fields of MaxMind's databases, and of DB-IP's own.
type nestedRecord struct {
	Country    nestedCountry `maxminddb:"country"`
	Registered nestedCountry `maxminddb:"registered_country"`
	City       struct {
		Names struct {
			English string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	Location struct {
		Lat    float64 `maxminddb:"latitude"`
		Lon    float64 `maxminddb:"longitude"`
		Radius uint16  `maxminddb:"accuracy_radius"`
	} `maxminddb:"location"`
	Traits struct {
		Network string `maxminddb:"autonomous_system_organization"`
	} `maxminddb:"traits"`
	Network string `maxminddb:"autonomous_system_organization"`
}

type nestedCountry struct {
	Code string `maxminddb:"iso_code"`
}

// flatRecord has the fields of ip-location-db's databases.
type flatRecord struct {
	Country string  `maxminddb:"country_code"`
	City    string  `maxminddb:"city"`
	Lat     float64 `maxminddb:"latitude"`
	Lon     float64 `maxminddb:"longitude"`
	Network string  `maxminddb:"autonomous_system_organization"`
}

func (db *DB) read(result maxminddb.Result) (gatehouse.Place, error) {
	if db.flat {
		var r flatRecord
		if err := result.Decode(&r); err != nil {
			return gatehouse.Place{}, err
		}
		return place(r.Country, r.City, r.Network, r.Lat, r.Lon, 0), nil
	}
	var r nestedRecord
	if err := result.Decode(&r); err != nil {
		return gatehouse.Place{}, err
	}
	country, network := r.Country.Code, r.Network
	if country == "" {
		country = r.Registered.Code
	}
	if network == "" {
		network = r.Traits.Network
	}
	return place(country, r.City.Names.English, network, r.Location.Lat, r.Location.Lon, float64(r.Location.Radius)), nil
}

// place puts together what a record holds. Without a city or a stated radius the
// coordinates are those of the country; a database has no better ones then.
func place(country, city, network string, lat, lon, radius float64) gatehouse.Place {
	p := gatehouse.Place{
		Country: code(country),
		City:    gatehouse.CleanText(city, 100),
		Network: gatehouse.CleanText(network, 100),
	}
	if radius == 0 && city != "" {
		radius = cityRadiusKm
	}
	missing := lat == 0 && lon == 0 // in the Gulf of Guinea, where nobody lives
	if radius > 0 && !missing && math.Abs(lat) <= 90 && math.Abs(lon) <= 180 {
		p.Lat, p.Lon, p.RadiusKm = lat, lon, radius
		return p
	}
	if c, ok := circleOf(p.Country); ok {
		p.Lat, p.Lon, p.RadiusKm = c.lat, c.lon, c.radiusKm
	}
	return p
}

// code returns a country code in upper case, or nothing for what is none.
func code(s string) string {
	if len(s) != 2 || !letter(s[0]) || !letter(s[1]) {
		return ""
	}
	s = strings.ToUpper(s)
	if s == "ZZ" || s == "XX" { // "unknown"
		return ""
	}
	return s
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// circle covers a country.
type circle struct {
	code               string
	lat, lon, radiusKm float64
}

func circleOf(country string) (circle, bool) {
	i, found := slices.BinarySearchFunc(circles[:], country, func(c circle, code string) int { return strings.Compare(c.code, code) })
	if !found {
		return circle{}, false
	}
	return circles[i], true
}
