package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/fluxstudio/gatehouse"
)

var _ gatehouse.Sightings = (*Store)(nil)

// maxSightings is how many pairs of device and country are kept for a user.
const maxSightings = 64

// See records sg and returns the user's earlier sightings, newest first. Of the
// sightings on one device in one country the newest by its own time is kept, so
// that logins whose records cross do not put it back.
func (s *Store) See(ctx context.Context, user string, sg gatehouse.Sighting) ([]gatehouse.Sighting, error) {
	user = gatehouse.CleanText(user, gatehouse.MaxText)
	sg = sg.Clean()
	text, err := json.Marshal(sg)
	if err != nil {
		return nil, fmt.Errorf("sql: sighting: %w", err)
	}
	device, country := sg.Device.ID, sg.Place.Country
	return change(ctx, s, lockUser(user), func(ctx context.Context, h *handle) ([]gatehouse.Sighting, error) {
		earlier, err := all(ctx, h, scanSighting,
			"SELECT detail FROM sightings WHERE user_id = $1 ORDER BY time DESC, device_id, country", user)
		if err != nil {
			return nil, err
		}
		if _, err := h.exec(ctx, `INSERT INTO sightings (user_id, device_id, country, time, detail)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (user_id, device_id, country) DO UPDATE SET time = excluded.time, detail = excluded.detail
			WHERE excluded.time >= sightings.time`,
			user, device, country, micros(sg.Time), string(text)); err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(earlier, func(e gatehouse.Sighting) bool {
			return e.Device.ID == device && e.Place.Country == country
		})
		if n := len(earlier); n >= maxSightings && !known {
			oldest := earlier[n-1]
			_, err = h.exec(ctx, "DELETE FROM sightings WHERE user_id = $1 AND device_id = $2 AND country = $3",
				user, oldest.Device.ID, oldest.Place.Country)
		}
		return earlier, err
	})
}

func scanSighting(read scan) (s gatehouse.Sighting, err error) {
	var text string
	if err := read(&text); err != nil {
		return s, err
	}
	err = json.Unmarshal([]byte(text), &s)
	return s, err
}
