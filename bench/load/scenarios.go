package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	mePath      = "/api/auth/me"
	loginPath   = "/api/auth/login"
	signupPath  = "/api/auth/signup"
	refreshPath = "/api/auth/refresh"

	password = "correct horse battery staple"
	browser  = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// scenario is a kind of load.
type scenario struct {
	name     string
	argon    bool             // with Argon2id as it is by default; else so cheap that the rest is seen
	floor    bool             // with the bare handler beside it
	expected map[string][]int // status codes, by the part of the scenario
	load     func(*node) *target
}

// target makes the requests for one server.
type target struct {
	client *http.Client
	next   vegeta.Targeter               // safe for concurrent use
	take   func(status int, body []byte) // is given each answer, if set
}

var scenarios = []scenario{
	{name: "me", floor: true, expected: map[string][]int{"me": {200}}, load: func(n *node) *target {
		return n.target(func(i uint64, t *vegeta.Target) { n.me(i, t) })
	}},
	{name: "refresh", expected: map[string][]int{"refresh": {200}}, load: refreshes},
	{name: "login, cheap hash", expected: map[string][]int{"login": {200}}, load: func(n *node) *target {
		return n.target(func(i uint64, t *vegeta.Target) { n.login(i, t) })
	}},
	{name: "attack mix", expected: map[string][]int{
		"me": {200}, "login": {200}, "wrong": {401}, "blocked": {429},
	}, load: attackMix},
	{name: "login, Argon2id", argon: true, expected: map[string][]int{"login": {200}}, load: func(n *node) *target {
		return n.target(func(i uint64, t *vegeta.Target) { n.login(i, t) })
	}},
}

// target numbers requests and gives each an address that hardly any other has.
func (n *node) target(fill func(i uint64, t *vegeta.Target)) *target {
	return &target{client: n.client, next: func(t *vegeta.Target) error {
		i := n.requests.Add(1)
		t.Header = http.Header{"User-Agent": {browser}, "X-Forwarded-For": {spread(i)}}
		fill(i, t)
		return nil
	}}
}

// spread is one of 131,072 addresses: 198.18.0.0/15 is for benchmarks (RFC 2544).
func spread(i uint64) string {
	return fmt.Sprintf("198.%d.%d.%d", 18+i>>16&1, i>>8&255, i&255)
}

func (n *node) me(i uint64, t *vegeta.Target) {
	t.Method, t.URL = http.MethodGet, n.url+mePath+"#me"
	t.Header.Set("Authorization", "Bearer "+n.access[i%uint64(len(n.access))])
}

func (n *node) login(i uint64, t *vegeta.Target) { n.credentials(i, password, "login", t) }

func (n *node) credentials(i uint64, password, part string, t *vegeta.Target) {
	t.Method, t.URL = http.MethodPost, n.url+loginPath+"#"+part
	t.Header.Set("Content-Type", "application/json")
	t.Body = fmt.Appendf(nil, `{"email":%q,"password":%q}`, account(i%uint64(n.accounts)), password)
}

// attackMix is ordinary use during an attack: of each twenty requests sixteen are
// guarded ones, two logins, one a wrong password from an address of its own, and
// one comes from an address that is blocked.
func attackMix(n *node) *target {
	return n.target(func(i uint64, t *vegeta.Target) {
		// The parts are interleaved; who logs in does not depend on the part.
		switch who := i / 20; i % 20 {
		case 3, 13:
			n.credentials(2*who+i%20/13, password, "login", t)
		case 8:
			n.credentials(who, "wrong", "wrong", t)
		case 18:
			n.me(i, t)
			t.URL = n.url + mePath + "#blocked"
			t.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", who%256))
		default:
			n.me(i, t)
		}
	})
}

// blocked is a network that an operator has blocked.
const blocked = "203.0.113.0/24"

// refreshes uses each session's token once, and its successor later.
func refreshes(n *node) *target {
	t := n.target(func(_ uint64, t *vegeta.Target) {
		t.Method, t.URL = http.MethodPost, n.url+refreshPath+"#refresh"
		t.Header.Set("Content-Type", "application/json")
		t.Body = fmt.Appendf(nil, `{"refresh_token":%q}`, <-n.refresh) // there are more than requests in flight
	})
	t.take = func(status int, body []byte) {
		var tokens struct {
			Refresh string `json:"refresh_token"`
		}
		if status != http.StatusOK || json.Unmarshal(body, &tokens) != nil {
			tokens.Refresh = "lost" // the run has failed, but must end
		}
		n.refresh <- tokens.Refresh
	}
	return t
}

func account(i uint64) string { return fmt.Sprintf("account%d@example.com", i) }
