package travel_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/travel"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ExampleBetween() {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	berlin := gatehouse.Sighting{Time: at, Place: gatehouse.Place{Country: "DE", Lat: 52.52, Lon: 13.40, RadiusKm: 20}}
	lima := gatehouse.Sighting{Time: at.Add(2 * time.Hour), Place: gatehouse.Place{Country: "PE", Lat: -12.05, Lon: -77.04, RadiusKm: 20}}

	way := travel.Between(berlin, lima)
	fmt.Printf("at least %.0f km at %.0f km/h; impossible: %v; country changed: %v\n",
		way.DistanceKm, way.SpeedKmh, way.Impossible, way.CountryChanged)
	// Output:
	// at least 11057 km at 5529 km/h; impossible: true; country changed: true
}

func seen(country string, lat, lon, radius float64, after time.Duration) gatehouse.Sighting {
	return gatehouse.Sighting{Time: noon.Add(after), Place: gatehouse.Place{Country: country, Lat: lat, Lon: lon, RadiusKm: radius}}
}

func TestBetween(t *testing.T) {
	tests := []struct {
		name                string
		from, to            gatehouse.Sighting
		opts                travel.Options
		distance            float64
		impossible, country bool
	}{
		{name: "both unknown"},
		{name: "one unknown", from: seen("DE", 52.5, 13.4, 10, 0), to: seen("", 0, 0, 0, 1)},
		{name: "countries without coordinates", from: seen("DE", 0, 0, 0, 0), to: seen("FR", 0, 0, 0, 1), country: true},
		{name: "same country", from: seen("DE", 52.5, 13.4, 10, 0), to: seen("DE", 52.5, 13.4, 10, 1)},
		{name: "coordinates without country", from: seen("", 0, 0, 1, 0), to: seen("FR", 0, 90, 1, time.Hour), distance: 10007.55 - 2, impossible: true},
		{name: "Paris to London by plane", from: seen("FR", 48.8566, 2.3522, 5, 0), to: seen("GB", 51.5074, -0.1278, 5, time.Hour), distance: 343.56 - 10, country: true},
		{name: "Paris to London in ten minutes", from: seen("FR", 48.8566, 2.3522, 5, 0), to: seen("GB", 51.5074, -0.1278, 5, 10*time.Minute), distance: 343.56 - 10, country: true, impossible: true},
		{name: "ten minutes back in time", from: seen("FR", 48.8566, 2.3522, 5, 10*time.Minute), to: seen("GB", 51.5074, -0.1278, 5, 0), distance: 343.56 - 10, country: true, impossible: true},
		{name: "at once, far", from: seen("FR", 48.8566, 2.3522, 5, 0), to: seen("GB", 51.5074, -0.1278, 5, 0), distance: 343.56 - 10, country: true, impossible: true},
		{name: "at once, near", from: seen("FR", 48.8566, 2.3522, 5, 0), to: seen("FR", 49.2, 2.3522, 5, 0), distance: 38.18 - 10},
		{name: "radii overlap", from: seen("FR", 46, 2, 600, 0), to: seen("DE", 51, 10, 500, 0), country: true},
		{name: "across the antimeridian", from: seen("FJ", -17, 179.9, 1, 0), to: seen("FJ", -17, -179.9, 1, time.Second), distance: 21.27 - 2},
		{name: "pole to pole", from: seen("", 90, 17, 1, 0), to: seen("AQ", -90, -140, 1, time.Hour), distance: 20015.11 - 2, impossible: true},
		{name: "antipodes where the haversine rounds to more than 1", from: seen("", 48.437494891621554, 0, 1, 0), to: seen("", -48.437494891621554, 180, 1, 0), distance: 20015.11 - 2, impossible: true},
		{name: "one pole, two longitudes", from: seen("AQ", -90, 0, 1, 0), to: seen("AQ", -90, 180, 1, 0)},
		{name: "own limits", opts: travel.Options{MaxSpeedKmh: 100, MinDistanceKm: 10}, from: seen("FR", 48.8566, 2.3522, 5, 0), to: seen("FR", 49.2, 2.3522, 5, 10*time.Minute), distance: 38.18 - 10, impossible: true},
		{name: "limits that are no numbers", opts: travel.Options{MaxSpeedKmh: math.NaN(), MinDistanceKm: -1}, from: seen("FR", 48.8566, 2.3522, 5, 0), to: seen("FR", 49.2, 2.3522, 5, 0), distance: 38.18 - 10},
		{name: "off the globe", from: seen("FR", 91, 2, 5, 0), to: seen("GB", 51, 181, 5, 0), country: true},
		{name: "infinite radius", from: seen("FR", 1, 2, math.Inf(1), 0), to: seen("FR", 51, 10, 5, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.opts.Between(tt.from, tt.to)
			if math.Abs(got.DistanceKm-tt.distance) > 0.2 {
				t.Errorf("distance %.2f km, want %.2f", got.DistanceKm, tt.distance)
			}
			if got.Impossible != tt.impossible || got.CountryChanged != tt.country {
				t.Errorf("impossible %v, country changed %v; want %v, %v", got.Impossible, got.CountryChanged, tt.impossible, tt.country)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLimitsAreInclusiveAsDocumented(t *testing.T) {
	from, to := seen("A", 0, 0, 1, 0), seen("B", 0, 10, 1, time.Hour)
	way := travel.Between(from, to)
	at := travel.Options{MaxSpeedKmh: way.SpeedKmh, MinDistanceKm: way.DistanceKm}
	if at.Between(from, to).Impossible {
		t.Error("exactly the highest speed is called impossible")
	}
	at.MaxSpeedKmh = math.Nextafter(way.SpeedKmh, 0)
	if !at.Between(from, to).Impossible {
		t.Error("faster than the highest speed at the shortest distance is called possible")
	}
	at.MinDistanceKm = math.Nextafter(way.DistanceKm, math.Inf(1))
	if at.Between(from, to).Impossible {
		t.Error("less than the shortest distance is called impossible")
	}
}

// sightings draws places on the globe and, now and then, nonsense.
func sightings(hostile bool) *rapid.Generator[gatehouse.Sighting] {
	return rapid.Custom(func(t *rapid.T) gatehouse.Sighting {
		s := seen(rapid.SampledFrom([]string{"", "DE", "FR", "PE"}).Draw(t, "country"),
			rapid.Float64Range(-90, 90).Draw(t, "lat"), rapid.Float64Range(-180, 180).Draw(t, "lon"),
			rapid.Float64Range(0, 3000).Draw(t, "radius"),
			time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "time")))
		if hostile {
			s.Place.Lat = rapid.Float64().Draw(t, "any lat")
			s.Place.Lon = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, s.Place.Lon}).Draw(t, "any lon")
			s.Place.RadiusKm = rapid.Float64().Draw(t, "any radius")
			s.Time = rapid.SampledFrom([]time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<35, 0), s.Time}).Draw(t, "any time")
		}
		return s
	})
}

func finite(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return false
		}
	}
	return true
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := sightings(false).Draw(t, "a"), sightings(false).Draw(t, "b"), sightings(false).Draw(t, "c")
		ab, ba := travel.Between(a, b), travel.Between(b, a)
		if ab.DistanceKm != ba.DistanceKm || ab.SpeedKmh != ba.SpeedKmh || ab.Impossible != ba.Impossible || ab.CountryChanged != ba.CountryChanged {
			t.Fatalf("there %+v, back %+v", ab, ba)
		}
		if limit := math.Pi * 6371.01; ab.DistanceKm > limit {
			t.Fatalf("%v km is longer than half the equator", ab.DistanceKm)
		}
		if same := travel.Between(a, a); same.DistanceKm != 0 || same.Impossible || same.CountryChanged {
			t.Fatalf("no travel is %+v", same)
		}
		// With the radii taken off, a detour can only be shorter by the radius
		// of the place on the way, counted twice.
		if a.Place.Located() && b.Place.Located() && c.Place.Located() {
			detour := travel.Between(a, c).DistanceKm + travel.Between(c, b).DistanceKm + 2*c.Place.RadiusKm
			if ab.DistanceKm > detour+1e-3 { // a metre: near the antipode the formula rounds
				t.Fatalf("%v km, by a detour %v", ab.DistanceKm, detour)
			}
		}
		// Being less sure never makes a travel impossible.
		b.Place.RadiusKm += 500
		if vague := travel.Between(a, b); a.Place.Located() && ab.To.Place.Located() && vague.Impossible && !ab.Impossible {
			t.Fatalf("a larger radius made %+v impossible", ab)
		}
	})
}

func TestNumbersStayFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := sightings(true).Draw(t, "a"), sightings(rapid.Bool().Draw(t, "hostile")).Draw(t, "b")
		way := travel.Options{MaxSpeedKmh: rapid.Float64().Draw(t, "speed")}.Between(a, b)
		if !finite(way.DistanceKm, way.SpeedKmh) {
			t.Fatalf("%+v", way)
		}
		way.From.Time, way.To.Time = noon, noon // a year beyond 9999 has no RFC 3339 form
		if _, err := json.Marshal(way); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkBetween(b *testing.B) {
	x, y := seen("FR", 48.8566, 2.3522, 5, 0), seen("GB", 51.5074, -0.1278, 5, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		travel.Between(x, y)
	}
}
