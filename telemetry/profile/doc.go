// Package profile shows what a running Gatehouse spends its time and memory on.
//
// Handler has the endpoints that "go tool pprof" and "go tool trace" read.
// Recorder keeps the last seconds of the execution trace at hand, for a look
// at what has just gone wrong. Start pushes profiles to a server that speaks
// Pyroscope's protocol, all the time. Around labels what is profiled with the
// endpoint of the request.
//
// The first two show the inside of the process to whoever may ask, and belong
// on the admin listener. They are the endpoints of net/http/pprof, but not that
// package: importing it puts them on http.DefaultServeMux of every program that
// embeds Gatehouse, which may be what that program serves to the world.
//
// The Go SDK of Sentry has had no profiling since it was removed there; this
// package takes its place.
package profile
