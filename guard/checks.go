package guard

import (
	"context"
	"net/netip"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/canonical"
	"github.com/fluxstudio/gatehouse/rules"
)

// CheckFailedLogin counts a failed login of account, in any spelling, from ip
// and returns a finding when it fills the window of the brute-force rule, nil
// otherwise. It does not block; it does not reserve, so that checks made in
// parallel with password verifications may let more of those through than the
// threshold: see Begin.
func (g *Guard) CheckFailedLogin(ctx context.Context, at time.Time, account string, ip netip.Addr) (*gatehouse.Finding, error) {
	return g.check(ctx, &g.rules.Load().BruteForce, at, g.keys.failedLogins(canonical.Account(account), ip))
}

// ResetFailedLogins forgets the failed logins of account from ip, as a success
// does.
func (g *Guard) ResetFailedLogins(ctx context.Context, account string, ip netip.Addr) error {
	return g.windows.Forget(ctx, g.keys.failedLogins(canonical.Account(account), ip))
}

// CheckTokenRefresh counts a refresh of a user's token and returns a finding
// when it fills the window of the rapid-token-refresh rule. token names what
// stays the same over rotations: the session or token family.
func (g *Guard) CheckTokenRefresh(ctx context.Context, at time.Time, user, token string) (*gatehouse.Finding, error) {
	return g.check(ctx, &g.rules.Load().RapidTokenRefresh, at, g.keys.refreshes(user, token))
}

// CheckRequestRate counts a request from ip to an endpoint and returns a
// finding when it fills the window of the bot-activity rule. It does not say
// whether later requests are to be refused: see Admit.
func (g *Guard) CheckRequestRate(ctx context.Context, at time.Time, ip netip.Addr, endpoint string) (*gatehouse.Finding, error) {
	f, err := g.check(ctx, &g.rules.Load().BotActivity, at, g.keys.requests(ip, endpoint))
	if f != nil {
		f.Evidence.Endpoint = endpoint
	}
	return f, err
}

func (g *Guard) check(ctx context.Context, rule *rules.Rule, at time.Time, key gatehouse.Key) (*gatehouse.Finding, error) {
	if !rule.Enabled {
		return nil, nil
	}
	tally, err := g.count(ctx, at, key, rule)
	if err != nil || tally.Over || tally.Count < rule.Limit.Threshold {
		return nil, err
	}
	f := g.counted(rule, tally, at)
	return &f, nil
}

// counted is the finding of a rule whose window is full.
func (g *Guard) counted(rule *rules.Rule, tally gatehouse.Tally, at time.Time) gatehouse.Finding {
	f := finding(rule, at)
	f.Observed = tally.Count
	f.Threshold, f.Window = rule.Limit.Threshold, rule.Limit.Window
	return f
}

// finding is what all findings of a rule have in common. Respond joins it to
// the attack that it belongs to.
func finding(rule *rules.Rule, at time.Time) gatehouse.Finding {
	return gatehouse.Finding{
		ID:       gatehouse.NewID(at),
		Rule:     rule.Name,
		Kind:     rule.Kind,
		Severity: rule.Severity,
		KeyedBy:  rule.KeyedBy,
		First:    at,
		Last:     at,
		Count:    1,
		Shadow:   rule.Shadow,
	}
}

// CheckUserAgent returns a finding when a user agent is missing or is that of a
// known bot, scanner or script. It bounds its own work; see package agent.
func (g *Guard) CheckUserAgent(at time.Time, userAgent string) *gatehouse.Finding {
	return g.suspicious(&g.rules.Load().SuspiciousUserAgent, at, userAgent)
}

func (g *Guard) suspicious(rule *rules.Rule, at time.Time, userAgent string) *gatehouse.Finding {
	if !rule.Enabled {
		return nil
	}
	j := g.agents.Judge(userAgent)
	if !j.Suspicious {
		return nil
	}
	f := finding(rule, at)
	f.Evidence.Pattern = j.Pattern
	f.Evidence.UserAgent = gatehouse.CleanText(userAgent, gatehouse.MaxText)
	return &f
}

// CheckMultipleDevices returns a finding when the sightings of one user, newest
// first, show too many distinct devices within the rule's window before the
// newest. Sightings may be logins or live sessions at their last use. The last
// sighting of each device is the evidence.
func (g *Guard) CheckMultipleDevices(sightings []gatehouse.Sighting) *gatehouse.Finding {
	return g.manyDevices(&g.rules.Load().MultipleDevices, sightings)
}

func (g *Guard) manyDevices(rule *rules.Rule, sightings []gatehouse.Sighting) *gatehouse.Finding {
	if !rule.Enabled || len(sightings) == 0 {
		return nil
	}
	at := sightings[0].Time
	seen := make(map[string]bool)
	var devices []gatehouse.Sighting
	for _, s := range sightings {
		if at.Sub(s.Time) < rule.Limit.Window && !seen[s.Device.ID] {
			seen[s.Device.ID] = true
			devices = append(devices, s)
		}
	}
	g.told(rule, len(devices))
	if len(devices) < rule.Limit.Threshold {
		return nil
	}
	f := finding(rule, at)
	f.Observed = len(devices)
	f.Threshold, f.Window = rule.Limit.Threshold, rule.Limit.Window
	f.Evidence.Devices = devices
	return &f
}

// The signs that are weighed together with a geographic anomaly.
const (
	signNewDevice        = "new_device"
	signNewCountry       = "new_country"
	signImpossibleTravel = "impossible_travel"
)

// CheckAccountTakeover compares the newest of a user's sightings, newest first,
// with the earlier ones. It returns a geographic anomaly when the way from the
// place before cannot have been travelled in the time, or leads to a country in
// which the user has not been seen; and an account takeover besides when the
// device is new as well.
//
// A country that is known for the user is no anomaly by itself, so that
// commuters and people coming home raise none. A known device is compared with
// its own last place: what a stranger did elsewhere on another device is not
// held against the owner, nor is a laptop at home while the phone travels.
// Unknown places are never an anomaly.
func (g *Guard) CheckAccountTakeover(sightings []gatehouse.Sighting) []gatehouse.Finding {
	return g.takeover(g.rules.Load(), sightings)
}

func (g *Guard) takeover(set *rules.Set, sightings []gatehouse.Sighting) []gatehouse.Finding {
	if len(sightings) < 2 || !sightings[0].Place.Known() {
		return nil
	}
	now := sightings[0]
	before, newDevice, newCountry := lastKnown(sightings[1:], now)
	if before == nil {
		return nil
	}
	way := g.travel.Between(*before, now)
	newCountry = newCountry && way.CountryChanged
	if !way.Impossible && !newCountry {
		return nil
	}
	var signs []string
	for _, sign := range []struct {
		is   bool
		name string
	}{{newDevice, signNewDevice}, {newCountry, signNewCountry}, {way.Impossible, signImpossibleTravel}} {
		if sign.is {
			signs = append(signs, sign.name)
		}
	}
	var findings []gatehouse.Finding
	add := func(rule *rules.Rule) {
		if rule.Enabled {
			f := finding(rule, now.Time)
			f.Evidence.Travel, f.Evidence.Signs = &way, signs
			findings = append(findings, f)
		}
	}
	add(&set.GeographicAnomaly)
	if newDevice {
		add(&set.AccountTakeover)
	}
	return findings
}

// lastKnown returns the sighting to compare now with, nil if there is none whose
// place is known, and whether the device and the country are new.
func lastKnown(earlier []gatehouse.Sighting, now gatehouse.Sighting) (last *gatehouse.Sighting, newDevice, newCountry bool) {
	var ofUser, ofDevice *gatehouse.Sighting
	newDevice, newCountry = true, true
	for i := range earlier {
		s := &earlier[i]
		sameDevice := s.Device.ID == now.Device.ID
		newDevice = newDevice && !sameDevice
		newCountry = newCountry && s.Place.Country != now.Place.Country
		if !s.Place.Known() {
			continue
		}
		if ofUser == nil {
			ofUser = s
		}
		if ofDevice == nil && sameDevice {
			ofDevice = s
		}
	}
	if ofDevice != nil {
		return ofDevice, newDevice, newCountry
	}
	return ofUser, newDevice, newCountry
}
