package rules_test

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fluxstudio/gatehouse"
	"github.com/fluxstudio/gatehouse/internal/strictyaml"
	"github.com/fluxstudio/gatehouse/rules"
)

// scriptedCase is one entry of a file in testdata/cases: a name, which begins
// with "quiet" where the rule must not fire, and a list of steps.
type scriptedCase struct {
	name   string
	rules  rules.Set
	places places
	steps  []step
}

// step is one thing that happens, perhaps several times.
type step struct {
	where    string        // file, line and column
	at       time.Duration // after midnight
	do       string        // wrong_password, login, signup, refresh or request
	account  string        // default: ann@example.com
	ip       netip.Addr    // default: 192.0.2.1
	agent    string        // default: a browser
	device   string        // default: laptop
	session  string        // default: s1
	endpoint string        // default: POST /api/auth/login
	times    int           // default: once
	every    time.Duration // between repetitions
	finds    []string      // the rules that fire, once for each time, sorted; default: none
	verdict  string        // of each repetition; default: allow
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// townPlaces are the addresses that cases can come from. Others are nowhere.
var townPlaces = places{
	netip.MustParseAddr("192.0.2.1"):     {Country: "DE", City: "Berlin", Lat: 52.52, Lon: 13.40, RadiusKm: 20},
	netip.MustParseAddr("192.0.2.2"):     {Country: "DE", City: "Munich", Lat: 48.14, Lon: 11.58, RadiusKm: 20},
	netip.MustParseAddr("198.51.100.1"):  {Country: "FR", City: "Paris", Lat: 48.86, Lon: 2.35, RadiusKm: 20},
	netip.MustParseAddr("203.0.113.1"):   {Country: "JP", City: "Tokyo", Lat: 35.68, Lon: 139.69, RadiusKm: 20},
	netip.MustParseAddr("2001:db8::1"):   {Country: "DE"},
	netip.MustParseAddr("2001:db8:1::1"): {Country: "BR"},
}

func readCases(t *testing.T, file string) []scriptedCase {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := strictyaml.Parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	var cases []scriptedCase
	for _, f := range doc.Root().Fields("name: [{do: login}]") {
		c := scriptedCase{name: f.Key, rules: rules.Default(), places: townPlaces}
		steps := f.Value
		if f.IsMapping() { // with rules of its own
			for _, part := range f.Fields("{rules: {}, steps: []}") {
				switch part.Key {
				case "rules":
					c.rules = rules.Decode(part.Value, c.rules)
				case "steps":
					steps = part.Value
				default:
					part.Unknown("key", []string{"rules", "steps"})
				}
			}
		}
		for _, item := range steps.Items("[{do: login}]") {
			c.steps = append(c.steps, readStep(item))
		}
		cases = append(cases, c)
	}
	if err := doc.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func readStep(v strictyaml.Value) step {
	s := step{
		where: v.Position(), do: "login", account: "ann@example.com", ip: netip.MustParseAddr("192.0.2.1"), agent: browser,
		device: "laptop", session: "s1", endpoint: "POST /api/auth/login", times: 1, verdict: gatehouse.Allow.String(),
	}
	words := map[string]*string{
		"do": &s.do, "account": &s.account, "agent": &s.agent, "device": &s.device,
		"session": &s.session, "endpoint": &s.endpoint, "verdict": &s.verdict,
	}
	const year = 365 * 24 * time.Hour
	for _, f := range v.Fields("{do: login, at: 5m}") {
		if word := words[f.Key]; word != nil {
			*word, _, _ = f.Text("use text")
			continue
		}
		switch f.Key {
		case "at":
			s.at, _ = f.Duration(0, year)
		case "every":
			s.every, _ = f.Duration(0, year)
		case "times":
			s.times, _ = f.Int(1, 10_000)
		case "ip":
			text, _, _ := f.Text("use an address")
			var err error
			if s.ip, err = netip.ParseAddr(text); err != nil {
				f.Errorf("%v", err)
			}
		case "finds":
			for _, item := range f.Items("[brute_force]") {
				name, _, _ := item.Text("use the name of a rule")
				s.finds = append(s.finds, name)
			}
			slices.Sort(s.finds)
		default:
			f.Unknown("key", []string{"do", "at", "every", "times", "account", "ip", "agent", "device", "session", "endpoint", "finds", "verdict"})
		}
	}
	if !slices.Contains([]string{"wrong_password", "login", "signup", "refresh", "request"}, s.do) {
		v.Errorf("do: %q is none of wrong_password, login, signup, refresh, request", s.do)
	}
	return s
}
