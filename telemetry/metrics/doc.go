// Package metrics measures Gatehouse for Prometheus: what is asked, decided,
// found and refused, how the stores behind the ports do, and what waits.
//
// New makes a registry of its own; nothing global is touched. Handler serves
// it, and is meant for the admin listener. Around instruments the requests of
// package httpguard; Windows, Blocks, Journal, Sightings, Alerts and Admitter
// decorate the ports of the engine; Records is told what was written to the
// security log. What a part knows best itself comes through Watch and a few
// setters.
//
// Every label takes few values: patterns of routes, kinds, rules, words of this
// program. Nothing that a client sends becomes a label, so an attacker adds no
// series. The documentation lists all metrics: docs/metrics.md.
//
// # Cost
//
// Windows.Hit and Blocks.Blocked are called on every request and take well
// under a microsecond on the memory store, where reading the clock twice would
// be felt. They are counted exactly, by one atomic addition, and timed once in
// SampleEvery calls, which leaves the quantiles of the histogram as they are.
// The histogram's own count is therefore that of the sample. All other
// operations, which wait for a disk, a network or a turn, are timed each time.
package metrics
