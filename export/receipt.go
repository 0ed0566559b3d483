package export

import "github.com/fluxstudio/gatehouse"

// receipt is what a finding rests on and what was done about it, in the form in
// which both schemas carry it, as data of the source. Times are RFC 3339.
type receipt struct {
	Rule      string         `json:"rule,omitempty"`
	KeyedBy   string         `json:"keyed_by,omitempty"`
	Observed  int            `json:"observed,omitempty"`
	Threshold int            `json:"threshold,omitempty"`
	WindowMS  int64          `json:"window_ms,omitempty"`
	Shadow    bool           `json:"shadow,omitempty"`
	Endpoint  string         `json:"endpoint,omitempty"`
	Pattern   string         `json:"pattern,omitempty"`
	UserAgent string         `json:"user_agent,omitempty"`
	Signs     []string       `json:"signs,omitempty"`
	Devices   []sighting     `json:"devices,omitempty"`
	Travel    *travel        `json:"travel,omitempty"`
	Actions   []actionTaken  `json:"actions,omitempty"`
	Block     *blockInEffect `json:"block,omitempty"`
}

type sighting struct {
	Time     string `json:"time,omitempty"`
	IP       string `json:"ip,omitempty"`
	Country  string `json:"country,omitempty"`
	City     string `json:"city,omitempty"`
	DeviceID string `json:"device_id,omitempty"`
	Device   string `json:"device,omitempty"`
}

type travel struct {
	From           sighting `json:"from"`
	To             sighting `json:"to"`
	DistanceKm     float64  `json:"distance_km"`
	SpeedKmh       float64  `json:"speed_kmh"`
	Impossible     bool     `json:"impossible"`
	CountryChanged bool     `json:"country_changed"`
}

type actionTaken struct {
	Response string `json:"response"`
	Target   string `json:"target,omitempty"`
	Until    string `json:"until,omitempty"`
	Undo     string `json:"undo,omitempty"`
	Failure  string `json:"failure,omitempty"`
}

type blockInEffect struct {
	ID      string `json:"id,omitempty"`
	Network string `json:"network,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Rule    string `json:"rule,omitempty"`
	By      string `json:"by,omitempty"`
	Finding string `json:"finding_id,omitempty"`
	Created string `json:"created,omitempty"`
	Until   string `json:"until,omitempty"`
}

// receiptOf returns nil for a record without finding and block.
func receiptOf(r *gatehouse.Record) *receipt {
	if r.Finding == nil && r.Block == nil {
		return nil
	}
	out := &receipt{}
	if f := r.Finding; f != nil {
		e := &f.Evidence
		*out = receipt{
			Rule: f.Rule, KeyedBy: f.KeyedBy, Observed: f.Observed, Threshold: f.Threshold,
			WindowMS: f.Window.Milliseconds(), Shadow: f.Shadow, Endpoint: e.Endpoint, Pattern: e.Pattern,
			UserAgent: e.UserAgent, Signs: e.Signs, Travel: travelOf(e.Travel),
		}
		for _, s := range e.Devices {
			out.Devices = append(out.Devices, sightingOf(s))
		}
		for _, a := range f.Actions {
			out.Actions = append(out.Actions, actionTaken{
				a.Response, network(a.Target), optionalTime(a.Until), a.Undo, a.Failure,
			})
		}
	}
	if b := r.Block; b != nil {
		out.Block = &blockInEffect{
			b.ID, network(b.Prefix), b.Reason, b.Rule, b.By, b.Finding,
			optionalTime(b.Created), optionalTime(b.Until),
		}
	}
	return out
}

func sightingOf(s gatehouse.Sighting) sighting {
	return sighting{
		optionalTime(s.Time), address(s.IP), country(s.Place.Country), s.Place.City,
		s.Device.ID, s.Device.Name,
	}
}

func travelOf(t *gatehouse.Travel) *travel {
	if t == nil {
		return nil
	}
	return &travel{
		sightingOf(t.From), sightingOf(t.To), t.DistanceKm, t.SpeedKmh, t.Impossible, t.CountryChanged,
	}
}
