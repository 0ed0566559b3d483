// Package httpguard is net/http middleware that puts Gatehouse in front of any
// handler.
//
// For each request it recovers from panics, gives it a correlation ID, finds
// out the client's address, asks the engine whether it may go on (blocked
// addresses and request rates are refused with 429 before the handler sees
// them), and bounds its body. What it found out is in the request's context:
// see FromContext.
//
// RateLimit is middleware of its own, for limits of any kind on any handler.
//
// Refusals and errors are problem documents (RFC 9457), written by Problem in
// one place. HandlerFunc lets handlers return them, Routes gives a
// http.ServeMux such answers for unknown paths and methods, and Server has the
// timeouts that a server on the open network needs.
package httpguard
