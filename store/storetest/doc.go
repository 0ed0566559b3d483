// Package storetest holds the conformance suites of the stores. They own what
// "sliding", "atomic" and "durable" mean: a driver is done when it passes those of
// the ports that it implements, on a real server where it has one.
//
// A suite takes a function that opens an empty store, and is called from a test:
//
//	func TestWindows(t *testing.T) {
//		storetest.Windows(t, func(t *testing.T) gatehouse.Windows { return mystore.New() })
//	}
package storetest
