package dashboard

import (
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/internal/worldmap"
)

// placeCount is a place where the user logged in.
type placeCount struct {
	gatehouse.Place
	Logins int
	Last   time.Time
}

// mapOf adds the places of logins, newest first.
func (p *userPage) mapOf(logins []gatehouse.Record) {
	at := map[string]int{}
	for _, r := range logins {
		if !r.Place.Known() {
			continue
		}
		name := web.Place(r.Place)
		i, known := at[name]
		if !known {
			i = len(p.Places)
			at[name] = i
			p.Places = append(p.Places, placeCount{Place: r.Place, Last: r.Time})
		}
		p.Places[i].Logins++
	}
	p.Map.Label, p.Map.One, p.Map.Many = "Where "+p.User.Account+" logged in", "login", "logins"
	p.Map.Values = map[string]int{}
	for _, place := range p.Places {
		p.Map.Values[place.Country] += place.Logins
		if place.Located() {
			at := point(place.Place)
			at.Label += ": " + web.Plural(place.Logins, "login", "logins")
			p.Map.Points = append(p.Map.Points, at)
		}
	}
	p.Drawable = len(p.Places) > 0 || len(p.Map.Arcs) > 0
}

// point is a place on a map.
func point(p gatehouse.Place) worldmap.Point {
	return worldmap.Point{Lat: p.Lat, Lon: p.Lon, Label: web.Place(p)}
}

// arcOf is a way on a map, if it is known where it was.
func arcOf(t *gatehouse.Travel) (worldmap.Arc, bool) {
	if t == nil || !t.From.Place.Located() || !t.To.Place.Located() {
		return worldmap.Arc{}, false
	}
	arc := worldmap.Arc{From: point(t.From.Place), To: point(t.To.Place)}
	arc.Label = arc.From.Label + " to " + arc.To.Label
	if t.Impossible {
		arc.Class, arc.To.Class = "is-bad", "is-bad"
	}
	return arc, true
}

// travelMap draws a way, if it is known where it was.
func travelMap(t *gatehouse.Travel) (m worldmap.Map, ok bool) {
	arc, ok := arcOf(t)
	if ok {
		m = worldmap.Map{Label: "The way from " + arc.Label, Arcs: []worldmap.Arc{arc}, Points: []worldmap.Point{arc.From, arc.To}, Fit: true}
	}
	return m, ok
}
