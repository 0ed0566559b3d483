// Package rules holds the built-in rules as values, and reads the rule files
// that change them.
//
// A rule says what to look for and what to do about it; how it is looked for is
// the business of package guard. Default returns the rules as they ship; Parse
// reads a rule file over them.
package rules

import (
	"time"

	"github.com/fluxstudio/gatehouse"
)

// The names of the rules, as rule files and records spell them.
const (
	BruteForce          = "brute_force"
	MultipleDevices     = "multiple_devices"
	RapidTokenRefresh   = "rapid_token_refresh"
	BotActivity         = "bot_activity"
	RapidSignup         = "rapid_signup"
	GeographicAnomaly   = "geographic_anomaly"
	AccountTakeover     = "account_takeover"
	SuspiciousUserAgent = "suspicious_user_agent"
)

// Rule is one thing that Gatehouse recognises.
type Rule struct {
	Name    string
	Enabled bool
	// Shadow puts the rule on trial: it counts, finds and writes down what it
	// has found, marked as such, and does nothing else. No request is refused,
	// nobody is kept out or told because of it. A rule that stands in for another,
	// as RapidSignup does for BotActivity, leaves that in force.
	Shadow   bool
	Kind     gatehouse.Kind // the type of its findings
	KeyedBy  string         // what is counted together
	Severity gatehouse.Severity
	// Limit is the count at which the rule fires. It is zero for a rule that
	// judges at once.
	Limit   gatehouse.Limit
	Respond Responses
}

// Immediate reports whether the rule judges at once instead of counting.
func (r Rule) Immediate() bool { return r.Limit.Threshold == 0 }

// Responses are what is done when a rule fires, besides writing it down, which
// always happens.
type Responses struct {
	Alert     bool          // tell people
	RateLimit bool          // refuse what exceeds the limit
	BlockIP   time.Duration // keep the address out for so long; 0: don't
}

// Set is one rule of each name.
type Set struct {
	BruteForce          Rule
	MultipleDevices     Rule
	RapidTokenRefresh   Rule
	BotActivity         Rule
	RapidSignup         Rule
	GeographicAnomaly   Rule
	AccountTakeover     Rule
	SuspiciousUserAgent Rule
}

// Default returns the built-in rules.
func Default() Set {
	return Set{
		// Counted before the password is looked at, so that parallel guesses
		// cannot exceed it.
		BruteForce: Rule{
			Name: BruteForce, Enabled: true, Kind: gatehouse.BruteForceDetected,
			KeyedBy: "account+ip", Severity: gatehouse.High,
			Limit:   gatehouse.Limit{Threshold: 5, Window: 5 * time.Minute},
			Respond: Responses{Alert: true, BlockIP: time.Hour},
		},
		MultipleDevices: Rule{
			Name: MultipleDevices, Enabled: true, Kind: gatehouse.MultipleDeviceLogin,
			KeyedBy: "user", Severity: gatehouse.Warning,
			Limit: gatehouse.Limit{Threshold: 3, Window: time.Hour},
		},
		RapidTokenRefresh: Rule{
			Name: RapidTokenRefresh, Enabled: true, Kind: gatehouse.RapidTokenRefresh,
			KeyedBy: "user+token", Severity: gatehouse.High,
			Limit:   gatehouse.Limit{Threshold: 10, Window: 10 * time.Minute},
			Respond: Responses{Alert: true},
		},
		BotActivity: Rule{
			Name: BotActivity, Enabled: true, Kind: gatehouse.BotActivityDetected,
			KeyedBy: "ip+endpoint", Severity: gatehouse.Warning,
			Limit:   gatehouse.Limit{Threshold: 50, Window: time.Minute},
			Respond: Responses{RateLimit: true},
		},
		// The bot-activity rule on the signup endpoint, in its place there.
		RapidSignup: Rule{
			Name: RapidSignup, Enabled: true, Kind: gatehouse.BotActivityDetected,
			KeyedBy: "ip", Severity: gatehouse.Warning,
			Limit:   gatehouse.Limit{Threshold: 50, Window: time.Minute},
			Respond: Responses{BlockIP: 30 * time.Minute},
		},
		GeographicAnomaly: Rule{
			Name: GeographicAnomaly, Enabled: true, Kind: gatehouse.GeographicAnomaly,
			KeyedBy: "user", Severity: gatehouse.High,
			Respond: Responses{Alert: true},
		},
		AccountTakeover: Rule{
			Name: AccountTakeover, Enabled: true, Kind: gatehouse.AccountTakeoverAttempt,
			KeyedBy: "user", Severity: gatehouse.High,
			Respond: Responses{Alert: true},
		},
		SuspiciousUserAgent: Rule{
			Name: SuspiciousUserAgent, Enabled: true, Kind: gatehouse.SuspiciousActivity,
			KeyedBy: "request", Severity: gatehouse.Warning,
		},
	}
}

// Rule returns the rule of a name, nil if there is none. Changing what it points
// at changes the set.
func (s *Set) Rule(name string) *Rule {
	for _, r := range s.All() {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// All returns the rules in the order of the manual. Changing what it points at
// changes the set.
func (s *Set) All() []*Rule {
	return []*Rule{
		&s.BruteForce, &s.MultipleDevices, &s.RapidTokenRefresh, &s.BotActivity,
		&s.RapidSignup, &s.GeographicAnomaly, &s.AccountTakeover, &s.SuspiciousUserAgent,
	}
}
