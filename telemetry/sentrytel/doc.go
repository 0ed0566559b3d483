// Package sentrytel reports errors, panics, traces, security events, logs and
// scheduled jobs to Sentry, with its official SDK. It is named so because the
// SDK's own package is sentry.
//
// A Monitor has a client of its own; the SDK's global hub is neither read nor
// changed. Everything that it does about a request is bounded: events wait in a
// queue of fixed length, are sent by a few goroutines with short timeouts, and
// are dropped and counted (see Monitor.Stats) when Sentry refuses, hangs, or
// asks to be left alone. Without a DSN every method does nothing, cheaply, and
// so do the methods of a nil *Monitor.
//
// # What leaves the process
//
// Events are made of what is known to be harmless: the route and never the path,
// keyed hashes of users and addresses, three harmless request headers. On top of
// that, all that leaves passes through a Scrubber in the SDK's hooks, whoever
// captured it. Bodies, cookies, query strings, attachments, the variables of
// stack frames and the host's name never leave. Addresses leave only as
// Options.IPs says.
//
// # What becomes what
//
//   - A finding becomes an event: message and tag type, tag rule, level by
//     severity, evidence as context, and a fingerprint of the attack, so that one
//     ongoing attack is one issue in Sentry.
//   - Failed and refused logins, signups and refreshes are no errors to wake
//     somebody for. The first of each type and endpoint is sent at once, as an
//     event of level info; those that follow within a minute are summed up in the
//     next one, so that a storm of a million failures is a handful of events.
//     Besides, they are the breadcrumbs of the findings that they lead to.
//   - Unexpected errors and panics become events, at most a few of one kind and
//     endpoint a minute.
//   - Requests become transactions. Whether one is kept is decided before anything
//     is built; a request that is refused with 429 or that caused a finding is
//     kept all the same, and a health check never is.
//
// The trace ID of a request is its correlation ID, so that events, logs and
// transactions of one request meet in Sentry without any state being kept.
package sentrytel
