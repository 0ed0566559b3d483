// Package testserver gives tests real Redis and PostgreSQL servers, and a proxy
// that makes the network between them fail. All listen on free loopback ports
// and end with the test, or at the latest with the test binary, however that
// ends. What a server wrote is shown when the test fails.
//
// Methods report failure through the test that the server was made for, without
// stopping it, so that they can be called from any goroutine.
package testserver
