package main

import "fmt"

// variant is what of Gatehouse is switched on.
type variant struct {
	name       string
	detection  bool // the rules, and the limit of requests from one address
	monitoring bool
	traces     string // the part of requests that Sentry gets traces of
}

// Each variant has one thing more than the one before it.
var (
	bare     = variant{name: "neither"}
	detector = variant{name: "detector", detection: true}
	capture  = variant{name: "and Sentry", detection: true, monitoring: true, traces: "0"}
	tracing  = variant{name: "and traces", detection: true, monitoring: true, traces: "0.1"}

	steps = []variant{bare, detector, capture, tracing}
	ends  = []variant{bare, tracing} // for scenarios in which steps would not show
)

// step is a difference between two variants, and how much it may be.
type step struct {
	name     string
	from, to variant
	ceiling  float64 // ms at p99
}

// together is the last of them.
var ceilings = []step{
	{"detector", bare, detector, 5},
	{"Sentry capture", detector, capture, 10},
	{"tracing", capture, tracing, 5},
	{"all together", bare, tracing, 15},
}

// config is the file of a server. Nothing in it is to make a rule fire on ordinary
// load, and each rule still counts what it counts.
func (v variant) config(argon bool, sentry, redis, postgres string) string {
	text := fmt.Sprintf(`trusted_proxies: [127.0.0.1]
log: {level: warn}
tokens: {access_ttl: 1h}
detection: {enabled: %t}
monitoring: {enabled: %t}
# Few people refresh so often as these few accounts.
rules: {rapid_token_refresh: {threshold: 1000, window: 1s}}
`, v.detection, v.monitoring)
	if !v.detection {
		text += "rate_limit: {per_second: 0, per_minute: 0}\n"
	}
	// All callers that find out what a server can do may have to wait for a hash.
	if argon {
		text += "passwords: {wait: 20s}\n"
	} else {
		text += "passwords: {memory_kib: 128, iterations: 1, wait: 20s}\n"
	}
	if v.monitoring {
		text += fmt.Sprintf("sentry: {dsn: %q, traces_sample_rate: %s}\n", sentry, v.traces)
	}
	if redis != "" {
		// Where nothing fails, a machine with too much to do is to show as latency.
		text += fmt.Sprintf("redis: {url: %q, timeout: 5s}\npostgres: {url: %q}\n", redis, postgres)
	}
	return text
}
