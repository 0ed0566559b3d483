// Package trace sends OpenTelemetry traces over OTLP/HTTP: an alternative to
// Sentry's tracing for those who run a collector, Jaeger, Tempo or the like.
//
// New makes a provider of its own; nothing global is touched. Around makes the
// span of a request, and Windows, Blocks, Journal, Sightings and Alerts those
// of what it waits for.
//
// # What is sampled
//
// Whether a request is traced is decided before a span is built, so that one
// that is not costs next to nothing: a share of requests is drawn by lot. Those
// in which a rule found something, and those that ended in a server error, are
// kept by a late decision: Records marks them, and a span without children is
// made once they are answered, at most LatePerSecond of them, so that a flood
// neither costs much nor drives others out of the queue.
//
// # Who is believed
//
// A W3C traceparent from a trusted caller, such as the proxy in front, is the
// parent of the request's span, and its sampled flag decides. From anybody
// else it becomes a link of a new trace: a client can neither have itself
// traced nor write into the traces of others, and what it claims can still be
// followed. Its tracestate is not passed on. Baggage is read from nobody.
//
// # What is sent
//
// Names and attributes follow the semantic conventions of OpenTelemetry. They
// are bounded and not personal: the route and not the path, no address, no user
// agent, no account, and no text of an error. The correlation ID joins a span
// to the security log, which has the rest.
package trace
