package dashboard

import (
	"strings"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/web"
	"github.com/fluxstudio/gatehouse/rules"
)

// fact is a line of a receipt.
type fact struct{ Name, Text string }

// together says in words what a rule counts together, by Finding.KeyedBy.
var together = map[string]string{
	"account+ip":  "the attempts at one account from one address",
	"user":        "all that one user does",
	"user+token":  "one session of one user",
	"ip+endpoint": "one address at one endpoint",
	"ip":          "one address",
	"request":     "each request by itself",
}

// signs are what is weighed together in a takeover.
var signs = map[string]string{
	"new_device":        "a device that was never used before",
	"new_country":       "a country where the user was never seen",
	"impossible_travel": "a way that cannot be travelled in the time",
}

// receipt says how a finding came about: what was counted, by what, against which
// limit.
func receipt(f *gatehouse.Finding) (facts []fact) {
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name, text})
		}
	}
	what, counts := nouns[f.Rule]
	switch {
	case counts:
		add("What is counted", what[1])
	case f.Evidence.Travel != nil:
		add("What is judged", "the way from the login before")
	default:
		add("What is judged", "the user agent")
	}
	words, known := together[f.KeyedBy]
	if !known {
		words = f.KeyedBy
	}
	if counts {
		add("Counted together", words)
	} else {
		add("Judged together", words)
	}
	if f.Threshold > 0 {
		add("Limit", web.Number(f.Threshold)+" within any "+web.Duration(f.Window))
		add("Counted", web.Number(f.Observed))
	}
	add("Endpoint", f.Evidence.Endpoint)
	add("Recognised as", f.Evidence.Pattern)
	add("User agent", f.Evidence.UserAgent)
	var seen []string
	for _, sign := range f.Evidence.Signs {
		if words, ok := signs[sign]; ok {
			sign = words
		}
		seen = append(seen, sign)
	}
	add("Signs", strings.Join(seen, "; "))
	return facts
}

// advice is what a finding usually means, and what to look at next.
type advice struct{ Means, Next string }

// advices are by rule, or by kind where there is no rule.
var advices = map[string]advice{
	rules.BruteForce: {
		"Somebody tries one password after another. Now and then it is the owner who has forgotten it.",
		"Look below whether a login succeeded afterwards. If one did, sign the user out and require the password again.",
	},
	rules.MultipleDevices: {
		"The account is used on more devices than one person has. It may be shared, or its password known to others.",
		"Compare the places of the devices. End those that do not fit the user.",
	},
	rules.RapidTokenRefresh: {
		"A session is refreshed much more often than an app needs to. A stolen token may be in use, or an app may be broken.",
		"End the session if its device or its place is a stranger to the user.",
	},
	rules.BotActivity: {
		"Requests come faster than a person can send them.",
		"If it is not a monitor or a partner of yours, block the address. If it is, put it on the allow list.",
	},
	rules.RapidSignup: {
		"Accounts are created faster than people sign up. Such accounts are made for spam or fraud.",
		"Look at the accounts that were created from this address.",
	},
	rules.GeographicAnomaly: {
		"The user was somewhere else too shortly before, or was never seen in this country. Often it is a VPN or a journey.",
		"Ask the user. If it was not them, sign them out everywhere.",
	},
	rules.AccountTakeover: {
		"An unknown device at a place where the user can hardly be: somebody else probably knows the password.",
		"Sign the user out everywhere and require the password again, or lock the account until you have reached them.",
	},
	rules.SuspiciousUserAgent: {
		"The client says that it is a bot, a script or an attack tool, or does not say what it is.",
		"Alone it is harmless. Look at what else came from the address.",
	},
	string(gatehouse.TokenReused): {
		"A copy of a refresh token was made. One of the two who have it is not the owner.",
		"Look at the devices and places of the user, and require the password again.",
	},
	string(gatehouse.LoginDisowned): {
		"The owner has answered the mail about a login: somebody else knew the password.",
		"Look at what was done with the account before. The address of this record is the owner's: do not block it.",
	},
}

// adviceOn returns what to say about a record.
func adviceOn(r *gatehouse.Record) advice {
	if r.Finding != nil {
		return advices[r.Finding.Rule]
	}
	return advices[string(r.Kind)]
}
