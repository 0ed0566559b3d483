// Package gatehouse holds the words of Gatehouse, a guard for the place where
// people log in, and the ports through which its engine talks to stores.
//
// The engine that counts, decides and responds is in package guard; the
// built-in rules are in package rules; the counters, blocks and the security
// log are kept by the drivers below store. This package imports none of them
// and nothing outside the standard library, so that a driver or a rule written
// elsewhere needs only this one.
//
// All values here are plain data. They are safe for concurrent use as long as
// nobody changes them.
package gatehouse
