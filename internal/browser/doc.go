// Package browser lets tests use pages as people do: in a real Chromium, with
// mouse and keyboard, finding buttons and fields by the names that a screen
// reader says.
//
// All tests of a test binary share one Chromium, which ends with it, however that
// ends; each [Page] is in a context of its own, without the others' cookies.
// A page fails its test by itself when it writes an error to the console, throws,
// breaks its content security policy, opens a dialog, or asks another host than
// the test allowed for anything at all. Every wait is bounded.
//
// Debian's package chromium is needed, which "make tools" installs.
//
// testdata/axe-core is axe-core 4.14.1 as published on npm, under the Mozilla
// Public License 2.0; it is part of tests only.
package browser
