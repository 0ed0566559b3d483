package web

import (
	"net/http"
	"time"
	_ "time/tzdata" // a container may have no zones of its own
)

// Location returns the viewer's time zone, which app.js leaves in the cookie "tz" by
// its IANA name, or UTC where there is none that is known.
func Location(r *http.Request) *time.Location {
	cookie, err := r.Cookie("tz")
	if err != nil || len(cookie.Value) > 64 || cookie.Value == "Local" {
		return time.UTC
	}
	zone, err := time.LoadLocation(cookie.Value)
	if err != nil {
		return time.UTC
	}
	return zone
}
