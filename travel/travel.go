// Package travel judges whether one person can have been in two places: how far
// apart they are at least, and how fast the way between them was at least.
//
// Geolocation is imprecise, so every place has a radius, and the radii are taken
// off the distance before anything is concluded. What is not known is never held
// against anybody.
//
// All functions here are pure and safe for concurrent use.
package travel

import (
	"math"
	"time"

	"github.com/fluxstudio/gatehouse"
)

// The defaults of Options.
const (
	DefaultMaxSpeedKmh   = 1000 // an airliner does 900
	DefaultMinDistanceKm = 100
)

// Options say what counts as impossible. The zero value means the defaults.
type Options struct {
	// MaxSpeedKmh is the highest speed in km/h that a traveller can have.
	// Default 1000, which is also used when it is not a positive number.
	MaxSpeedKmh float64
	// MinDistanceKm is the distance in km below which no travel is impossible
	// at any speed, since positions jump when an address changes hands.
	// Default 100, which is also used when it is not a positive number.
	MinDistanceKm float64
}

// Between judges with the default options.
func Between(from, to gatehouse.Sighting) gatehouse.Travel { return Options{}.Between(from, to) }

// Between returns the way from one sighting to another. DistanceKm is the
// great-circle distance less the radii of both places, and zero when either has
// no usable coordinates. SpeedKmh is that distance by the time between the
// sightings, in whichever order they come; less than a second counts as one
// second, so that simultaneous logins have a finite speed.
//
// The way is impossible if it is at least MinDistanceKm long and was faster than
// MaxSpeedKmh. The country has changed if both are known and differ.
//
// All numbers in the result are finite: coordinates that are not numbers on the
// globe are taken out of From and To.
func (o Options) Between(from, to gatehouse.Sighting) gatehouse.Travel {
	from.Place, to.Place = usable(from.Place), usable(to.Place)
	t := gatehouse.Travel{
		From: from,
		To:   to,
		CountryChanged: from.Place.Known() && to.Place.Known() &&
			from.Place.Country != to.Place.Country,
	}
	if !from.Place.Located() || !to.Place.Located() {
		return t
	}
	far := distanceKm(from.Place, to.Place) - (from.Place.RadiusKm + to.Place.RadiusKm)
	t.DistanceKm = max(far, 0)
	t.SpeedKmh = t.DistanceKm / interval(from.Time, to.Time).Hours()
	t.Impossible = t.DistanceKm >= positive(o.MinDistanceKm, DefaultMinDistanceKm) &&
		t.SpeedKmh > positive(o.MaxSpeedKmh, DefaultMaxSpeedKmh)
	return t
}

// usable returns p, without coordinates if they are not on the globe.
func usable(p gatehouse.Place) gatehouse.Place {
	ok := math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 && p.RadiusKm > 0 && p.RadiusKm <= math.MaxFloat64
	if !ok { // also when one is NaN
		p.Lat, p.Lon, p.RadiusKm = 0, 0, 0
	}
	return p
}

// interval returns the time between two instants, at least one second.
func interval(a, b time.Time) time.Duration {
	if b.Before(a) {
		a, b = b, a
	}
	return max(b.Sub(a), time.Second) // Sub stops at the longest Duration
}

func positive(v, otherwise float64) float64 {
	if v > 0 {
		return v
	}
	return otherwise
}

// earthRadiusKm is the mean radius R1 of the Earth (IUGG). As a sphere it is off
// by at most 0.5 %.
const earthRadiusKm = 6371.0088

// distanceKm is the great-circle distance by the haversine formula, which is
// exact for small distances too.
func distanceKm(a, b gatehouse.Place) float64 {
	const rad = math.Pi / 180
	sinLat := math.Sin((b.Lat - a.Lat) * rad / 2)
	sinLon := math.Sin((b.Lon - a.Lon) * rad / 2)
	h := sinLat*sinLat + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*sinLon*sinLon
	return 2 * earthRadiusKm * math.Asin(math.Sqrt(min(h, 1)))
}
