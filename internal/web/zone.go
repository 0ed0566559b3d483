package web

import (
	"net/http"
	"sync"
	"time"
	_ "time/tzdata" // a container may have no zones of its own
)

// zones keeps the zones that were asked for: a few hundred at most, since only names
// that exist are kept.
var zones sync.Map // name to *time.Location

// Location returns the viewer's time zone, which app.js leaves in the cookie "tz" by
// its IANA name, or UTC where there is none that is known.
func Location(r *http.Request) *time.Location {
	cookie, err := r.Cookie("tz")
	if err != nil || len(cookie.Value) > 64 || cookie.Value == "Local" {
		return time.UTC
	}
	if zone, ok := zones.Load(cookie.Value); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(cookie.Value)
	if err != nil {
		return time.UTC
	}
	zones.Store(cookie.Value, zone)
	return zone
}
