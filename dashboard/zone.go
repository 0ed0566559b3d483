package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fluxstudio/gatehouse/internal/web"
)

// viewerZone is the time zone that a page reckons in.
type viewerZone struct {
	*time.Location
	Named bool // the parameter "tz" names it; otherwise it is the browser's
}

// zoneOf returns the zone that values name, or else the browser's. An unknown name
// is false.
func zoneOf(r *http.Request, values url.Values) (viewerZone, bool) {
	name := values.Get("tz")
	if name == "" {
		return viewerZone{Location: web.Location(r)}, true
	}
	if len(name) <= 64 && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			return viewerZone{zone, true}, true
		}
	}
	return viewerZone{Location: web.Location(r)}, false
}

// commonZones has one or more zones for each offset in use; any other name of the
// IANA database will do as well.
var commonZones = []string{
	"Pacific/Pago_Pago", "Pacific/Honolulu", "Pacific/Marquesas", "America/Anchorage", "America/Los_Angeles", "America/Denver", "America/Phoenix",
	"America/Mexico_City", "America/Chicago", "America/Bogota", "America/New_York", "America/Halifax", "America/Santiago", "America/St_Johns",
	"America/Sao_Paulo", "America/Argentina/Buenos_Aires", "America/Nuuk", "Atlantic/Azores", "Atlantic/Cape_Verde", "UTC", "Europe/London",
	"Europe/Lisbon", "Africa/Lagos", "Europe/Berlin", "Europe/Paris", "Europe/Rome", "Europe/Madrid", "Europe/Amsterdam", "Europe/Warsaw",
	"Africa/Johannesburg", "Africa/Cairo", "Europe/Athens", "Europe/Helsinki", "Europe/Kyiv", "Asia/Jerusalem", "Africa/Nairobi", "Europe/Istanbul",
	"Europe/Moscow", "Asia/Tehran", "Asia/Dubai", "Asia/Kabul", "Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Dhaka", "Asia/Yangon",
	"Asia/Jakarta", "Asia/Bangkok", "Asia/Shanghai", "Asia/Singapore", "Australia/Perth", "Australia/Eucla", "Asia/Tokyo", "Asia/Seoul",
	"Australia/Darwin", "Australia/Adelaide", "Australia/Brisbane", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Noumea",
	"Pacific/Auckland", "Pacific/Chatham", "Pacific/Tongatapu", "Pacific/Kiritimati",
}

// zoneChoice is an entry of the list of zones.
type zoneChoice struct{ Name, Offset string }

// zoneChoices lists the common zones and the one in use, from west to east as of an
// instant.
func zoneChoices(used viewerZone, at time.Time) []zoneChoice {
	names := commonZones
	if !slices.Contains(names, used.String()) {
		names = append(names[:len(names):len(names)], used.String())
	}
	type placed struct {
		zoneChoice
		seconds int
	}
	var list []placed
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		if err != nil {
			continue // a database of zones older than the list
		}
		_, seconds := at.In(zone).Zone()
		list = append(list, placed{zoneChoice{name, at.In(zone).Format("-07:00")}, seconds})
	}
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Or(cmp.Compare(a.seconds, b.seconds), cmp.Compare(a.Name, b.Name)) })
	choices := make([]zoneChoice, len(list))
	for i, p := range list {
		choices[i] = p.zoneChoice
	}
	return choices
}
