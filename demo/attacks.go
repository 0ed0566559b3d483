package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/fluxstudio/gatehouse/rules"
)

// attacks returns one scene for each rule, in the order of the day. The two that
// end in a block come last, so that the blocks are in force when it is over.
func attacks(c *cast) []*scene {
	return []*scene{
		suspiciousAgents(),
		botActivity(),
		sharedPassword(c.mateo),
		copiedBrowser(c.priya),
		takeover(c.daniel),
		stolenToken(c.aylin),
		rapidSignup(),
		bruteForce(c.ada),
	}
}

const (
	unauthorized = http.StatusUnauthorized
	tooMany      = http.StatusTooManyRequests
)

func suspiciousAgents() *scene {
	s := &scene{
		at:    clockTime(2, 30),
		title: "Scripts and scanners",
		story: "Four tools knock at the login page and do not even pretend to be browsers.",
		finds: map[string]int{rules.SuspiciousUserAgent: 4},
	}
	for i, tool := range []struct{ name, agent string }{
		{"curl", "curl/8.5.0"},
		{"sqlmap", "sqlmap/1.8.4#stable (https://sqlmap.org)"},
		{"a Python script", "python-requests/2.32.3"},
		{"a client without a user agent", ""},
	} {
		from := fmt.Sprintf("203.0.113.%d", 70+i)
		on := newBrowser(tool.agent)
		s.add(7*time.Second, "log in as admin@example.com: "+tool.name, unauthorized,
			func() request { return logIn("admin@example.com", "admin", from, on) }, nil)
	}
	return s
}

func botActivity() *scene {
	s := &scene{
		at:    clockTime(5, 10),
		title: "A bot",
		story: "A machine asks one endpoint every second, from another address of its IPv6 network each time. A /64 is counted as one client.",
		finds: map[string]int{rules.BotActivity: 1},
	}
	on := newBrowser(chromeWindows)
	for i := range 52 {
		from := fmt.Sprintf("2001:db8:bad:1::%x", 0x1000+77*i)
		want := unauthorized
		if i >= 50 {
			want = tooMany
		}
		s.add(time.Second, "GET /api/auth/me", want, func() request {
			return request{method: "GET", path: "/api/auth/me", from: from, on: on}
		}, nil)
	}
	return s
}

func sharedPassword(p *person) *scene {
	s := &scene{
		at:    clockTime(7, 0),
		title: "A password that made the rounds",
		story: "Three strangers in Mateo's own city log in with his password, within half an hour.",
		finds: map[string]int{rules.MultipleDevices: 1},
	}
	for i, agent := range []string{edgeWindows, firefoxLinux, chromeAndroid} {
		from := fmt.Sprintf("203.0.113.%d", 34+i)
		on := newBrowser(agent)
		s.add(9*time.Minute, "log in as mateo, right password, each time on another device", http.StatusOK,
			func() request { return logIn(p.email, p.password, from, on) }, nil)
	}
	return s
}

func copiedBrowser(p *person) *scene {
	const thief, home = "203.0.113.20", "2001:db8:1:c0:95c1::7"
	s := &scene{
		at:    clockTime(10, 5),
		title: "A copied browser profile",
		story: "Priya is at home in Toronto. Somebody in Sydney has her password and a copy of all that her browser keeps, so it passes for her device.",
		finds: map[string]int{rules.GeographicAnomaly: 1},
	}
	var copied *browser
	next := "a-new-" + p.password
	s.add(time.Minute, "log in as priya, right password, on what looks like her own device", http.StatusOK, func() request {
		copied = p.first.copied()
		return logIn(p.email, p.password, thief, copied)
	}, nil)
	s.add(8*time.Minute, "Priya, who has been told, renews her own session", http.StatusOK,
		func() request { return refresh(home, p.first) }, nil)
	s.add(20*time.Second, "Priya changes her password, which ends all other sessions", http.StatusNoContent,
		func() request { return changePassword(p.password, next, home, p.first) }, func(response) { p.password = next })
	s.add(time.Minute, "the thief's session is over", unauthorized,
		func() request { return whoAmI(thief, copied) }, nil)
	return s
}

func takeover(p *person) *scene {
	const thief = "203.0.113.52"
	s := &scene{
		at:    clockTime(13, 10),
		title: "Account takeover",
		story: "Daniel is at home in Dublin. Forty minutes after his login somebody in Auckland logs in with his password, on a device that nobody has seen.",
		// The takeover is a geographic anomaly with further signs, and both are told.
		finds: map[string]int{rules.AccountTakeover: 1, rules.GeographicAnomaly: 1},
	}
	on := newBrowser(firefoxLinux)
	var device string
	s.add(30*time.Second, "log in as daniel, right password, on a new device", http.StatusOK,
		func() request { return logIn(p.email, p.password, thief, on) }, nil)
	s.add(10*time.Minute, "Daniel, who has been told, renews his own session", http.StatusOK,
		func() request { return refresh(p.home, p.first) }, nil)
	s.add(10*time.Second, "Daniel looks at the list of his devices", http.StatusOK, func() request {
		return request{method: "GET", path: "/api/auth/devices", from: p.home, on: p.first, signedIn: true}
	}, func(r response) { device = deviceAt(r, thief) })
	s.add(20*time.Second, "Daniel ends the sessions of the one that is not his", http.StatusNoContent, func() request {
		return request{method: "DELETE", path: "/api/auth/devices/" + device, from: p.home, on: p.first, signedIn: true}
	}, nil)
	s.add(time.Minute, "the thief's session is over", unauthorized,
		func() request { return refresh(thief, on) }, nil)
	return s
}

// deviceAt finds the ID of the device that was last used from an address.
func deviceAt(r response, address string) string {
	var list struct{ Devices []struct{ ID, IP string } }
	json.Unmarshal(r.body, &list) // what is not there is not found
	for _, d := range list.Devices {
		if d.IP == address {
			return d.ID
		}
	}
	return "none"
}

func stolenToken(p *person) *scene {
	const thief = "203.0.113.9"
	s := &scene{
		at:    clockTime(16, 20),
		title: "A stolen refresh token",
		story: "Malware took the refresh token out of Aylin's browser. A script keeps the session alive by exchanging it every 20 seconds.",
		finds: map[string]int{rules.RapidTokenRefresh: 1},
	}
	on := newBrowser(firefoxWindows)
	for i := range 12 {
		s.add(20*time.Second, "exchange the token for the next one", http.StatusOK, func() request {
			if i == 0 {
				on.tokens = p.first.tokens
			}
			return refresh(thief, on)
		}, nil)
	}
	s.add(6*time.Minute, "Aylin's own browser comes with the token that the thief has spent", unauthorized,
		func() request { return refresh(p.home, p.first) }, nil)
	s.add(10*time.Second, "the thief's next exchange: the session is over", unauthorized,
		func() request { return refresh(thief, on) }, nil)
	s.add(30*time.Second, "Aylin logs in again, with her password", http.StatusOK,
		func() request { return logIn(p.email, p.password, p.home, p.first) }, nil)
	return s
}

func rapidSignup() *scene {
	const from = "203.0.113.66"
	s := &scene{
		at:     clockTime(23, 38),
		title:  "A flood of signups",
		story:  "A script that passes for a browser makes an account every second.",
		finds:  map[string]int{rules.RapidSignup: 1},
		blocks: 1,
	}
	on := newBrowser(chromeMac)
	for i := range 51 {
		want := http.StatusCreated
		if i >= 50 {
			want = tooMany
		}
		s.add(time.Second, "POST /api/auth/signup", want, func() request {
			return signUp(fmt.Sprintf("member-%02d@example.com", i+1), "tangerine-orbit-clockwork", "New Member", from, on)
		}, nil)
	}
	return s
}

func bruteForce(p *person) *scene {
	const from = "203.0.113.5"
	s := &scene{
		at:     clockTime(23, 50),
		title:  "Brute force",
		story:  "Somebody guesses Ada's password. The sixth guess is right, and of no use.",
		finds:  map[string]int{rules.BruteForce: 1},
		blocks: 1,
	}
	on := newBrowser(chromeWindows)
	for i := range 5 {
		s.add(4*time.Second, "log in as ada, wrong password", unauthorized,
			func() request { return logIn(p.email, fmt.Sprint("Summer202", i), from, on) }, nil)
	}
	s.add(4*time.Second, "log in as ada, right password, from the blocked address", tooMany,
		func() request { return logIn(p.email, p.password, from, on) }, nil)
	s.add(time.Minute, "Ada herself logs in at home, unhindered", http.StatusOK,
		func() request { return logIn(p.email, p.password, p.home, p.first) }, nil)
	return s
}
