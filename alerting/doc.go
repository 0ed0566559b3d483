// Package alerting tells people about attacks, once each. It follows the security
// log, never the login: a finding is durable before anybody can be alerted, so
// that a crash loses no alert and a storm of alerts slows no login.
//
// A [Dispatcher] goes through the findings of each node's chain, in order, from a
// cursor that is kept with what it has decided. Each [Route] that a finding
// matches joins it to a [Group] of its like. A group is told of when it opens,
// again when it still grows after the repeat interval, and when it has been quiet
// for a while. Groups, cursor and the deliveries to package outbox change in one
// transaction: a finding leads to a message exactly once, whatever dies when.
//
// Any number of nodes may run a Dispatcher on one [Store]: one of them leads, and
// another takes over when it is gone. A leader that was held up and does not know
// that it was replaced can change nothing, as each change names the term that it
// is made in.
package alerting
