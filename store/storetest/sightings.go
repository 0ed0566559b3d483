package storetest

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"pgregory.net/rapid"
)

// Sightings runs the suite of the sightings: each call sees all that came
// before it, the last of each pair of device and country. open returns an empty
// store. Times are compared to the microsecond.
func Sightings(t *testing.T, open func(t *testing.T) gatehouse.Sightings) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s gatehouse.Sightings)
	}{
		{"a sighting comes back whole", sightingsWhole},
		{"agrees with a model", sightingsModel},
		{"of two calls at the same time one sees the other", sightingsParallel},
		{"at least 64 pairs are remembered, and not without bound", sightingsBound},
		{"hostile text does no harm", sightingsHostile},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func sighting(minute int, device, country string) gatehouse.Sighting {
	return gatehouse.Sighting{
		Time: noon.Add(time.Duration(minute) * time.Minute), IP: netip.MustParseAddr("192.0.2.1"),
		Device: gatehouse.Device{ID: device}, Place: gatehouse.Place{Country: country},
	}
}

func see(t testing.TB, s gatehouse.Sightings, user string, sg gatehouse.Sighting) []gatehouse.Sighting {
	t.Helper()
	earlier, err := s.See(t.Context(), user, sg)
	if err != nil {
		t.Fatalf("See: %v", err)
	}
	return earlier
}

func sightingsWhole(t *testing.T, s gatehouse.Sightings) {
	want := gatehouse.Sighting{
		Time: noon.Add(1234567 * time.Microsecond), IP: netip.MustParseAddr("2001:db8::7"),
		Place:  gatehouse.Place{Country: "NL", City: "Den Haag", Network: "Example Net", Lat: 52.08, Lon: 4.31, RadiusKm: 20},
		Device: gatehouse.Device{ID: "d1", Name: "Firefox on Linux"},
	}
	if got := see(t, s, "u1", want); len(got) != 0 {
		t.Errorf("before the first: %v", got)
	}
	got := see(t, s, "u1", sighting(5, "d2", "DE"))
	if len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	got[0].Time = got[0].Time.UTC()
	if g, w := asJSON(t, got[0]), asJSON(t, want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
	if got := see(t, s, "u2", sighting(6, "d1", "NL")); len(got) != 0 {
		t.Errorf("another user sees %v", got)
	}
}

func sightingsModel(t *testing.T, s gatehouse.Sightings) {
	type pair struct{ device, country string }
	model := map[string]map[pair]gatehouse.Sighting{}
	minute := 0
	rapid.Check(t, func(rt *rapid.T) {
		minute++
		user := rapid.SampledFrom([]string{"u1", "u2", ""}).Draw(rt, "user")
		sg := sighting(minute, rapid.SampledFrom([]string{"d1", "d2", "d3", ""}).Draw(rt, "device"),
			rapid.SampledFrom([]string{"NL", "DE", ""}).Draw(rt, "country"))
		got := see(t, s, user, sg)
		var want []gatehouse.Sighting
		for _, w := range model[user] {
			want = append(want, w)
		}
		slices.SortFunc(want, func(a, b gatehouse.Sighting) int { return b.Time.Compare(a.Time) })
		for i := range got {
			got[i].Time = got[i].Time.UTC()
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("got %v\nwant %v", got, want)
		}
		if model[user] == nil {
			model[user] = map[pair]gatehouse.Sighting{}
		}
		model[user][pair{sg.Device.ID, sg.Place.Country}] = sg
	})
}

func sightingsParallel(t *testing.T, s gatehouse.Sightings) {
	const clients = 32
	seen := make([]int, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			earlier, err := s.See(t.Context(), "u", sighting(i, fmt.Sprintf("d%d", i), "NL"))
			if err != nil {
				t.Errorf("See: %v", err)
			}
			seen[i] = len(earlier)
		})
	}
	wg.Wait()
	slices.Sort(seen)
	for i, n := range seen {
		if n != i {
			t.Fatalf("the calls saw %v earlier sightings, want each of 0 to %d once", seen, clients-1)
		}
	}
}

func sightingsBound(t *testing.T, s gatehouse.Sightings) {
	const n = 300
	var last []gatehouse.Sighting
	for i := range n {
		last = see(t, s, "u", sighting(i, fmt.Sprintf("d%d", i), "NL"))
	}
	if len(last) < 64 || len(last) > n/2 {
		t.Fatalf("%d sightings are remembered, want 64 or some more", len(last))
	}
	for i, sg := range last {
		if want := fmt.Sprintf("d%d", n-2-i); sg.Device.ID != want {
			t.Fatalf("number %d is of %s, want %s", i, sg.Device.ID, want)
		}
	}
}

func sightingsHostile(t *testing.T, s gatehouse.Sightings) {
	for name, text := range hostile {
		sg := sighting(1, text, text)
		sg.Device.Name, sg.Place.City = text, text
		see(t, s, name, sg)
		got := see(t, s, name, sighting(2, "d", "NL"))
		if len(got) != 1 {
			t.Errorf("%s: %d sightings", name, len(got))
			continue
		}
		if want := gatehouse.CleanText(text, gatehouse.MaxText); got[0].Device.Name != want {
			t.Errorf("%s: kept as %.80q, want %.80q", name, got[0].Device.Name, want)
		}
	}
}
