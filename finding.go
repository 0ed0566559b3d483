package gatehouse

import (
	"net/netip"
	"time"
)

// Finding is an attack, or a sign of one, that a rule recognised, together with
// its receipt: what was counted, against which limit, and what was done. One
// ongoing attack is one finding, which is updated.
type Finding struct {
	ID       string   `json:"id"`
	Rule     string   `json:"rule"` // a name of package rules
	Kind     Kind     `json:"type"`
	Severity Severity `json:"severity"`
	// KeyedBy names what was counted together, for example "account+ip".
	KeyedBy   string        `json:"keyed_by,omitempty"`
	Observed  int           `json:"observed,omitempty"`
	Threshold int           `json:"threshold,omitempty"`
	Window    time.Duration `json:"window_ns,omitempty"`
	First     time.Time     `json:"first"`
	Last      time.Time     `json:"last"`
	// Count is how often the rule has fired in this attack so far.
	Count int `json:"count"`
	// Shadow says that the rule was on trial: nothing was done about it.
	Shadow   bool     `json:"shadow,omitempty"`
	Evidence Evidence `json:"evidence,omitzero"`
	Actions  []Action `json:"actions,omitempty"`
}

// Evidence is what a rule saw. Only the fields that fit the rule are set.
type Evidence struct {
	Endpoint  string     `json:"endpoint,omitempty"`
	Pattern   string     `json:"pattern,omitempty"` // the name of the bot, tool or script
	Devices   []Sighting `json:"devices,omitempty"`
	Travel    *Travel    `json:"travel,omitempty"`
	Signs     []string   `json:"signs,omitempty"`      // of takeover: new_device, new_country, impossible_travel
	UserAgent string     `json:"user_agent,omitempty"` // the one judged
}

// Travel is the way between two sightings of one user.
type Travel struct {
	From           Sighting `json:"from"`
	To             Sighting `json:"to"`
	DistanceKm     float64  `json:"distance_km"` // at least this far, uncertainty taken off
	SpeedKmh       float64  `json:"speed_kmh"`   // at least this fast
	Impossible     bool     `json:"impossible"`
	CountryChanged bool     `json:"country_changed"`
}

// Action is something that was done about a finding.
type Action struct {
	Response string       `json:"response"`          // log, alert, block_ip, rate_limit
	Target   netip.Prefix `json:"target,omitzero"`   // for block_ip
	Until    time.Time    `json:"until,omitzero"`    // when it ends by itself
	Undo     string       `json:"undo,omitempty"`    // a command that takes it back
	Failure  string       `json:"failure,omitempty"` // why it could not be done
}

// Sighting is one login of a user: when, from where, on what.
type Sighting struct {
	Time   time.Time  `json:"time"`
	IP     netip.Addr `json:"ip,omitzero"`
	Place  Place      `json:"place,omitzero"`
	Device Device     `json:"device,omitzero"`
}

// Place is where an address is thought to be. The zero Place is unknown.
type Place struct {
	Country string  `json:"country,omitempty"` // ISO 3166-1 alpha-2
	City    string  `json:"city,omitempty"`
	Network string  `json:"network,omitempty"` // the operator of the network
	Lat     float64 `json:"lat,omitempty"`     // degrees north
	Lon     float64 `json:"lon,omitempty"`     // degrees east
	// RadiusKm is how far off Lat and Lon may be. It is zero when there are no
	// coordinates.
	RadiusKm float64 `json:"radius_km,omitempty"`
}

// Known reports whether at least the country is known.
func (p Place) Known() bool { return p.Country != "" }

// Located reports whether the place has coordinates.
func (p Place) Located() bool { return p.RadiusKm > 0 }

// Block keeps an address or a network out until it expires.
type Block struct {
	ID      string       `json:"id"`
	Prefix  netip.Prefix `json:"prefix"` // masked; a single address is a full-length prefix
	Reason  string       `json:"reason"`
	Rule    string       `json:"rule,omitempty"` // empty when a person placed it
	By      string       `json:"by"`             // "gatehouse" or who placed it
	Finding string       `json:"finding_id,omitempty"`
	// Accounts are those whose failed logins led to the block, if they did:
	// lifting it gives them their attempts from the prefix back.
	Accounts []string  `json:"accounts,omitempty"`
	Created  time.Time `json:"created"`
	Until    time.Time `json:"until,omitzero"` // zero: until it is lifted
}

// ActiveAt reports whether the block holds at the instant t.
func (b Block) ActiveAt(t time.Time) bool { return b.Until.IsZero() || t.Before(b.Until) }

// FormatPrefix writes a network for people: a single address without a length.
func FormatPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
