// Package demo lives through a simulated day at a login page, for somebody who
// meets Gatehouse for the first time: ordinary people come and go, each attack
// that Gatehouse knows is made once, and what was detected is told as it
// happens.
//
// Nothing of the server is simulated. [Run] starts the real one with a data
// directory of its own, and every request goes to its handlers over HTTP on the
// loopback interface; the addresses are sent as a trusted proxy sends them. Only
// the clock is the demo's, so that a day passes in half a minute. All addresses
// are of the ranges for documentation (RFC 5737, RFC 3849), and all people and
// their passwords are made up.
//
// Every run makes the same requests in the same order, so that the demo is also
// a test: it knows what each rule must find, and that nobody who belongs there
// may be refused or reported.
package demo
